# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every EXAMPLES block is run as it stands, in check mode, by ansible-playbook.

Each task has a host of its own, which is this machine, and a play of its own, so that all of them are tried in one run;
what belongs to a task, such as the assertion of what it read, comes after it in the same play. A module that finds no
server here must say so, in the words of ABSENT or, where the packages lie here but no server runs, in those of SILENT,
and no others: then the block has been read, its options were taken, and the module's own class has asked. Where there
is such a server, it may succeed as well, but not say anything else.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.plugin_docs import read_docstring
from ansible_collections.egee.box.plugins.filter import plan as plan_filter

ROOT = Path(__file__).parents[2]
COLLECTIONS = Path(plan_filter.__file__).parents[5]
KINDS = ("modules", "filter", "lookup", "test")

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NO_QMGR = f"/opt/pbs/bin/qmgr: not found in {PATH}; install the package that has it"
# What a module says where that which it talks to is not there. The others succeed everywhere: in check mode, a module
# that finds nothing foretells what it would make.
ABSENT = {
    "magrathea_vm_info-1": (
        "/run/magrathea/master.socket: No such file or directory; run the role egee.box.magrathea, or see "
        "`journalctl -u magrathea-master`"
    ),
    **dict.fromkeys(("pbs_hook-1", "pbs_hook-2", "pbs_info-1", "pbs_resource-1", "pbs_resource-2"), NO_QMGR),
    **dict.fromkeys(("pbs_node-1", "pbs_node-2", "pbs_node-3", "pbs_node-4"), NO_QMGR),
    **dict.fromkeys(("pbs_queue-1", "pbs_queue-2", "pbs_queue-3"), NO_QMGR),
    **dict.fromkeys(("pbs_sched-1", "pbs_server-1", "pbs_server-2"), NO_QMGR),
    "rootfs_image-1": "/dev/vg0/voms-root: is no device of the builder; make the volume first",
    "slurm_account-1": f"sacctmgr: not found in {PATH}; install the package that has it",
    "slurm_node-1": f"sinfo: not found in {PATH}; install the package that has it",
    "slurm_node-2": f"sinfo: not found in {PATH}; install the package that has it",
    "xen_domain-2": "ce.egee.test: is not defined; describe it in `domains`",
    "xen_domain-3": f"lvs: not found in {PATH}; install the package that has it",
    "xen_domain_info-1": "xl: not found; install the Xen toolstack (role xen_dom0)",
}
# What it says where the packages are, such as on a contributor's machine with a PBS of his own, but no daemon answers.
SILENT = {
    "magrathea_vm_info": ABSENT["magrathea_vm_info-1"].replace("No such file or directory", "Connection refused"),
    "pbs": (
        "PBS server of /etc/pbs.conf: Connection refused / qmgr: cannot connect to server; see that pbs_server runs "
        "there and its data service with it, or name another host with `server` (tried for 10 s)"
    ),
}
# What was read is judged in the example, and this machine may be another than the one that is meant there.
JUDGED = ("memory_info-1", "xen_info-1")


# Runs another playbook, and shows its lines where the results are read: test_promote.py runs it.
ELSEWHERE = ("playbook",)


def blocks() -> dict[str, list[dict[str, Any]]]:
    """The tasks of each plugin's examples."""
    found = {}
    for path in sorted(path for kind in KINDS for path in (ROOT / "plugins" / kind).glob("[a-z]*.py")):
        examples = read_docstring(str(path))["plainexamples"]
        found[path.stem] = yaml.safe_load(examples)
    return found


def plays() -> list[dict[str, Any]]:
    """A play for each task that uses the plugin, with those that follow from it; each on a host of its own."""
    made: list[dict[str, Any]] = []
    for plugin, tasks in blocks().items():
        if plugin in ELSEWHERE:
            continue
        first = True
        for task in tasks:
            if first or f"egee.box.{plugin}" in task:
                name = f"{plugin}-{sum(play['hosts'].rpartition('-')[0] == plugin for play in made) + 1}"
                made.append({"name": name, "hosts": name, "gather_facts": False, "ignore_errors": True, "tasks": []})
                first = False
            made[-1]["tasks"].append(task)
    return made


PLAYS = plays()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What became of each play's tasks."""
    place = tmp_path_factory.mktemp("examples")
    # Of the host, for the group's would give way to the inventory's.
    hosts = {play["hosts"]: {"site_state_dir": str(place)} for play in PLAYS}
    here = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    given = {
        "site_own": "{{ (lookup('egee.box.inventory', 'inventories/pps').values() | first).site_own }}",
        "networks_in_use": ["192.0.2.0/24"],
        "people": "{{ site_users | egee.box.grid_users(site_domain, '/DC=test/DC=egee/CN=EGEE-BOX CA') }}",
        "site_plan": "{{ hostvars | egee.box.plan(groups) }}",
    }
    groups = {"examples": {"hosts": hosts, "vars": here | given}, "rack7": {"hosts": {"pbs_node-1": {}}}}
    (place / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": groups}}))
    (place / "play.yml").write_text(yaml.safe_dump(PLAYS, sort_keys=False))
    (place / "plan.json").write_text('{"machines": {}, "domains": {}}')
    for name in ("hostkey.pem", "magrathea_hook.py", "nftables.conf.j2"):
        (place / name).write_text("# of the test\n")
    run = subprocess.run(
        [
            *("ansible-playbook", "--check", "--diff", place / "play.yml"),
            *("--inventory", ROOT / "inventories/containers", "--inventory", place / "hosts.yml"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            # Not that of ansible.cfg, which would speak in between.
            "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.json",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for play in json.loads(run.stdout)["plays"]:
        found[play["play"]["name"]] = [result for task in play["tasks"] for result in task["hosts"].values()]
    return found


def test_every_plugin_has_examples() -> None:
    # But callbacks, which no task names.
    assert {name for name, tasks in blocks().items() if not tasks} == set()
    assert {name for name in ABSENT if name not in {play["hosts"] for play in PLAYS}} == set()


@pytest.mark.parametrize("name", [play["hosts"] for play in PLAYS])
def test_an_example_works_or_says_who_is_missing(results: dict[str, list[dict[str, Any]]], name: str) -> None:
    assert name in results, f"{name} was not run"
    first, *rest = results[name]
    if first.get("failed"):
        kind = "pbs" if name.startswith("pbs_") else name.rpartition("-")[0]
        assert first["msg"] in (ABSENT.get(name), SILENT.get(kind)), first
        # What follows has nothing to go by.
        return
    for result in rest:
        assert not result.get("failed") or (name in JUDGED and result["msg"] == "Assertion failed"), result
