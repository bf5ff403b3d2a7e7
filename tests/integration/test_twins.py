# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Production and its twin, as Ansible reads them: sound, alike but where they are meant not to be, and protected.

No host of these sites exists, so a playbook that passes has connected to none.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins.loader import init_plugin_loader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.egee.box.plugins.filter.drift import drift_of
from ansible_collections.egee.box.plugins.filter.plan import plan_of
from ansible_collections.egee.box.plugins.lookup.inventory import LookupModule
from ansible_collections.egee.box.plugins.module_utils._plan import VARIABLES
from playing import COLLECTIONS, ENVIRONMENT, ROOT, SITES, play

NAME = "prague_cesnet"


def hosts_of(*sources: Path) -> dict[str, dict[str, Any]]:
    hosts: dict[str, dict[str, Any]] = LookupModule().run([[str(source) for source in sources]])[0]
    return hosts


def plan_of_inventory(path: Path) -> Any:
    loader = DataLoader()
    inventory = InventoryManager(loader, [str(path)])
    return plan_of(HostVars(inventory, VariableManager(loader, inventory), loader), inventory.get_groups_dict())


@pytest.fixture(scope="module", autouse=True)
def plugins() -> None:
    """Lookups in inventories are found as in a run of Ansible."""
    init_plugin_loader([str(COLLECTIONS)])


@pytest.fixture(scope="module")
def production() -> dict[str, dict[str, Any]]:
    return hosts_of(SITES / "production")


@pytest.fixture(scope="module")
def pps() -> dict[str, dict[str, Any]]:
    return hosts_of(SITES / "pps")


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    """The two inventories and their common layer, to be changed."""
    for name in ("common", "production", "pps"):
        shutil.copytree(SITES / name, tmp_path / name, symlinks=True)
    return tmp_path


def own_of(site: dict[str, dict[str, Any]]) -> list[str]:
    own: list[str] = next(iter(site.values()))["site_own"]
    return own


def test_production_and_its_twin_differ_only_where_they_are_meant_to(
    production: dict[str, dict[str, Any]], pps: dict[str, dict[str, Any]]
) -> None:
    assert drift_of(production, pps, own_of(production)) == []
    # All that is meant to be otherwise is: a name in the list that no site needs there would hide what comes later.
    same = {
        name
        for name in own_of(production)
        if all(pps[host.replace("prague", "pps.prague")].get(name) == variables.get(name)
               for host, variables in production.items() if host.replace("prague", "pps.prague") in pps)
    }  # fmt: skip
    assert same == {"layout_number"}


def test_of_what_each_has_of_its_own_nothing_is_the_others(
    production: dict[str, dict[str, Any]], pps: dict[str, dict[str, Any]]
) -> None:
    for variable in (
        "site_state_dir",
        "site_name",
        "site_domain",
        "machine_address",
        "domain_address",
        "domain_address6",
    ):
        values = [{host[variable] for host in site.values() if variable in host} for site in (production, pps)]
        assert values[0] and values[1] and not values[0] & values[1], variable


def test_seeded_drift_is_found_exactly(sites: Path) -> None:
    vault = VaultLib([("pps", VaultSecret(b"one of the test's own"))])
    for site, path, text in (
        ("production", "host_vars/metacenter07.prague.example.yml", "domain_cap: 50"),
        ("production", "group_vars/egee.yml", "domain_release: trixie"),
        ("production", "group_vars/all/vault.yml", "magrathea_token: in clear"),
        ("pps", "group_vars/all/vault.yml", f"magrathea_token: !vault |\n{_indented(vault, 'sesame')}"),
        ("pps", "host_vars/voms.pps.prague.example.yml", "domain_memory: 640\nvoms_extra: [/voce/physics]"),
        ("pps", "host_vars/ui.pps.prague.example.yml", "ui_ce: https://ce.prague.example:443/arex"),
        ("pps", "more.yml", "{all: {children: {se: {hosts: {se2.pps.prague.example: }}}}}"),
        ("pps", "moved.yml", "{all: {children: {bdii: {hosts: {mon.pps.prague.example: }}}}}"),
    ):
        file = sites / site / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"---\n{text}\n")
    run = play("drift.yml", sites / "production")
    assert run.returncode == 2, run.stdout
    assert shown_drift(run.stdout) == [
        "the host is there only (se2)",
        "domain_cap is 50 here and 0 there (metacenter07)",
        'domain_release is "trixie" here and "bookworm" there '
        "(egee01, egee02, egee03, egee04, egee05, egee06 and 4 more)",
        'group_names is ["domains", "mon"] here and ["bdii", "domains", "mon"] there (mon)',
        "magrathea_token is a secret there only (all hosts)",
        'ui_ce is not set here and "https://ce.prague.example:443/arex" there (ui)',
        'voms_extra is not set here and ["/voce/physics"] there (voms)',
    ]
    assert "sesame" not in run.stdout and "in clear" not in run.stdout
    assert "ok=3" in run.stdout and "changed=0" in run.stdout and "UNREACHABLE" not in run.stdout


def shown_drift(stdout: str) -> list[str]:
    """The lines of the report, which YAML may have broken."""
    task = stdout.partition("TASK [Show the drift")[2].partition("TASK [")[0]
    return " ".join(task.partition("msg:\n    - ")[2].split()).split(" - ")


def _indented(vault: VaultLib, secret: str) -> str:
    return "\n".join(f"  {line}" for line in vault.encrypt(secret).decode().splitlines())


@contextlib.contextmanager
def untraced() -> Iterator[None]:
    """Without what make coverage traces by, which takes as long as what it traces."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


def test_the_plan_of_production_is_sound_and_made_in_two_seconds() -> None:
    taken = []
    for _attempt in range(2):
        began = time.process_time()
        with untraced():
            found = plan_of_inventory(SITES / "production")
        taken.append(time.process_time() - began)
    assert min(taken) < 2
    assert found["faults"] == []
    tenants = {name.partition(".")[0]: machine["domains"] for name, machine in found["machines"].items()}
    assert len(tenants["box"]) == 12
    assert {name: len(domains) for name, domains in tenants.items() if name != "box"} == {
        **{f"node{number:02d}": 2 for number in range(1, 11)},
        **{f"host{number:02d}": 2 for number in range(1, 41)},
    }
    sharing = {name.rstrip("0123456789"): found["machines"][f"{name}.prague.example"]["sharing"] for name in tenants}
    assert sharing == {"box": "none", "node": "cpus", "host": "whole"}


def test_the_plan_of_the_twin_is_sound_on_half_the_memory() -> None:
    production, pps = (plan_of_inventory(SITES / site) for site in ("production", "pps"))
    assert pps["faults"] == []
    for name, domain in pps["domains"].items():
        assert domain["memory"] * 2 == production["domains"][name.replace("pps.", "")]["memory"]


@pytest.mark.parametrize("playbook", ["plan.yml", "drift.yml"])
def test_the_site_is_checked_without_the_password_of_its_vault(sites: Path, playbook: str) -> None:
    for site in ("production", "pps"):
        vault = VaultLib([(site, VaultSecret(site.encode()))])
        secret = f"---\nmagrathea_token: !vault |\n{_indented(vault, 'sesame')}\n"
        (sites / site / "group_vars/all/vault.yml").write_text(secret)
    run = play(playbook, sites / "production")
    assert run.returncode == 0, run.stdout


# What changes nothing, and so asks nothing.
READERS = {"plan", "drift", "memory", "verify"}


def imports(playbook: Path) -> list[str]:
    plays = yaml.safe_load(playbook.read_text())
    return [Path(play.get("ansible.builtin.import_playbook", "")).stem for play in plays]


def test_every_playbook_that_changes_anything_asks_before_its_first_play() -> None:
    playbooks = {path.stem: imports(path) for path in (ROOT / "playbooks").glob("*.yml")}
    assert set(playbooks) > READERS
    # It changes this site by the last of these only; before, the twin, in a run of its own that asks for itself.
    assert playbooks.pop("promote") == ["plan", "", "drift", "", "site"]

    def asks_first(name: str) -> bool:
        # Until something has asked, only the plan may have been made.
        for imported in playbooks[name]:
            if imported == "confirm":
                return True
            if imported != "plan":
                return imported in playbooks and asks_first(imported)
        return False

    assert {name for name in playbooks if name != "confirm" and not asks_first(name)} == READERS


@pytest.mark.parametrize(
    ("site", "options", "passes"),
    [
        ("production", (), False),
        ("production", ("-e", "confirm=prague_cesnet_pps"), False),
        ("production", ("--limit", "ui.prague.example", "--tags", "ui"), False),
        ("production", ("-e", f"confirm={NAME}"), True),
        ("production", ("--check",), True),
        ("pps", (), True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_a_protected_site_is_changed_only_by_its_name(site: str, options: tuple[str, ...], passes: bool) -> None:
    run = play("confirm.yml", SITES / site, *options)
    assert run.returncode == (0 if passes else 2), run.stdout
    assert (f"add -e confirm={NAME};" in run.stdout) == (not passes)


def test_nothing_is_done_to_a_protected_site_that_was_not_confirmed() -> None:
    run = play("site.yml", SITES / "production")
    assert run.returncode == 2, run.stdout
    assert "PLAY [Ask before" in run.stdout
    assert "PLAY [Prepare the machines]" not in run.stdout
    assert "UNREACHABLE" not in run.stdout


@pytest.mark.parametrize(("answer", "code"), [(NAME, 0), ("yes", 2)])
def test_at_a_terminal_the_name_is_asked_for(answer: str, code: int) -> None:
    ours, theirs = pty.openpty()
    command = ["ansible-playbook", "--inventory", SITES / "production", ROOT / "playbooks/confirm.yml"]
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command], env=ENVIRONMENT, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said, deadline = b"", time.monotonic() + 120
    try:
        while b"TASK [Refuse without" not in said and time.monotonic() < deadline:
            # What is typed before the prompt listens is thrown away, so it is typed until it is heard.
            if b"type its name" in said and not select.select([ours], [], [], 2)[0]:
                os.write(ours, answer.encode() + b"\r")
            said += os.read(ours, 65536) if select.select([ours], [], [], 2)[0] else b""
        with contextlib.suppress(OSError):  # What Linux says at the end of a terminal.
            while more := os.read(ours, 65536):
                said += more
        assert process.wait(60) == code, said.decode()
    finally:
        process.kill()
        os.close(ours)


@pytest.mark.parametrize("copy", ["-r", "-rL"])
def test_a_new_site_is_a_copy_of_the_twin_with_another_domain(sites: Path, copy: str) -> None:
    place = sites if copy == "-r" else sites / "elsewhere"
    place.mkdir(exist_ok=True)
    mine = place / "mine"
    subprocess.run(["cp", copy, sites / "pps", mine], check=True)
    for file in (mine / "hosts.yml", mine / "group_vars/all/site.yml"):
        file.write_text(file.read_text().replace("pps.prague.example", "mine.example"))
    found = plan_of_inventory(mine)
    assert found["faults"] == []
    assert len(found["domains"]) == 20
    assert all(name.endswith(".mine.example") for name in [*found["machines"], *found["domains"]])


def test_every_variable_of_the_model_the_site_and_the_layout_is_documented_once(
    production: dict[str, dict[str, Any]],
) -> None:
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs/inventories.md").read_text(), re.MULTILINE)
    documented = Counter(re.findall(r"`((?:machine|domain|site|layout|batch)_[a-z0-9_]+)`", " ".join(rows)))
    assert {name for name, count in documented.items() if count > 1} == set()
    prefixes = ("machine_", "domain_", "site_", "layout_")
    used = {name for variables in production.values() for name in variables if name.startswith(prefixes)}
    assert used and used | set(VARIABLES) <= set(documented)
