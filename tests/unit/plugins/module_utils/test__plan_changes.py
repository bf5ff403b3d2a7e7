# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan would change of what was deployed, one thing at a time, and what is remembered of a run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.egee.box.plugins.filter.plan_changes import changes_of
from ansible_collections.egee.box.plugins.filter.plan_record import record_of
from ansible_collections.egee.box.plugins.module_utils._plan import plan
from ansible_collections.egee.box.plugins.module_utils._plan_changes import EFFECTS, LIVE
from ansible_collections.egee.box.plugins.module_utils._plan_hosts import mac_address
from ansible_collections.egee.box.plugins.module_utils._plan_model import Plan
from ansible_collections.egee.box.plugins.module_utils._xen_plan import LIVE_ACTIONS

M1, M2, BOX, CE, SE, UI = (f"{name}.site.test" for name in ("m1", "m2", "box", "ce", "se", "ui"))
HOSTS: dict[str, dict[str, Any]] = {
    **{
        name: {
            "machine_memory": 4096,
            "machine_dom0_memory": 1024,
            "machine_cpus": 4,
            "machine_address": f"10.1.0.{number}/24",
            "machine_address6": f"fd01::{number}/64",
        }
        for number, name in enumerate((M1, M2, BOX), 1)
    },
    **{
        name: {
            "domain_dom0": dom0,
            "domain_memory": 512,
            "domain_release": "trixie",
            "domain_root_size": 2048,
            "domain_address": f"10.1.0.{number}/24",
            "domain_address6": f"fd01::{number}/64",
        }
        for number, (name, dom0) in enumerate(((CE, M1), (SE, M1), (UI, BOX)), 11)
    },
}
HOSTS[M1]["site_vos"] = [
    {"name": "voce", "voms_host": "voms.other.test", "voms_port": 15000, "gid": 5000, "queue": "egee",
     "pool": {"prefix": "voce", "first_uid": 5001, "accounts": 10}}
]  # fmt: skip
HOSTS[BOX]["machine_hypervisor"] = "docker"
GROUPS = {"dom0s": [M1, M2, BOX], "domains": [CE, SE, UI], "ce": [CE], "se": [SE], "ui": [UI]}


def planned(changes: dict[str, dict[str, Any]] | None = None, groups: dict[str, list[str]] | None = None) -> Plan:
    """The site's plan, with some variables and groups otherwise."""
    hosts = {name: {**variables, **(changes or {}).get(name, {})} for name, variables in HOSTS.items()}
    found = plan(hosts, {**GROUPS, **(groups or {})}, lambda _path: False)
    assert found["faults"] == []
    return found


def record(found: Plan, before: str = "", done: list[str] | None = None) -> str:
    return json.dumps(record_of(found, before, [*HOSTS] if done is None else done))


# What is set otherwise, and all that is told of it.
CHANGES: dict[str, tuple[dict[str, dict[str, Any]], list[str]]] = {
    "memory": ({CE: {"domain_memory": 768}}, [f"{CE}: memory 512 -> 768, live"]),
    "vcpus": ({CE: {"domain_vcpus": 4}}, [f"{CE}: vcpus 1 -> 4, live"]),
    "more vcpus than it was built for": (
        {M1: {"machine_cpus": 8}, CE: {"domain_vcpus": 5}},
        [f"{M1}: cpus 4 -> 8, restart", f"{CE}: vcpus 1 -> 5, restart"],
    ),
    "weight and cap": (
        {CE: {"domain_weight": 512, "domain_cap": 50}},
        [f"{CE}: weight 256 -> 512, live", f"{CE}: cap 0 -> 50, live"],
    ),
    "MAC address": (
        {CE: {"domain_mac": "00:16:3e:00:00:01"}},
        [f"{CE}: mac {mac_address(CE)} -> 00:16:3e:00:00:01, rebuild"],
    ),
    "addresses": (
        {CE: {"domain_address": "10.1.0.99/24", "domain_address6": None}},
        [
            f"{CE}: address 10.1.0.11/24 -> 10.1.0.99/24, rebuild",
            f"{CE}: address6 fd01::11/64 -> -, rebuild",
        ],
    ),
    "release": ({CE: {"domain_release": "bookworm"}}, [f"{CE}: release trixie -> bookworm, rebuild"]),
    "disks": (
        {CE: {"domain_root_size": 4096, "domain_scratch_size": 1024}},
        [f"{CE}: root 2048 -> 4096, rebuild", f"{CE}: scratch - -> 1024, rebuild"],
    ),
    "a move, which takes all else with it": (
        {CE: {"domain_dom0": M2, "domain_memory": 768}},
        [f"{CE}: machine {M1} -> {M2}, rebuild", f"{CE}: memory 512 -> 768, rebuild"],
    ),
    "a bridge, of a machine and its domains": (
        {M1: {"machine_bridge": "xenbr1"}},
        [f"{name}: bridge xenbr0 -> xenbr1, restart" for name in (M1, CE, SE)],
    ),
    "dom0's memory": ({M1: {"machine_dom0_memory": 2048}}, [f"{M1}: dom0_memory 1024 -> 2048, restart"]),
    "storage": (
        {M1: {"machine_storage": "lun"}},
        [f"{M1}: storage lvm -> lun, rebuild", f"{M1}: volume_group vg0 -> -, rebuild"],
    ),
    "a machine's memory, which is only told": ({M1: {"machine_memory": 8192}}, []),
    "a container's memory and address": (
        {UI: {"domain_memory": 768, "domain_address": "10.1.0.99/24"}},
        [f"{UI}: memory 512 -> 768, live", f"{UI}: address 10.1.0.13/24 -> 10.1.0.99/24, live"],
    ),
    "a container's release and scratch": (
        {UI: {"domain_release": "bookworm", "domain_scratch_size": 1024}},
        [f"{UI}: release trixie -> bookworm, rebuild", f"{UI}: scratch - -> there, rebuild"],
    ),
    "what means nothing to a container": (
        {UI: {"domain_mac": "00:16:3e:00:00:01", "domain_root_size": 4096}, BOX: {"machine_cpus": 2}},
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("otherwise", "told"), CHANGES.values(), ids=CHANGES)
def test_each_change_is_told_with_what_it_needs(otherwise: dict[str, dict[str, Any]], told: list[str]) -> None:
    deployed = record(planned())
    assert changes_of(planned(), deployed) == []
    assert changes_of(planned(otherwise), deployed) == told


def test_a_service_comes_while_the_domain_runs_and_goes_only_with_its_root() -> None:
    both = planned(groups={"bdii": [SE]})
    assert changes_of(both, record(planned())) == [f"{SE}: services se -> se,bdii, live"]
    assert changes_of(planned(), record(both)) == [f"{SE}: services se,bdii -> se, rebuild"]
    assert changes_of(planned(groups={"se": []}), record(planned())) == [f"{SE}: services se -> -, rebuild"]


def test_hosts_come_and_go() -> None:
    small = planned(groups={"dom0s": [M1, BOX], "domains": [CE, UI], "se": []})
    assert changes_of(planned(), record(small)) == [f"{M2}: new", f"{SE}: new, on {M1}"]
    gone = "not in the inventory any more"
    assert changes_of(small, record(planned())) == [
        f"{M2}: {gone}; it stays until somebody removes it",
        f"{SE}: {gone}, on {M1}; it stays until somebody removes it",
    ]


def test_a_site_that_was_never_deployed_is_new_as_a_whole() -> None:
    assert changes_of(planned(), "") == ["never deployed: all of it is new"]


CE_MORE, SE_MORE = {CE: {"domain_memory": 768}}, {SE: {"domain_memory": 768}}
CE_LINE, SE_LINE = (f"{name}: memory 512 -> 768, live" for name in (CE, SE))


@pytest.mark.parametrize(
    ("done", "left"),
    [
        ([*HOSTS], []),
        ([M1, CE], [SE_LINE]),
        ([CE, SE], [CE_LINE, SE_LINE]),
        ([M1], [CE_LINE, SE_LINE]),
        ([], [CE_LINE, SE_LINE]),
    ],
    ids=["all", "a domain and its machine", "domains alone", "a machine alone", "nobody"],
)
def test_what_a_run_has_not_come_to_is_still_to_be_done(done: list[str], left: list[str]) -> None:
    wanted = planned({**CE_MORE, **SE_MORE})
    assert changes_of(wanted, record(wanted, record(planned()), done)) == left


@pytest.mark.parametrize(("done", "forgotten"), [([M1, M2, BOX, CE, UI], True), ([M1, CE], False)])
def test_who_has_left_is_forgotten_when_all_of_the_site_is_done(done: list[str], forgotten: bool) -> None:
    small = planned(groups={"domains": [CE, UI], "se": []})
    assert (changes_of(small, record(small, record(planned()), done)) == []) == forgotten


def test_what_was_removed_is_new_again() -> None:
    left = record_of(planned(), record(planned()), gone=[BOX, UI])
    assert changes_of(planned(), json.dumps(left)) == [f"{BOX}: new", f"{UI}: new, on {BOX}"]


def test_what_an_older_record_does_not_have_is_not_compared() -> None:
    older = json.loads(record(planned()))
    del older["domains"][CE]["memory"]
    assert changes_of(planned({**CE_MORE, **SE_MORE}), json.dumps(older)) == [SE_LINE]


@pytest.mark.parametrize("damaged", ["{", "[]", "{}", '{"machines": 1, "domains": 2}'])
def test_a_damaged_record_is_refused_with_its_cure(damaged: str) -> None:
    for ask in (changes_of, lambda found, text: record_of(found, text, [])):
        with pytest.raises(
            AnsibleFilterError, match="is damaged; remove plan.json in site_state_dir, and run site.yml"
        ):
            ask(planned(), damaged)


def test_what_is_live_is_what_xen_domain_makes_live() -> None:
    live = {field for field, effect in EFFECTS["domains"]["xen"].items() if effect == LIVE}
    assert live == {*LIVE_ACTIONS, "services"}
