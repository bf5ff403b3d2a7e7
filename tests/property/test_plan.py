# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of every plan, whatever the site."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._plan import VARIABLES, plan
from ansible_collections.egee.box.plugins.module_utils._plan_changes import changes, read_record, remember
from ansible_collections.egee.box.plugins.module_utils._plan_hosts import mac_address
from ansible_collections.egee.box.plugins.module_utils._plan_text import faults as render
from ansible_collections.egee.box.plugins.module_utils._plan_text import table
from ansible_collections.egee.box.plugins.module_utils._services import SERVICES
from hypothesis import assume, given
from hypothesis import strategies as st

NETWORK = ipaddress.IPv4Network("10.0.0.0/16")
NETWORK6 = ipaddress.IPv6Network("fd00::/64")
VO = {
    "name": "voce", "voms_host": "voms.other.test", "voms_port": 15000, "gid": 5000, "queue": "egee", "priority": True,
    "pool": {"prefix": "voce", "first_uid": 5001, "accounts": 10},
}  # fmt: skip
Site = tuple[dict[str, dict[str, Any]], dict[str, list[str]]]


def no_file(path: str) -> bool:
    return False


@st.composite
def machines(draw: st.DrawFn, number: int) -> dict[str, Any]:
    return {
        "machine_hypervisor": draw(st.sampled_from(["xen", "docker"])),
        "machine_storage": draw(st.sampled_from(["lvm", "lun"])),
        "machine_dom0_memory": draw(st.integers(100, 10000)),
        "machine_cpus": draw(st.integers(4, 64)),
        "machine_address": f"{NETWORK[number + 1]}/16",
        "machine_address6": f"{NETWORK6[number + 1]}/64",
    }


@st.composite
def sharing(draw: st.DrawFn, nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """How a machine's worker nodes may share it, if it has any: each must get all its memory in its turn."""
    if not nodes:
        return {}
    floors = sum(node["domain_memory_floor"] for node in nodes)
    least = floors + max(node["domain_memory"] - node["domain_memory_floor"] for node in nodes)
    most = sum(node["domain_memory"] for node in nodes)
    return {
        "machine_sharing": draw(st.sampled_from(["none", "whole", "cpus"])),
        "machine_sharing_memory": draw(st.just(0) | st.just(least) | st.integers(least, most)),
    }


@st.composite
def domains(draw: st.DrawFn, number: int, dom0s: list[str]) -> dict[str, Any]:
    vcpus = draw(st.integers(1, 4))
    families = draw(st.sampled_from([("domain_address",), ("domain_address6",), ("domain_address", "domain_address6")]))
    addresses = {"domain_address": f"{NETWORK[number + 300]}/16", "domain_address6": f"{NETWORK6[number + 300]}/64"}
    memory = draw(st.integers(100, 4000))
    return {
        "domain_dom0": draw(st.sampled_from(dom0s)),
        "domain_memory": memory,
        "domain_memory_floor": draw(st.integers(100, memory)),
        "domain_priority": draw(st.booleans()),
        "domain_vcpus": vcpus,
        "domain_weight": draw(st.integers(1, 65535)),
        "domain_cap": draw(st.integers(0, 100 * vcpus)),
        "domain_release": draw(st.sampled_from(["bookworm", "trixie"])),
        "domain_root_size": draw(st.integers(1, 10**6)),
        "domain_scratch_size": draw(st.integers(0, 10**6)),
        "domain_root_mode": draw(st.sampled_from(["dedicated", "shared"])),
        **{family: addresses[family] for family in families},
    }


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """A sound site of up to three machines and twelve domains, each with up to three services."""
    dom0s = [f"m{number}.site.test" for number in range(draw(st.integers(1, 3)))]
    names = [f"d{number}.site.test" for number in range(draw(st.integers(0, 12)))]
    hosts = {name: draw(machines(number)) for number, name in enumerate(dom0s)}
    hosts |= {name: draw(domains(number, dom0s)) for number, name in enumerate(names)}
    groups: dict[str, list[str]] = {"dom0s": dom0s, "domains": names}
    for name in names:
        for group in draw(st.sets(st.sampled_from(sorted(SERVICES.keys() - {"voms"})), max_size=3)):
            groups.setdefault(group, []).append(name)
    for service in SERVICES.values():
        if groups.get(service.group):
            for needed in service.needs:
                groups.setdefault(needed, names[:1])
    for name in dom0s:
        tenants = [domain for domain in names if hosts[domain]["domain_dom0"] == name]
        needed = hosts[name]["machine_dom0_memory"] + sum(hosts[domain]["domain_memory"] for domain in tenants)
        hosts[name]["machine_memory"] = needed + draw(st.integers(0, 8000))
        hosts[name] |= draw(sharing([hosts[domain] for domain in tenants if domain in groups.get("wn", ())]))
    hosts[dom0s[0]]["site_vos"] = [VO]
    return hosts, groups


near = st.sampled_from(["10.0.1.44/16", "fd00::1:1/64", "m0.site.test", "/srv/root.tar"])
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | near,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(sites())
def test_a_sound_site_has_no_faults_and_every_host_a_place(site: Site) -> None:
    hosts, groups = site
    found = plan(hosts, groups, no_file)
    assert found["faults"] == []
    assert sorted(found["machines"]) == sorted(groups["dom0s"])
    assert sorted(found["domains"]) == sorted(groups["domains"])
    assert sorted(host["name"] for host in found["hosts"]) == sorted(hosts)
    placed = [name for machine in found["machines"].values() for name in machine["domains"]]
    assert sorted(placed) == sorted(groups["domains"])


@given(sites())
def test_memory_is_split_without_remainder(site: Site) -> None:
    found = plan(*site, no_file)
    for machine in found["machines"].values():
        memory = machine["memory"]
        assert memory["domains"] == sum(found["domains"][name]["memory"] for name in machine["domains"])
        assert memory["dom0"] + memory["domains"] + memory["free"] == memory["total"]
        assert memory["free"] >= 0


@given(sites())
def test_a_machine_starts_its_domains_in_the_order_of_their_services(site: Site) -> None:
    found = plan(*site, no_file)
    for machine in found["machines"].values():
        ranks = [(found["domains"][name]["start_order"], name) for name in machine["domains"]]
        assert ranks == sorted(ranks)


@given(sites())
def test_every_disk_of_a_machine_has_a_path_of_its_own(site: Site) -> None:
    found = plan(*site, no_file)
    for machine in found["machines"].values():
        paths = [disk["path"] for name in machine["domains"] for disk in found["domains"][name]["disks"]]
        if machine["hypervisor"] == "xen":
            assert len(set(paths)) == len(paths)
        else:
            assert set(paths) <= {None}


@given(sites(), st.randoms())
def test_the_order_of_an_inventory_does_not_matter(site: Site, random: Any) -> None:
    hosts, groups = site
    shuffled = {name: random.sample(members, len(members)) for name, members in groups.items()}
    names = random.sample(list(hosts), len(hosts))
    first, second = plan(hosts, groups, no_file), plan({name: hosts[name] for name in names}, shuffled, no_file)
    assert json.dumps(first) == json.dumps(second)


@given(sites(), st.data())
def test_what_one_domain_asks_for_changes_no_other(site: Site, data: st.DataObject) -> None:
    hosts, groups = site
    assume(groups["domains"])
    name = data.draw(st.sampled_from(groups["domains"]))
    before = plan(hosts, groups, no_file)
    less = {"domain_memory": 100, "domain_memory_floor": 100, "domain_weight": 77}
    after = plan({**hosts, name: {**hosts[name], **less}}, groups, no_file)
    assert {**after["domains"][name], "memory": 0, "weight": 0} == {**before["domains"][name], "memory": 0, "weight": 0}
    del before["domains"][name], after["domains"][name]
    assert before["domains"] == after["domains"]


@given(sites(), st.data())
def test_whatever_a_variable_holds_the_plan_is_whole_or_says_why_not(site: Site, data: st.DataObject) -> None:
    hosts, groups = site
    host = data.draw(st.sampled_from(sorted(hosts)))
    variable = data.draw(st.sampled_from(VARIABLES))
    found = plan({**hosts, host: {**hosts[host], variable: data.draw(junk)}}, groups, no_file)
    json.dumps(found)
    if found["faults"]:
        assert not (found["machines"] or found["domains"] or found["hosts"])
        for fault in found["faults"]:
            assert fault["host"] in (*hosts, "all")
            assert fault["fault"] and fault["cure"]
            assert f"{fault['host']}: {fault['variable']}" in render(found["faults"])
    else:
        assert all(name in table(found) for name in hosts)


@given(sites(), st.data())
def test_memory_that_is_too_much_is_always_refused_and_each_cure_cures(site: Site, data: st.DataObject) -> None:
    hosts, groups = site
    name = data.draw(st.sampled_from(groups["dom0s"]))
    memory = plan(hosts, groups, no_file)["machines"][name]["memory"]
    needed = memory["dom0"] + memory["domains"]
    assert plan({**hosts, name: {**hosts[name], "machine_memory": needed}}, groups, no_file)["faults"] == []
    excess = data.draw(st.integers(1, needed - 1))
    short = {**hosts, name: {**hosts[name], "machine_memory": needed - excess}}
    faults = plan(short, groups, no_file)["faults"]
    assert [(fault["host"], fault["variable"]) for fault in faults] == [(name, "machine_memory")]
    assert f"= {needed} MiB, {excess} MiB too many" in faults[0]["fault"]
    assert f"raise it to {needed} MiB" in faults[0]["cure"]
    if lower := re.search(r"domain_memory of (\S+) to (\d+) MiB", faults[0]["cure"]):
        lowered = {**short, lower[1]: {**hosts[lower[1]], "domain_memory": int(lower[2])}}
        lowered[lower[1]].pop("domain_memory_floor")
        assert "machine_memory" not in {fault["variable"] for fault in plan(lowered, groups, no_file)["faults"]}
    if move := re.search(r"move (\S+) to (\S+)", faults[0]["cure"]):
        moved = {**short, move[1]: {**hosts[move[1]], "domain_dom0": move[2]}}
        assert "machine_memory" not in {fault["variable"] for fault in plan(moved, groups, no_file)["faults"]}


@given(sites())
def test_whoever_runs_on_a_shared_machine_can_be_handed_all_its_memory(site: Site) -> None:
    hosts, groups = site
    found = plan(hosts, groups, no_file)
    turns = [state for state in found["states"] if not state["frozen"]]
    shared = [name for name, machine in found["machines"].items() if machine["sharing"] != "none"]
    movable = [name for name in shared if hosts[name]["machine_sharing_memory"]]
    assert sorted(state["runs"] for state in turns) == [
        name for name in sorted(groups.get("wn", ())) if hosts[name]["domain_dom0"] in movable
    ]
    for state in turns:
        assert state["memory"].pop(state["runs"]) == hosts[state["runs"]]["domain_memory"]
        assert all(memory == hosts[name]["domain_memory_floor"] for name, memory in state["memory"].items())
        assert state["total"] <= state["limit"]
    for name in movable:
        needed = max(state["total"] for state in turns if state["machine"] == name)
        less = {**hosts, name: {**hosts[name], "machine_sharing_memory": needed - 1}}
        faults = plan(less, groups, no_file)["faults"]
        assert [(fault["host"], fault["variable"]) for fault in faults] == [(name, "machine_sharing_memory")]
        assert f"raise it to {needed} MiB" in faults[0]["cure"]


def spoiled(site: Site, places: dict[str, str]) -> set[str]:
    """The machines and domains that would be at fault if some domains were elsewhere, but not what they leave."""
    hosts, groups = site
    moved = {name: {**hosts[name], "domain_dom0": place} for name, place in places.items()}
    return {fault["host"] for fault in plan({**hosts, **moved}, groups, no_file)["faults"]} - {
        hosts[name]["domain_dom0"] for name in places
    }


@given(sites())
def test_a_domain_can_move_wherever_the_plan_would_be_sound(site: Site) -> None:
    hosts, groups = site
    found = plan(hosts, groups, no_file)
    for name, domain in found["domains"].items():
        for other in groups["dom0s"]:
            if found["machines"][other]["hypervisor"] == domain["hypervisor"] and other != domain["machine"]:
                assert (other in found["moves"][name]) == (not spoiled(site, {name: other}))
            else:
                assert other not in found["moves"][name]


@given(sites())
def test_what_a_lost_machine_leaves_finds_all_the_room_there_is(site: Site) -> None:
    hosts, groups = site
    found = plan(hosts, groups, no_file)
    for lost, places in found["losses"].items():
        assert sorted(places) == sorted(found["machines"][lost]["domains"])
        placed = {name: place for name, place in places.items() if place}
        assert not spoiled(site, placed)
        for name in places.keys() - placed.keys():
            assert all(spoiled(site, {**placed, name: other}) for other in found["moves"][name])


@given(sites(), sites(), st.data())
def test_nothing_would_change_of_what_was_deployed_and_each_host_counts_by_itself(
    first: Site, second: Site, data: st.DataObject
) -> None:
    before, after = plan(*first, no_file), plan(*second, no_file)
    deployed = remember(None, before, first[0])
    assert read_record(json.dumps(deployed)) == deployed
    assert changes(deployed, before) == []
    assert changes(remember(deployed, after, second[0]), after) == []
    done = data.draw(st.sets(st.sampled_from(sorted(second[0]))))
    settled = {name for name in done if name in after["machines"] or after["domains"][name]["machine"] in done}
    due, left = (
        {line.partition(":")[0] for line in changes(record, after)} & second[0].keys()
        for record in (deployed, remember(deployed, after, done))
    )
    assert left == due - settled


@given(st.text())
def test_a_mac_address_is_of_xens_range_and_of_the_name_alone(name: str) -> None:
    assert re.fullmatch(r"00:16:3e:[0-7][0-9a-f](:[0-9a-f]{2}){2}", mac_address(name))
    assert mac_address(name) == mac_address(str(name))
