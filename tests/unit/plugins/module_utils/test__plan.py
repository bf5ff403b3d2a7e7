# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: what follows from a sound site, and the one fault of each site that is not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible_collections.egee.box.plugins.module_utils._plan import VARIABLES, plan
from ansible_collections.egee.box.plugins.module_utils._plan_hosts import mac_address
from ansible_collections.egee.box.plugins.module_utils._plan_read import Unreadable
from ansible_collections.egee.box.plugins.module_utils._plan_text import faults as render
from ansible_collections.egee.box.plugins.module_utils._plan_text import table
from ansible_collections.egee.box.plugins.module_utils._services import SERVICES

M1, M2, CE, WN, UI = "m1.site.test", "m2.site.test", "ce.site.test", "wn.site.test", "ui.site.test"
VOCE: dict[str, Any] = {
    "name": "voce",
    "voms_host": "voms.other.test",
    "voms_port": 15000,
    "gid": 5000,
    "pool": {"prefix": "voce", "first_uid": 5001, "accounts": 10},
    "queue": "egee",
}
ATLAS: dict[str, Any] = {
    **VOCE, "name": "atlas", "voms_port": 15001, "gid": 6000,
    "pool": {"prefix": "atlas", "first_uid": 6001, "accounts": 10},
}  # fmt: skip
GONE = object()
SUITES = "bookworm, trixie, forky, sid"
NOT_A_FILE = "is neither a Debian suite that can be had nor a root filesystem's file"
NAME_A_ROOT = f"set it to one of {SUITES}, or to the absolute path of a .tar, .tar.*, .img or .raw"
NAME_A_HOST = "name the host like ce.egee.test: letters, digits, hyphens and dots, 64 at most"
PLAIN_NUMBER = "write the number alone, without quotes and without a unit"


def machine(number: int, **more: Any) -> dict[str, Any]:
    return {
        "machine_memory": 2048,
        "machine_dom0_memory": 1024,
        "machine_cpus": 2,
        "machine_address": f"10.1.0.{number}/24",
        "machine_address6": f"fd01::{number}/64",
        **more,
    }


def domain(number: int, dom0: str, **more: Any) -> dict[str, Any]:
    return {
        "domain_dom0": dom0,
        "domain_memory": 256,
        "domain_release": "trixie",
        "domain_root_size": 2048,
        "domain_address": f"10.1.0.{number}/24",
        "domain_address6": f"fd01::{number}/64",
        "batch_system": "slurm",
        "site_vos": [VOCE, ATLAS],
        **more,
    }


SITE: dict[str, dict[str, Any]] = {
    M1: machine(1),
    M2: machine(2, machine_storage="lun", machine_gateway="10.1.0.254"),
    CE: domain(11, M1, domain_vcpus=2, domain_weight=512, domain_cap=150),
    WN: domain(12, M2, domain_scratch_size=510),
    UI: domain(13, M1),
}
GROUPS = {"dom0s": [M2, M1], "domains": [WN, UI, CE], "ce": [CE], "batch": [WN], "wn": [WN], "ui": [UI]}


def no_file(path: str) -> bool:
    return False


def changed(changes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The sound site with some variables of some hosts set otherwise, or GONE."""
    hosts = copy.deepcopy(SITE)
    for host, variables in changes.items():
        merged = {**hosts.get(host, {}), **variables}
        hosts[host] = {name: value for name, value in merged.items() if value is not GONE}
    return hosts


def fault(host: str, variable: str, value: Any, text: str, cure: str) -> dict[str, Any]:
    return {"host": host, "variable": variable, "value": value, "fault": text, "cure": cure}


# What is set otherwise in the sound site, and the one fault that must come of it.
ONE_VARIABLE_WRONG = {
    "a CE that runs jobs in a way that is none": (
        {CE: {"site_lrms": "forks"}},
        fault(CE, "site_lrms", "forks", "is not of the right form", "write it like fork"),
    ),
    "memory that does not fit is refused with the arithmetic": (
        {UI: {"domain_memory": 800}},
        fault(
            M1,
            "machine_memory",
            2048,
            "does not hold what it is split into: 1024 (dom0) + 256 (ce) + 800 (ui) = 2080 MiB, 32 MiB too many",
            f"raise it to 2080 MiB, lower the domain_memory of {UI} to 768 MiB, or move {CE} to {M2}",
        ),
    ),
    "a domain of just what is too much is worth moving, and the smallest that helps is named": (
        {CE: {"domain_memory": 900}, UI: {"domain_memory": 450}, M2: {"machine_memory": 2200}},
        fault(
            M1,
            "machine_memory",
            2048,
            "does not hold what it is split into: 1024 (dom0) + 900 (ce) + 450 (ui) = 2374 MiB, 326 MiB too many",
            f"raise it to 2374 MiB, lower the domain_memory of {CE} to 574 MiB, or move {UI} to {M2}",
        ),
    ),
    "a domain of exactly what is too much may move": (
        {M1: {"machine_memory": 1280}},
        fault(
            M1,
            "machine_memory",
            1280,
            "does not hold what it is split into: 1024 (dom0) + 256 (ce) + 256 (ui) = 1536 MiB, 256 MiB too many",
            f"raise it to 1536 MiB, lower the domain_memory of some by 256 MiB together, or move {CE} to {M2}",
        ),
    ),
    "a machine that is its own gateway is no second holder of its address": (
        {M1: {"machine_gateway": "10.1.0.1"}, UI: {"domain_address": "10.1.0.1/24"}},
        fault(
            UI,
            "domain_address",
            "10.1.0.1/24",
            f"is also the address of {M1}, its dom0",
            "give one of the two another address, such as 10.1.0.3",
        ),
    ),
    "a dom0 without its memory is refused": (
        {M1: {"machine_memory": GONE}},
        fault(M1, "machine_memory", None, "is not set", "set it to a whole number of MiB"),
    ),
    "a dom0 that shares out no memory to itself is refused": (
        {M1: {"machine_dom0_memory": 0}},
        fault(M1, "machine_dom0_memory", 0, "is less than 100 MiB", "make it at least 100 MiB"),
    ),
    "a domain under 100 MiB is refused": (
        {UI: {"domain_memory": 99}},
        fault(UI, "domain_memory", 99, "is less than 100 MiB", "make it at least 100 MiB"),
    ),
    "text for a number is refused": (
        {UI: {"domain_memory": "256"}},
        fault(UI, "domain_memory", "256", "is text where a whole number belongs", PLAIN_NUMBER),
    ),
    "a truth value for a number is refused": (
        {UI: {"domain_vcpus": True}},
        fault(UI, "domain_vcpus", True, "is a truth value where a whole number belongs", PLAIN_NUMBER),
    ),
    "a fraction for a number is refused": (
        {M1: {"machine_cpus": 1.5}},
        fault(M1, "machine_cpus", 1.5, "is a fraction where a whole number belongs", PLAIN_NUMBER),
    ),
    "a mapping for a number is refused": (
        {UI: {"domain_root_size": {"size": 2048}}},
        fault(UI, "domain_root_size", {"size": 2048}, "is a mapping where a whole number belongs", PLAIN_NUMBER),
    ),
    "a list for a number is refused": (
        {UI: {"domain_cap": []}},
        fault(UI, "domain_cap", [], "is a list where a whole number belongs", PLAIN_NUMBER),
    ),
    "a variable whose template fails is refused": (
        {UI: {"domain_weight": Unreadable("'nosuch' is undefined")}},
        fault(
            UI,
            "domain_weight",
            None,
            "cannot be worked out: 'nosuch' is undefined",
            "correct its template, or define what that refers to",
        ),
    ),
    "more vcpus than the dom0 has CPUs are refused": (
        {UI: {"domain_vcpus": 3}},
        fault(
            UI,
            "domain_vcpus",
            3,
            f"is more than the CPUs of {M1}, 2",
            f"make it 2 at most, or correct the machine_cpus of {M1}",
        ),
    ),
    "a weight of nothing is refused": (
        {UI: {"domain_weight": 0}},
        fault(UI, "domain_weight", 0, "is less than 1", "make it at least 1"),
    ),
    "a weight beyond the scheduler's is refused": (
        {UI: {"domain_weight": 65536}},
        fault(UI, "domain_weight", 65536, "is more than 65535", "make it 65535 at most"),
    ),
    "a cap of more than all vcpus is refused": (
        {CE: {"domain_cap": 201}},
        fault(CE, "domain_cap", 201, "is more than 200 % of a CPU", "make it 200 % of a CPU at most"),
    ),
    "a negative cap is refused": (
        {CE: {"domain_cap": -1}},
        fault(CE, "domain_cap", -1, "is less than 0 % of a CPU", "make it at least 0 % of a CPU"),
    ),
    "an unknown dom0 is refused": (
        {UI: {"domain_dom0": "m3.site.test"}},
        fault(UI, "domain_dom0", "m3.site.test", "is no host of the group dom0s", f"set it to {M1} or {M2}"),
    ),
    "a domain on two dom0s is refused": (
        {UI: {"domain_dom0": [M1, M2]}},
        fault(UI, "domain_dom0", [M1, M2], "is 2 machines, but a domain runs on one", f"keep one: {M1} or {M2}"),
    ),
    "a domain without a dom0 is refused": (
        {UI: {"domain_dom0": GONE}},
        fault(UI, "domain_dom0", None, "is not set", f"set it to {M1} or {M2}"),
    ),
    "a domain without an address of either family is refused": (
        {UI: {"domain_address": GONE, "domain_address6": GONE}},
        fault(
            UI,
            "domain_address",
            None,
            "is not set, nor is domain_address6",
            "set domain_address, domain_address6 or both",
        ),
    ),
    "an address without its prefix length is refused": (
        {UI: {"domain_address": "10.1.0.13"}},
        fault(
            UI,
            "domain_address",
            "10.1.0.13",
            "is not an IPv4 address with a prefix length",
            "write it like 10.0.0.2/24",
        ),
    ),
    "an address of the other family is refused": (
        {UI: {"domain_address6": "10.1.0.13/24"}},
        fault(
            UI,
            "domain_address6",
            "10.1.0.13/24",
            "is not an IPv6 address with a prefix length",
            "write it like fd00::2/64",
        ),
    ),
    "an address outside the bridge's network is refused": (
        {UI: {"domain_address": "10.2.0.13/24"}},
        fault(
            UI,
            "domain_address",
            "10.2.0.13/24",
            f"lies outside 10.1.0.0/24, the bridge's network on {M1}",
            f"choose an address in 10.1.0.0/24, or correct the machine_address of {M1}",
        ),
    ),
    "an IPv6 address outside the bridge's network is refused": (
        {UI: {"domain_address6": "fd02::13/64"}},
        fault(
            UI,
            "domain_address6",
            "fd02::13/64",
            f"lies outside fd01::/64, the bridge's network on {M1}",
            f"choose an address in fd01::/64, or correct the machine_address6 of {M1}",
        ),
    ),
    "a prefix length other than the bridge's is refused": (
        {UI: {"domain_address": "10.1.0.13/16"}},
        fault(
            UI,
            "domain_address",
            "10.1.0.13/16",
            "has another prefix length than 10.1.0.0/24, the bridge's network",
            "write it as 10.1.0.13/24",
        ),
    ),
    "an address of a family that the bridge has not is refused": (
        {M2: {"machine_address6": GONE}},
        fault(
            WN,
            "domain_address6",
            "fd01::12/64",
            f"has no network to lie in: {M2} has no IPv6 address",
            f"set machine_address6 of {M2}, or leave domain_address6 out",
        ),
    ),
    "the network's own address is refused": (
        {UI: {"domain_address": "10.1.0.0/24"}},
        fault(UI, "domain_address", "10.1.0.0/24", "is the network address of 10.1.0.0/24", "choose a host's address"),
    ),
    "the network's own IPv6 address is refused": (
        {UI: {"domain_address6": "fd01::/64"}},
        fault(UI, "domain_address6", "fd01::/64", "is the network address of fd01::/64", "choose a host's address"),
    ),
    "the broadcast address is refused": (
        {UI: {"domain_address": "10.1.0.255/24"}},
        fault(
            UI, "domain_address", "10.1.0.255/24", "is the broadcast address of 10.1.0.0/24", "choose a host's address"
        ),
    ),
    "the address of its own dom0 is refused": (
        {UI: {"domain_address": "10.1.0.1/24"}},
        fault(
            UI,
            "domain_address",
            "10.1.0.1/24",
            f"is also the address of {M1}, its dom0",
            "give one of the two another address, such as 10.1.0.3",
        ),
    ),
    "the address of another domain is refused": (
        {UI: {"domain_address6": "fd01::0:11/64"}},
        fault(
            UI,
            "domain_address6",
            "fd01::11/64",
            f"is also the address of {CE}",
            "give one of the two another address, such as fd01::13",
        ),
    ),
    "one address for two dom0s is refused": (
        {M2: {"machine_address": "10.1.0.1/24"}},
        fault(
            M2,
            "machine_address",
            "10.1.0.1/24",
            f"is also the address of {M1}",
            "give one of the two another address, such as 10.1.0.2",
        ),
    ),
    "the address of the gateway is refused": (
        {WN: {"domain_address": "10.1.0.254/24"}},
        fault(
            WN,
            "domain_address",
            "10.1.0.254/24",
            "is the address of the gateway of 10.1.0.0/24",
            "choose another address in 10.1.0.0/24",
        ),
    ),
    "a gateway outside the bridge's network is refused": (
        {M2: {"machine_gateway": "10.9.0.1"}},
        fault(
            M2,
            "machine_gateway",
            "10.9.0.1",
            "is not in 10.1.0.0/24",
            "name the router by its address in the bridge's own network",
        ),
    ),
    "a gateway with a prefix length is refused": (
        {M2: {"machine_gateway6": "fd01::fe/64"}},
        fault(M2, "machine_gateway6", "fd01::fe/64", "is not a plain IPv6 address", "write it like fd00::2"),
    ),
    "one MAC address for two domains is refused": (
        {UI: {"domain_mac": mac_address(CE)}},
        fault(
            UI,
            "domain_mac",
            mac_address(CE),
            f"is also the MAC address of {CE}",
            "set the domain_mac of one of the two to another address",
        ),
    ),
    "a MAC address of many is refused": (
        {UI: {"domain_mac": "01:00:5e:00:00:01"}},
        fault(UI, "domain_mac", "01:00:5e:00:00:01", "is not of the right form", "write it like 00:16:3e:12:34:56"),
    ),
    "a number for text is refused": (
        {M1: {"machine_volume_group": 0}},
        fault(M1, "machine_volume_group", 0, "is a number where text belongs", "write it as text, such as vg0"),
    ),
    "a bridge's name too long for Linux is refused": (
        {M1: {"machine_bridge": "bridge-of-the-site"}},
        fault(M1, "machine_bridge", "bridge-of-the-site", "is not of the right form", "write it like xenbr0"),
    ),
    "an unknown hypervisor is refused": (
        {M1: {"machine_hypervisor": "kvm"}},
        fault(
            M1, "machine_hypervisor", "kvm", "is not xen or docker", "set it to xen or docker, or leave it out for xen"
        ),
    ),
    "an unknown storage is refused": (
        {M1: {"machine_storage": "zfs"}},
        fault(M1, "machine_storage", "zfs", "is not lvm or lun", "set it to lvm or lun, or leave it out for lvm"),
    ),
    "an unknown way of sharing is refused": (
        {M1: {"machine_sharing": "halves"}},
        fault(
            M1,
            "machine_sharing",
            "halves",
            "is not none or whole or cpus",
            "set it to none or whole or cpus, or leave it out for none",
        ),
    ),
    "a release of another distribution is refused": (
        {UI: {"domain_release": "jammy"}},
        fault(UI, "domain_release", "jammy", NOT_A_FILE, NAME_A_ROOT),
    ),
    "a root filesystem by a relative path is refused": (
        {UI: {"domain_release": "images/ui.tar.gz"}},
        fault(UI, "domain_release", "images/ui.tar.gz", NOT_A_FILE, NAME_A_ROOT),
    ),
    "a root filesystem of an unknown kind is refused": (
        {UI: {"domain_release": "/srv/ui.iso"}},
        fault(UI, "domain_release", "/srv/ui.iso", NOT_A_FILE, NAME_A_ROOT),
    ),
    "a root filesystem that is not there is refused": (
        {UI: {"domain_release": "/srv/ui.tar.gz"}},
        fault(
            UI,
            "domain_release",
            "/srv/ui.tar.gz",
            "is no file on the controller",
            "put the file there, or correct the path",
        ),
    ),
    "a domain without a release is refused": (
        {UI: {"domain_release": GONE}},
        fault(
            UI, "domain_release", None, "is not set", f"set it to one of {SUITES}, or the path of a tarball or image"
        ),
    ),
    "an unknown root mode is refused": (
        {UI: {"domain_root_mode": "overlay"}},
        fault(
            UI,
            "domain_root_mode",
            "overlay",
            "is not dedicated or shared",
            "set it to dedicated or shared, or leave it out for dedicated",
        ),
    ),
    "disks that do not fit are refused with the arithmetic": (
        {M1: {"machine_volume_group": "data", "machine_volume_group_size": 4096}, UI: {"domain_scratch_size": 1}},
        fault(
            M1,
            "machine_volume_group_size",
            4096,
            "does not hold the disks of its domains: 2048 (ce-root) + 2048 (ui-root) + 4 (ui-scratch) = 4100 MiB, "
            "4 MiB too many",
            f"enlarge data to 4100 MiB, or lower the domain_scratch_size of {UI} to 0 MiB",
        ),
    ),
    "an unknown batch system is refused": (
        {host: {"batch_system": "lsf"} for host in (CE, WN, UI)},
        fault(
            "all",
            "batch_system",
            "lsf",
            "is not openpbs or slurm",
            "set it to openpbs or slurm, or leave it out for the roles' own default",
        ),
    ),
    "local users that are a list are refused": (
        {CE: {"site_local": ["jan"]}},
        fault(
            "all",
            "site_local",
            ["jan"],
            "is not a mapping with a list of users",
            "write it like {queue: local, group: local, gid: 6000, users: [{name: jan, uid: 6001}]}",
        ),
    ),
    "the gid of a VO for local users is refused": (
        {CE: {"site_local": {"queue": "local", "gid": 5000}}},
        fault("all", "site_local.gid", 5000, "is also that of voce", "give local users a gid of their own"),
    ),
    "two batch systems in one site are refused": (
        {UI: {"batch_system": "openpbs"}},
        fault(
            UI,
            "batch_system",
            "openpbs",
            f"is not what {CE} has, but is one for the whole site",
            "set it once, in group_vars/all",
        ),
    ),
}


def vos(*entries: Any) -> dict[str, dict[str, Any]]:
    return {host: {"site_vos": list(entries)} for host in (CE, WN, UI)}


VOS_WRONG = {
    "a VO without a name is refused": (
        [{**VOCE, "name": None}],
        fault("all", "site_vos[0].name", None, "is not set", "set it to text such as voce"),
    ),
    "a VO twice is refused": (
        [VOCE, {**ATLAS, "name": "voce"}],
        fault("all", "site_vos[1].name", "voce", "is also that of site_vos[0]", "list each VO once"),
    ),
    "one gid for two VOs is refused": (
        [VOCE, {**ATLAS, "gid": 5000}],
        fault("all", "site_vos[1].gid", 5000, "is also that of voce", "give each VO a gid of its own"),
    ),
    "a gid of the system's own is refused": (
        [{**VOCE, "gid": 0}],
        fault("all", "site_vos[0].gid", 0, "is less than 1000", "make it at least 1000"),
    ),
    "a VO without pool accounts is refused": (
        [{**VOCE, "pool": None}],
        fault(
            "all",
            "site_vos[0].pool",
            None,
            "is not set",
            "write it like {prefix: voce, first_uid: 5001, accounts: 10}",
        ),
    ),
    "pool accounts that are no mapping are refused": (
        [{**VOCE, "pool": "voce"}],
        fault(
            "all",
            "site_vos[0].pool",
            "voce",
            "is text where a mapping belongs",
            "write it like {prefix: voce, first_uid: 5001, accounts: 10}",
        ),
    ),
    "one prefix for two pools is refused": (
        [VOCE, {**ATLAS, "pool": {**ATLAS["pool"], "prefix": "voce"}}],
        fault("all", "site_vos[1].pool.prefix", "voce", "is also that of voce", "give each pool a prefix of its own"),
    ),
    "uids of two pools that overlap are refused": (
        [VOCE, {**ATLAS, "pool": {**ATLAS["pool"], "first_uid": 5010}}],
        fault(
            "all",
            "site_vos[1].pool.first_uid",
            5010,
            "takes the uids 5010-5019, of which voce has 5001-5010",
            "begin at 5011 or later",
        ),
    ),
    "an entry that is only a name is refused": (
        ["voce"],
        fault(
            "all",
            "site_vos",
            ["voce"],
            "is not a list of mappings",
            "write each VO as an entry '- name: ...' of a list",
        ),
    ),
}
CASES = {
    **ONE_VARIABLE_WRONG,
    **{name: (vos(*entries), expected) for name, (entries, expected) in VOS_WRONG.items()},
}


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES.keys())
def test_refused(changes: dict[str, dict[str, Any]], expected: dict[str, Any]) -> None:
    found = plan(changed(changes), GROUPS, no_file)
    assert found["faults"] == [expected]
    message = render(found["faults"])
    assert message.startswith("There is 1 fault in the inventory; nothing has been touched.\n")
    for part in (expected["host"], expected["variable"], expected["fault"], expected["cure"]):
        assert part in message
    if expected["value"] is not None:
        assert f"{expected['variable']} = {json.dumps(expected['value'])}" in message


LONG = "a-worker-node-so-long.site.test"
LONG_1, LONG_2 = "worker-node-of-the-site-1.site.test", "worker-node-of-the-site-2.site.test"

# What is set otherwise, the groups, and the one fault.
GROUPS_WRONG = {
    "a name that is not fully qualified is refused": (
        {"gum": domain(14, M1)},
        {"domains": ["gum"]},
        fault("gum", "inventory_hostname", "gum", "is not a fully qualified host name", NAME_A_HOST),
    ),
    "a name with an underscore is refused": (
        {"ce_1.test": domain(14, M1)},
        {"domains": ["ce_1.test"]},
        fault("ce_1.test", "inventory_hostname", "ce_1.test", "is not a fully qualified host name", NAME_A_HOST),
    ),
    "a name longer than Linux takes is refused": (
        {f"a.{'b' * 60}.test": domain(14, M1)},
        {"domains": [f"a.{'b' * 60}.test"]},
        fault(
            f"a.{'b' * 60}.test",
            "inventory_hostname",
            f"a.{'b' * 60}.test",
            "is not a fully qualified host name",
            NAME_A_HOST,
        ),
    ),
    "a name twice but for capitals is refused": (
        {"UI.site.test": domain(14, M1)},
        {"domains": [UI, "UI.site.test"]},
        fault(
            UI,
            "inventory_hostname",
            UI,
            "is the same name as UI.site.test, for capitals do not count",
            "rename one of the two",
        ),
    ),
    "a short name twice is refused": (
        {"ui.test": domain(14, M1)},
        {"domains": [UI, "ui.test"]},
        fault(
            "ui.test",
            "inventory_hostname",
            "ui.test",
            f"has the short name of {UI}",
            "rename one of the two, so that only one is called ui",
        ),
    ),
    "a host that is a dom0 and a domain is refused": (
        {M1: domain(1, M2)},
        {"domains": [M1]},
        fault(
            M1, "group_names", ["dom0s", "domains"], "is a dom0 and a domain at once", "take it out of one of the two"
        ),
    ),
    "a service on a host that is no domain is refused": (
        {},
        {"domains": [], "mon": [M2]},
        fault(
            M2,
            "group_names",
            ["mon"],
            "is to serve mon, but is no domain",
            "make mon a child of the group domains, or take the host out of it",
        ),
    ),
    "two disks of a domain that virtio cannot tell apart are refused": (
        {LONG: domain(14, M2, domain_scratch_size=512)},
        {"domains": [LONG]},
        fault(
            LONG,
            "inventory_hostname",
            LONG,
            f"has a disk a-worker-node-so-long-scratch that {M2} shows as "
            "/dev/disk/by-id/virtio-a-worker-node-so-lon, as it does a-worker-node-so-long-root",
            "keep short names to 12 characters, so that no disk's name is cut off",
        ),
    ),
    "disks of two domains that virtio cannot tell apart are refused": (
        {LONG_1: domain(14, M2), LONG_2: domain(15, M2)},
        {"domains": [LONG_1, LONG_2]},
        fault(
            LONG_2,
            "inventory_hostname",
            LONG_2,
            f"has a disk worker-node-of-the-site-2-root that {M2} shows as "
            "/dev/disk/by-id/virtio-worker-node-of-the-s, as it does worker-node-of-the-site-1-root",
            "keep short names to 12 characters, so that no disk's name is cut off",
        ),
    ),
}


@pytest.mark.parametrize(("changes", "groups", "expected"), GROUPS_WRONG.values(), ids=GROUPS_WRONG.keys())
def test_refused_for_its_groups(
    changes: dict[str, dict[str, Any]], groups: dict[str, list[str]], expected: dict[str, Any]
) -> None:
    found = plan(changed(changes), {"dom0s": [M1, M2], **groups}, no_file)
    assert found["faults"] == [expected]


def test_all_faults_are_listed_at_once_and_nothing_is_planned() -> None:
    hosts = changed({M1: {"machine_memory": "2048"}, UI: {"domain_memory": 1, "domain_weight": 0}})
    found = plan(hosts, GROUPS, no_file)
    places = [(fault["host"], fault["variable"]) for fault in found["faults"]]
    assert places == [(M1, "machine_memory"), (UI, "domain_memory"), (UI, "domain_weight")]
    assert (found["machines"], found["domains"], found["hosts"]) == ({}, {}, [])
    assert render(found["faults"]).splitlines()[:4] == [
        "There are 3 faults in the inventory; nothing has been touched.",
        '- m1.site.test: machine_memory = "2048"',
        "    is text where a whole number belongs",
        f"    cure: {PLAIN_NUMBER}",
    ]


def test_a_variable_that_is_not_set_shows_no_value() -> None:
    found = plan(changed({UI: {"domain_memory": None}}), GROUPS, no_file)
    assert "- ui.site.test: domain_memory\n    is not set\n" in render(found["faults"])


def test_a_sound_site_gives_the_whole_picture() -> None:
    found = plan(SITE, GROUPS, no_file)
    assert found["faults"] == []
    assert found["machines"][M1] == {
        "name": M1,
        "hypervisor": "xen",
        "cpus": 2,
        "memory": {"total": 2048, "dom0": 1024, "domains": 512, "free": 512},
        "bridge": "xenbr0",
        "address": "10.1.0.1",
        "prefix": 24,
        "network": "10.1.0.0/24",
        "gateway": None,
        "address6": "fd01::1",
        "prefix6": 64,
        "network6": "fd01::/64",
        "gateway6": None,
        "storage": "lvm",
        "volume_group": "vg0",
        "sharing": "none",
        "domains": [CE, UI],
    }
    assert found["domains"][CE] == {
        "name": CE,
        "short": "ce",
        "machine": M1,
        "hypervisor": "xen",
        "services": ["ce"],
        "roles": ["grid_host", "mon_client", "ce", "lb_client"],
        "forks": False,
        "memory": 256,
        "vcpus": 2,
        "weight": 512,
        "cap": 150,
        "mac": mac_address(CE),
        "bridge": "xenbr0",
        "address": "10.1.0.11",
        "prefix": 24,
        "gateway": None,
        "address6": "fd01::11",
        "prefix6": 64,
        "gateway6": None,
        "release": "trixie",
        "release_kind": "suite",
        "root_mode": "dedicated",
        "disks": [
            {"name": "root", "device": "xvda", "volume": "ce-root", "size": 2048, "path": "/dev/vg0/ce-root"},
        ],
        "ports": [
            {"port": 22, "protocol": "tcp", "service": "ssh"},
            {"port": 9100, "protocol": "tcp", "service": "metrics"},
            {"port": 443, "protocol": "tcp", "service": "ce"},
            {"port": 2022, "protocol": "tcp", "service": "ce"},
            {"port": 2135, "protocol": "tcp", "service": "ce"},
        ],
        "start_order": 50,
    }
    assert [host["name"] for host in found["hosts"]] == [M1, M2, CE, UI, WN]
    assert found["hosts"][2] == {"name": CE, "short": "ce", "address": "10.1.0.11", "address6": "fd01::11"}


TOOLS = "job_tools"


@pytest.mark.parametrize(
    ("variables", "groups", "forks"),
    [
        pytest.param({}, {}, False, id="behind it is the site's batch system"),
        pytest.param({"site_lrms": "fork"}, {}, True, id="it is told to run jobs itself"),
        pytest.param({}, {"batch": [], "wn": []}, True, id="the site has no batch system"),
    ],
)
def test_hosts_that_run_jobs_have_what_jobs_use(variables: dict[str, Any], groups: Any, forks: bool) -> None:
    found = plan(changed({CE: variables}), {**GROUPS, **groups}, no_file)["domains"]
    assert {name: TOOLS in found[name]["roles"] for name in (CE, WN, UI)} == {CE: forks, WN: not groups, UI: False}
    assert [name for name in found if found[name]["forks"]] == [CE] * forks


def test_disks_that_are_luns_are_found_by_their_serials() -> None:
    assert plan(SITE, GROUPS, no_file)["domains"][WN]["disks"] == [
        {"name": "root", "device": "xvda", "volume": "wn-root", "size": 2048, "path": "/dev/disk/by-id/virtio-wn-root"},
        {
            "name": "scratch", "device": "xvdb", "volume": "wn-scratch", "size": 510,
            "path": "/dev/disk/by-id/virtio-wn-scratch",
        },
    ]  # fmt: skip


def test_containers_have_no_block_devices_and_their_machine_for_a_router() -> None:
    found = plan(changed({M2: {"machine_hypervisor": "docker", "machine_gateway": GONE}}), GROUPS, no_file)
    assert found["machines"][M2]["storage"] is None
    assert found["machines"][M2]["bridge"] == "egee0"
    assert [disk["path"] for disk in found["domains"][WN]["disks"]] == [None, None]
    assert (found["domains"][WN]["gateway"], found["domains"][WN]["gateway6"]) == ("10.1.0.2", "fd01::2")


def test_a_gateway_is_the_domains_gateway_too() -> None:
    found = plan(SITE, GROUPS, no_file)
    assert (found["domains"][WN]["gateway"], found["domains"][WN]["gateway6"]) == ("10.1.0.254", None)


@pytest.mark.parametrize(
    ("release", "release_kind"),
    [
        ("bookworm", "suite"),
        ("/srv/root.tar", "tarball"),
        ("/srv/root.tar.zst", "tarball"),
        ("/srv/root.img", "image"),
        ("/srv/root.raw", "image"),
    ],
)
def test_releases_are_suites_or_files_that_are_there(release: str, release_kind: str) -> None:
    found = plan(changed({UI: {"domain_release": release}}), GROUPS, "/srv/root".__le__)
    assert found["faults"] == []
    assert (found["domains"][UI]["release"], found["domains"][UI]["release_kind"]) == (release, release_kind)


@pytest.mark.parametrize("left", ["domain_address", "domain_address6"], ids="only {} is left".format)
def test_either_address_may_be_left_out(left: str) -> None:
    other = {"domain_address": "domain_address6", "domain_address6": "domain_address"}[left]
    found = plan(changed({UI: {other: GONE}}), GROUPS, no_file)
    assert found["faults"] == []
    ui = found["domains"][UI]
    assert (ui["address"] is None, ui["prefix"] is None) == (other == "domain_address",) * 2
    assert (ui["address6"] is None, ui["prefix6"] is None) == (other == "domain_address6",) * 2


def test_both_addresses_of_a_network_of_two_are_hosts_addresses() -> None:
    hosts = changed(
        {
            M2: {"machine_address": "10.1.0.128/31", "machine_gateway": GONE, "machine_address6": GONE},
            WN: {"domain_address": "10.1.0.129/31", "domain_address6": GONE},
        }
    )
    assert plan(hosts, GROUPS, no_file)["faults"] == []


def test_mac_addresses_are_xens_and_do_not_change_with_the_site() -> None:
    assert mac_address("ce.egee.test") == "00:16:3e:19:8f:db"
    few = plan(SITE, {"dom0s": [M1], "domains": [CE]}, no_file)
    assert few["domains"][CE]["mac"] == plan(SITE, GROUPS, no_file)["domains"][CE]["mac"] == mac_address(CE)


def test_servers_start_before_those_that_ask_them() -> None:
    order = [service.group for service in sorted(SERVICES.values(), key=lambda service: service.order)]
    assert len({service.order for service in SERVICES.values()}) == len(SERVICES) == 12
    for first, then in ("voms", "ce"), ("batch", "wn"), ("wn", "ce"), ("ce", "wms"), ("bdii", "topbdii"), ("wms", "ui"):
        assert order.index(first) < order.index(then)


def test_a_host_of_several_services_starts_with_its_first_and_one_of_none_starts_last() -> None:
    hosts = changed({"spare.site.test": domain(14, M1)})
    groups = {**GROUPS, "domains": [CE, UI, "spare.site.test"], "batch": [], "wn": [], "lb": [UI], "bdii": [UI]}
    found = plan(hosts, groups, no_file)
    assert found["machines"][M1]["domains"] == [UI, CE, "spare.site.test"]
    assert found["domains"][UI]["services"] == ["lb", "bdii", "ui"]
    assert found["domains"][UI]["roles"] == ["grid_host", "mon_client", "lb", "bdii", "ui"]
    assert found["domains"]["spare.site.test"]["roles"] == ["grid_host", "mon_client"]


def test_a_port_is_open_only_where_a_role_serves_it() -> None:
    names = {group: f"{group}.site.test" for group in SERVICES}
    vos = [{**VOCE, "voms_host": names["voms"]}]
    hosts = {name: domain(20 + n, M1, domain_memory=100, site_vos=vos) for n, name in enumerate(names.values())}
    groups = {"dom0s": [M1], "domains": list(hosts), **{group: [name] for group, name in names.items()}}
    found = plan({M1: machine(1, machine_memory=4096), **hosts}, groups, no_file)
    for service in SERVICES.values():
        ports = {port["port"] for port in found["domains"][names[service.group]]["ports"]}
        assert ports == {22, 9100, *(service.ports if service.role else ())}


def test_the_batch_server_hears_of_shared_machines_where_there_are_any() -> None:
    batch = "batch.site.test"
    groups = {"dom0s": [M1], "domains": [batch, UI], "batch": [batch], "wn": [UI]}
    for sharing, heard in (("none", False), ("whole", True), ("cpus", True)):
        hosts = {M1: machine(1, machine_sharing=sharing), batch: domain(14, M1), UI: SITE[UI]}
        found = plan(hosts, groups, no_file)
        assert found["machines"][M1]["sharing"] == sharing
        assert ({"port": 7878, "protocol": "tcp", "service": "batch"} in found["domains"][batch]["ports"]) == heard


def test_a_hundred_and_forty_nodes_are_planned_at_once() -> None:
    nodes = {
        f"wn{n}.site.test": domain(11, M1, domain_address=f"10.1.{n // 200 + 1}.{n % 200 + 1}/16", domain_address6=None)
        for n in range(140)
    }
    machines = {M1: machine(1, machine_memory=65536, machine_address="10.1.0.1/16", machine_cpus=64)}
    names = list(nodes)
    found = plan({**machines, **nodes}, {"dom0s": [M1], "domains": names, "batch": names[:1], "wn": names}, no_file)
    assert found["faults"] == []
    assert found["machines"][M1]["memory"]["domains"] == 140 * 256


@pytest.mark.parametrize(("length", "sound"), [(64, True), (65, False)])
def test_a_name_may_be_as_long_as_linux_takes_it(length: int, sound: bool) -> None:
    name = f"{'a' * 40}.{'b' * (length - 51)}.site.test"
    assert len(name) == length
    hosts = {(name if host == UI else host): variables for host, variables in SITE.items()}
    groups = {group: [name if host == UI else host for host in members] for group, members in GROUPS.items()}
    assert [fault["host"] for fault in plan(hosts, groups, no_file)["faults"]] == ([] if sound else [name])


def test_variables_that_are_not_the_models_are_not_looked_at() -> None:
    assert {name.partition("_")[0] for name in VARIABLES} == {"machine", "domain", "batch", "site"}


def test_the_table_shows_the_domains_in_start_order_and_the_sum_of_memory() -> None:
    hosts = changed({UI: {"domain_root_mode": "shared", "domain_address6": GONE}})
    text = table(plan(hosts, GROUPS, no_file))
    assert text.splitlines()[:5] == [
        "m1.site.test: xen, cpus 2, bridge xenbr0 10.1.0.1/24 fd01::1/64",
        "order  name          services  memory  vcpus  weight  cap  release        root  scratch  address"
        "    address6  mac                elsewhere",
        "50     ce.site.test  ce           256      2     512  150  trixie         2048        -  10.1.0.11"
        f"  fd01::11  {mac_address(CE)}  {M2}",
        "80     ui.site.test  ui           256      1     256    -  trixie shared  2048        -  10.1.0.13"
        f"  -         {mac_address(UI)}  {M2}",
        "2 domains 512 + dom0 1024 + free 512 = 2048 MiB",
    ]
    assert text.splitlines()[5:8] == [
        "if lost, ce, ui to m2.site.test",
        "",
        "m2.site.test: xen, cpus 2, bridge xenbr0 10.1.0.2/24 fd01::2/64",
    ]
    assert text.splitlines()[-2:] == [
        "1 domain 256 + dom0 1024 + free 768 = 2048 MiB",
        "if lost, wn to m1.site.test",
    ]


def test_who_could_move_is_told_how_many_machines_would_do_and_who_finds_no_room_when_one_is_lost() -> None:
    more = {f"n{n}.site.test": machine(n, machine_memory=1536) for n in (3, 4)}
    full = changed({M2: {"machine_memory": 1280}})
    text = table(plan({**full, **more}, {**GROUPS, "dom0s": [M1, M2, *more]}, no_file)).splitlines()
    assert text[2].endswith("  n3.site.test+1")
    assert text[5] == "if lost, ce, ui to n3.site.test"
    text = table(plan(changed({M2: {"machine_memory": 1536}}), GROUPS, no_file)).splitlines()
    assert text[5] == "if lost, ce to m2.site.test; no room for ui"


NODE = {"domain_memory": 1024, "domain_memory_floor": 256, "site_vos": [{**VOCE, "priority": True}]}
SHARED = {
    M1: machine(1, machine_memory=4096, machine_sharing="whole", machine_sharing_memory=1280),
    WN: domain(12, M1, **NODE),
    UI: domain(13, M1, **NODE, domain_priority=True),
    CE: domain(11, M1, site_vos=NODE["site_vos"]),
}
SHARING = {"dom0s": [M1], "domains": [CE, WN, UI], "batch": [CE], "wn": [WN, UI]}


@pytest.mark.parametrize(
    ("shared", "faults"),
    [
        pytest.param(2048, [], id="all that is left"),
        pytest.param(2049, ["is more than dom0 and other domains leave of 3328 MiB, 2048 MiB"], id="a MiB more"),
    ],
)
def test_a_machine_shares_what_its_other_domains_leave(shared: int, faults: list[str]) -> None:
    hosts = {**SHARED, M1: {**SHARED[M1], "machine_memory": 3328, "machine_sharing_memory": shared}}
    assert [fault["fault"] for fault in plan(hosts, SHARING, no_file)["faults"]] == faults


@pytest.mark.parametrize(
    ("variables", "states"),
    [
        ({"machine_hypervisor": "xen"}, ["ui (frozen) 0 + wn (runs) 1024 = 1024 of 1280 MiB"]),
        (
            {"machine_hypervisor": "docker"},
            ["ui (frozen) 1024 + wn (runs) 1024 = 2048 of 1280 MiB, so jobs in wn wait"],
        ),
        ({"machine_sharing_memory": 0}, []),
    ],
    ids=["a frozen domain is on disk", "a frozen container stays in memory", "memory stays"],
)
def test_the_table_shows_each_state_that_a_shared_machine_can_come_to(
    variables: dict[str, Any], states: list[str]
) -> None:
    found = plan({**SHARED, M1: {**SHARED[M1], **variables}}, SHARING, no_file)
    running = [
        "ui (runs) 1024 + wn 256 = 1280 of 1280 MiB",
        "ui 256 + wn (runs) 1024 = 1280 of 1280 MiB",
    ]
    assert table(found).splitlines()[5:] == [
        "3 domains 2304 + dom0 1024 + free 768 = 4096 MiB, shared whole",
        *(running if states else []),
        *states,
        "if lost, no room for ui, wn, ce",
    ]
