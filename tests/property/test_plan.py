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
from ansible_collections.egee.box.plugins.module_utils._plan_hosts import mac_address
from ansible_collections.egee.box.plugins.module_utils._plan_text import faults as render
from ansible_collections.egee.box.plugins.module_utils._plan_text import table
from ansible_collections.egee.box.plugins.module_utils._services import SERVICES
from hypothesis import assume, given
from hypothesis import strategies as st

NETWORK = ipaddress.IPv4Network("10.0.0.0/16")
NETWORK6 = ipaddress.IPv6Network("fd00::/64")
Site = tuple[dict[str, dict[str, Any]], dict[str, list[str]]]


def no_file(path: str) -> bool:
    return False


@st.composite
def machines(draw: st.DrawFn, number: int) -> dict[str, Any]:
    return {
        "machine_hypervisor": draw(st.sampled_from(["xen", "docker"])),
        "machine_storage": draw(st.sampled_from(["lvm", "lun"])),
        "machine_memory": draw(st.integers(60000, 10**6)),
        "machine_dom0_memory": draw(st.integers(100, 10000)),
        "machine_cpus": draw(st.integers(4, 64)),
        "machine_address": f"{NETWORK[number + 1]}/16",
        "machine_address6": f"{NETWORK6[number + 1]}/64",
    }


@st.composite
def domains(draw: st.DrawFn, number: int, dom0s: list[str]) -> dict[str, Any]:
    vcpus = draw(st.integers(1, 4))
    families = draw(st.sampled_from([("domain_address",), ("domain_address6",), ("domain_address", "domain_address6")]))
    addresses = {"domain_address": f"{NETWORK[number + 300]}/16", "domain_address6": f"{NETWORK6[number + 300]}/64"}
    return {
        "domain_dom0": draw(st.sampled_from(dom0s)),
        "domain_memory": draw(st.integers(100, 4000)),
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
        for group in draw(st.sets(st.sampled_from(sorted(SERVICES)), max_size=3)):
            groups.setdefault(group, []).append(name)
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
    after = plan({**hosts, name: {**hosts[name], "domain_memory": 4001, "domain_weight": 77}}, groups, no_file)
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
def test_memory_that_is_one_too_many_is_always_refused(site: Site, data: st.DataObject) -> None:
    hosts, groups = site
    name = data.draw(st.sampled_from(groups["dom0s"]))
    memory = plan(hosts, groups, no_file)["machines"][name]["memory"]
    needed = memory["dom0"] + memory["domains"]
    assert plan({**hosts, name: {**hosts[name], "machine_memory": needed}}, groups, no_file)["faults"] == []
    found = plan({**hosts, name: {**hosts[name], "machine_memory": needed - 1}}, groups, no_file)
    assert [(fault["host"], fault["variable"]) for fault in found["faults"]] == [(name, "machine_memory")]
    assert f"= {needed} MiB, 1 MiB too many" in found["faults"][0]["fault"]


@given(st.text())
def test_a_mac_address_is_of_xens_range_and_of_the_name_alone(name: str) -> None:
    assert re.fullmatch(r"00:16:3e:[0-7][0-9a-f](:[0-9a-f]{2}){2}", mac_address(name))
    assert mac_address(name) == mac_address(str(name))
