# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each inventory under tests/inventories/broken breaks one rule and is refused for it; the shipped ones break none.

A broken one is the sound one of that directory and, read after it, a file with what is wrong.

The plan of each is asked for through Ansible's own inventory and variables, all in one process; the playbook itself
is run on a few. No host of these sites exists, so a playbook that passes has connected to none.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.egee.box.plugins.filter import plan as plan_filter
from ansible_collections.egee.box.plugins.filter.plan import plan_of
from ansible_collections.egee.box.plugins.module_utils._plan_text import faults as render

ROOT = Path(__file__).parents[2]
BROKEN = ROOT / "tests/inventories/broken"
# Where ansible-playbook finds the collection that is imported here.
COLLECTIONS = Path(plan_filter.__file__).parents[5]

M1, M2, CE, UI, WN1 = (f"{name}.broken.test" for name in ("m1", "m2", "ce", "ui", "wn1"))
PRAGUE_2 = "user-interface-of-prague-2.broken.test"
ANOTHER_ADDRESS = "give one of the two another address"

# The inventory, and of its one fault: host, variable, value, and what the fault and the cure must say.
RULES: dict[str, tuple[str, str, Any, str, str]] = {
    "address-family-without-bridge": (
        UI, "domain_address6", "fd09::3/64", f"{M1} has no IPv6 address", f"set machine_address6 of {M1}",
    ),
    "address-missing": (UI, "domain_address", None, "nor is domain_address6", "set domain_address, domain_address6 or"),
    "address-of-broadcast": (UI, "domain_address", "10.9.0.255/24", "is the broadcast address", "choose a host's"),
    "address-of-dom0": (UI, "domain_address", "10.9.0.1/24", f"is also the address of {M1}, its dom0", ANOTHER_ADDRESS),
    "address-of-gateway": (UI, "domain_address", "10.9.0.254/24", "of the gateway", "choose another address"),
    "address-of-network": (UI, "domain_address", "10.9.0.0/24", "is the network address", "choose a host's address"),
    "address-outside-network": (UI, "domain_address", "10.9.1.3/24", "lies outside 10.9.0.0/24", "choose an address"),
    "address-twice": (UI, "domain_address", "10.9.0.2/24", f"is also the address of {CE}", ANOTHER_ADDRESS),
    "address-without-prefix": (UI, "domain_address", "10.9.0.3", "with a prefix length", "write it like 10.0.0.2/24"),
    "address6-outside-network": (UI, "domain_address6", "fd0a::3/64", "lies outside fd09::/64", "choose an address"),
    "address6-twice": (UI, "domain_address6", "fd09::2/64", f"is also the address of {CE}", ANOTHER_ADDRESS),
    "batch-system-unknown": ("all", "batch_system", "lsf", "is not openpbs or slurm", "set it to openpbs or slurm"),
    "cap-out-of-range": (UI, "domain_cap", 150, "is more than 100 %", "make it 100 % of a CPU at most"),
    "disks-alike": (PRAGUE_2, "inventory_hostname", PRAGUE_2, "virtio-user-interface-of-pr", "keep short names to 12"),
    "disks-do-not-fit": (
        M1, "machine_volume_group_size", 2048, "1024 (ce-root) + 1024 (ui-root) + 512 (ui-scratch) = 2560 MiB",
        f"enlarge vg0 to 2560 MiB, or lower the domain_scratch_size of {UI} to 0 MiB",
    ),
    "dom0-as-domain": (
        "m3.broken.test", "group_names", ["dom0s", "domains"], "is a dom0 and a domain at once", "take it out of one",
    ),
    "dom0-missing": (UI, "domain_dom0", None, "is not set", f"set it to {M1} or {M2}"),
    "dom0-two": (UI, "domain_dom0", [M1, M2], "a domain runs on one", f"keep one: {M1} or {M2}"),
    "dom0-unknown": (UI, "domain_dom0", "m3.broken.test", "is no host of the group dom0s", f"set it to {M1} or {M2}"),
    "domain-under-100-mb": (UI, "domain_memory", 99, "is less than 100 MiB", "make it at least 100 MiB"),
    "hypervisor-unknown": (M1, "machine_hypervisor", "kvm", "is not xen or docker", "set it to xen or docker"),
    "local-queue-of-vo": ("all", "site_local.queue", "egee", "is also that of voce", "a queue of their own"),
    "local-uid-of-vo": ("all", "site_local.users[0].uid", 5005, "of which voce has 5001-5010", "begin at 5011"),
    "mac-twice": (
        "wn4344.broken.test", "domain_mac", "00:16:3e:01:8f:0a", "is also the MAC address of wn3379.broken.test",
        "set the domain_mac of one of the two to another address",
    ),
    "lrms-unknown": (CE, "site_lrms", "condor", "is not of the right form", "write it like fork"),
    "machine-memory-missing": (M1, "machine_memory", None, "is not set", "set it to a whole number of MiB"),
    "memory-does-not-fit": (
        M1, "machine_memory", 1024, "512 (dom0) + 256 (ce) + 300 (ui) = 1068 MiB, 44 MiB too many",
        f"raise it to 1068 MiB, lower the domain_memory of {UI} to 256 MiB, or move {CE} to {M2}",
    ),
    "name-not-qualified": ("spare", "inventory_hostname", "spare", "is not a fully qualified", "name the host like"),
    "name-twice": (UI, "inventory_hostname", UI, "is the same name as UI.broken.test", "rename one of the two"),
    "number-as-text": (UI, "domain_memory", "256", "is text where a whole number belongs", "without quotes"),
    "priority-as-text": (WN1, "domain_priority", "no", "where a truth value belongs", "write true or false"),
    "priority-of-no-vo": (
        "all", "site_vos", None, f"gives no VO priority, so no job ever comes to {WN1}", "set priority: true for a VO",
    ),
    "protected-as-text": ("all", "site_protected", "yes", "where a truth value belongs", "write true or false"),
    "release-file-missing": (UI, "domain_release", "/nonexistent/ui.tar.gz", "is no file", "put the file there"),
    "release-unknown": (UI, "domain_release", "jammy", "is neither a Debian suite", "one of bookworm, trixie"),
    "root-mode-unknown": (UI, "domain_root_mode", "overlay", "is not dedicated or shared", "set it to dedicated"),
    "service-without-domain": (M1, "group_names", ["mon"], "but is no domain", "make mon a child of the group domains"),
    "sharing-floor-above-memory": (
        WN1, "domain_memory_floor", 600, "is more than its domain_memory, 512 MiB", "make it 512 MiB at most",
    ),
    "sharing-memory-too-large": (
        M2, "machine_sharing_memory", 2000, "is more than dom0 and other domains leave of 2048 MiB, 1280 MiB",
        "make it 1280 MiB at most",
    ),
    "sharing-memory-too-small": (
        M2, "machine_sharing_memory", 600, "cannot be handed to wn1: 512 (wn1) + 128 (wn2) = 640 MiB, 40 MiB too many",
        "raise it to 640 MiB, or lower the domain_memory_floor of the others by 40 MiB together",
    ),
    "sharing-unknown": (M2, "machine_sharing", "halves", "is not none or whole or cpus", "set it to none or whole"),
    "sharing-without-nodes": (
        M1, "machine_sharing", "whole", "a machine without worker nodes", "set the domain_dom0 of some worker nodes",
    ),
    "short-name-twice": (
        "ui.other.test", "inventory_hostname", "ui.other.test", f"has the short name of {UI}", "is called ui",
    ),
    "template-undefined": (UI, "domain_memory", None, "'memory_of_a_ui' is undefined", "correct its template"),
    "vcpus-beyond-cpus": (UI, "domain_vcpus", 2, f"is more than the CPUs of {M1}, 1", "make it 1 at most"),
    "vo-gid-twice": ("all", "site_vos[1].gid", 5000, "is also that of voce", "give each VO a gid of its own"),
    "vo-uids-overlap": (
        "all", "site_vos[1].pool.first_uid", 5010, "takes the uids 5010-5019, of which voce has 5001-5010",
        "begin at 5011 or later",
    ),
    "vo-without-name": ("all", "site_vos[1].name", None, "is not set", "set it to text such as voce"),
    "vo-without-queue": ("all", "site_vos[0].queue", None, "is not set", "set it to text such as egee"),
    "vo-without-voms": ("all", "site_vos[0].voms_host", None, "is not set", "set it to text such as voms.egee.test"),
    "voms-host-without-voms": (
        "all", "site_vos[0].voms_host", CE, "is no host of the group voms", "name one of them, or put it into",
    ),
    "voms-port-twice": (
        "all", "site_vos[1].voms_port", 15000, "is also that of voce", "give each VO of voms.other.test a port",
    ),
    "voms-without-vo": (UI, "group_names", ["voms"], "is the voms_host of no VO", "make it that of a VO in site_vos"),
    "vos-missing": ("all", "site_vos", [], "is empty, but there are services", "write a VO as an entry '- name: ...'"),
    "weight-out-of-range": (UI, "domain_weight", 65536, "is more than 65535", "make it 65535 at most"),
    "wms-without-topbdii": (
        UI, "group_names", ["wms"], "but nobody serves topbdii", "put a host into the group topbdii",
    ),
}  # fmt: skip


# Those of the broken ones that are broken in different places.
TOGETHER = (
    "address-missing", "batch-system-unknown", "cap-out-of-range", "hypervisor-unknown", "local-queue-of-vo",
    "number-as-text", "protected-as-text", "release-unknown", "root-mode-unknown", "service-without-domain",
    "sharing-floor-above-memory", "sharing-memory-too-large", "voms-port-twice", "weight-out-of-range",
    "wms-without-topbdii",
)  # fmt: skip


def broken(*rules: str) -> list[Path]:
    return [BROKEN / "sound.yml", *(BROKEN / f"{rule}.yml" for rule in rules)]


def plan_of_inventory(*sources: Path) -> Any:
    loader = DataLoader()
    inventory = InventoryManager(loader, [str(source) for source in sources])
    return plan_of(HostVars(inventory, VariableManager(loader, inventory), loader), inventory.get_groups_dict())


def run_plan(sources: list[Path], *options: str) -> subprocess.CompletedProcess[str]:
    """The playbook's run, errors among the rest of what it says."""
    return subprocess.run(
        ["ansible-playbook", *(f"--inventory={source}" for source in sources), ROOT / "playbooks/plan.yml", *options],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_every_broken_inventory_has_its_rule() -> None:
    assert sorted(path.stem for path in BROKEN.iterdir()) == sorted([*RULES, "sound"])
    assert plan_of_inventory(*broken())["faults"] == []


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_inventory_is_refused_by_host_variable_value_and_cure(rule: str) -> None:
    host, variable, value, text, cure = RULES[rule]
    faults = plan_of_inventory(*broken(rule))["faults"]
    message = render(faults)
    assert len(faults) == 1, message
    shown = "" if value is None else f" = {json.dumps(value)}"
    heading, found, cured = message.splitlines()[1:]
    assert heading == f"- {host}: {variable}{shown}"
    assert text in found
    assert cure in cured.removeprefix("    cure: ")


def test_all_that_is_wrong_is_told_at_once() -> None:
    alone = [plan_of_inventory(*broken(rule))["faults"][0] for rule in TOGETHER]
    together = plan_of_inventory(*broken(*TOGETHER))["faults"]
    assert sorted(map(str, together)) == sorted(map(str, alone))


@pytest.mark.parametrize("rules", [("template-undefined",), TOGETHER], ids=["one fault", "many faults"])
def test_the_playbook_fails_with_the_whole_message(rules: tuple[str, ...]) -> None:
    run = run_plan(broken(*rules))
    assert run.returncode == 2, run.stdout
    for line in render(plan_of_inventory(*broken(*rules))["faults"]).splitlines():
        assert line.strip() in run.stdout
    assert "UNREACHABLE" not in run.stdout


@pytest.mark.parametrize("site", ["containers", "lab"])
def test_a_shipped_inventory_is_sound(site: str) -> None:
    found = plan_of_inventory(ROOT / "inventories" / site)
    assert found["faults"] == []
    assert len(found["domains"]) == 12
    assert {domain["release"] for domain in found["domains"].values()} == {"bookworm", "trixie"}


@pytest.mark.parametrize("options", [(), ("--check",), ("--limit", "ce.lab.test")], ids=" ".join)
def test_the_playbook_shows_the_plan_of_all_hosts_however_it_is_run(options: tuple[str, ...]) -> None:
    run = run_plan([ROOT / "inventories/lab"], *options)
    assert run.returncode == 0, run.stdout
    for name in plan_of_inventory(ROOT / "inventories/lab")["domains"]:
        assert f"  {name} " in run.stdout
    assert "changed=0" in run.stdout
