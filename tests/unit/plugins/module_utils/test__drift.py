# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drift between a site and its twin: two sites that differ only as they may, and one change in them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.egee.box.plugins.module_utils._drift import drift, report

OWN = ["site_name", "site_domain", "domain_memory", "token_of_site"]
GONE = object()
CIPHERTEXT = "$ANSIBLE_VAULT;1.1;AES256\n61\n"
OTHER_CIPHERTEXT = "$ANSIBLE_VAULT;1.1;AES256\n62\n"


def site(name: str, domain: str, memory: int, nodes: int) -> dict[str, dict[str, Any]]:
    common: dict[str, Any] = {
        "site_name": name,
        "site_domain": domain,
        "site_state_dir": f"/var/lib/egee.box/{name}",
        "site_vos": [{"name": "voce", "voms_host": f"voms.{domain}", "gid": 5000, "groups": []}],
        "verify_claims": True,
    }
    return {
        f"voms.{domain}": {**common, "domain_memory": memory, "domain_release": "trixie"},
        **{
            f"wn{number:02d}.{domain}": {
                **common,
                "domain_memory": memory,
                "domain_dom0": f"node{number:02d}.{domain}",
                "domain_release": "bookworm",
            }
            for number in range(1, nodes + 1)
        },
    }


def production() -> dict[str, dict[str, Any]]:
    return site("prague", "prague.example", 1024, nodes=4)


def pps() -> dict[str, dict[str, Any]]:
    return site("prague_pps", "pps.prague.example", 512, nodes=2)


VOMS, WN3 = "voms.prague.example", "wn03.prague.example"
THEIR_VOMS, THEIR_WN1 = "voms.pps.prague.example", "wn01.pps.prague.example"

# What is changed: variables by host, of production and of pps. And all the drift that must come of it.
CHANGES: dict[str, tuple[dict[str, dict[str, Any]], list[str]]] = {
    "nothing": ({}, []),
    "a value of one host": (
        {VOMS: {"domain_release": "bookworm"}},
        ['domain_release is "bookworm" here and "trixie" there (voms)'],
    ),
    "a value of one host that the twin has not got": (
        {WN3: {"domain_release": "trixie"}},
        ['domain_release is "trixie" here and "bookworm" there (wn03)'],
    ),
    "a value of the twin's host, with which all of its kind are compared": (
        {THEIR_WN1: {"domain_release": "trixie"}},
        ['domain_release is "bookworm" here and "trixie" there (wn01, wn03, wn04)'],
    ),
    "a variable that only one has": ({VOMS: {"domain_cap": 50}}, ["domain_cap is 50 here and not set there (voms)"]),
    "a variable that only the twin has": (
        {THEIR_VOMS: {"domain_cap": 50}},
        ["domain_cap is not set here and 50 there (voms)"],
    ),
    "a value of its own": ({VOMS: {"domain_memory": 2048}}, []),
    "a variable of its own that only one has": (
        {VOMS: {"domain_memory": GONE}},
        ["domain_memory is not set here and 512 there (voms)"],
    ),
    "a part of a value": (
        {VOMS: {"site_vos": [{"name": "voce", "voms_host": VOMS, "gid": 5001, "groups": ["/voce/a"]}]}},
        [
            "site_vos[0].gid is 5001 here and 5000 there (voms)",
            'site_vos[0].groups is ["/voce/a"] here and [] there (voms)',
        ],
    ),
    "a secret in a list": (
        {VOMS: {"tokens": [CIPHERTEXT, "a"]}, THEIR_VOMS: {"tokens": [OTHER_CIPHERTEXT, "b"]}},
        ['tokens[1] is "a" here and "b" there (voms)'],
    ),
    "a host of the other site": (
        {THEIR_VOMS: {"site_vos": [{"name": "voce", "voms_host": VOMS, "gid": 5000, "groups": []}]}},
        [
            'site_vos[0].voms_host is "voms.<site_domain>" here and "voms.prague.example" there (voms)',
        ],
    ),
    "a truth value for a number": ({VOMS: {"verify_claims": 1}}, ["verify_claims is 1 here and true there (voms)"]),
    "a number as text": (
        {VOMS: {"domain_vcpus": 2}, THEIR_VOMS: {"domain_vcpus": "2"}},
        ['domain_vcpus is 2 here and "2" there (voms)'],
    ),
    "the domain of a node on another's machine": (
        {WN3: {"domain_dom0": "node04.prague.example"}},
        ['domain_dom0 is "node04.<site_domain>" here and "node#.<site_domain>" there (wn03)'],
    ),
    "the site's name as a part of a word": (
        {VOMS: {"motd": "pragueish"}, THEIR_VOMS: {"motd": "prague_pps_ish"}},
        ['motd is "pragueish" here and "prague_pps_ish" there (voms)'],
    ),
    "a host that takes itself for the other site's": (
        {THEIR_VOMS: {"site_name": "prague", "site_state_dir": "/var/lib/egee.box/prague"}},
        ['site_state_dir is "/var/lib/egee.box/<site_name>" here and "/var/lib/egee.box/prague" there (voms)'],
    ),
    "a host that the twin has not got": ({"se.prague.example": {}}, ["the host is here only (se)"]),
    "a host that only the twin has": ({"se.pps.prague.example": {}}, ["the host is there only (se)"]),
    "a numbered host whose kind the twin has not got": (
        {"voms2.prague.example": {}},
        ["the host is here only (voms2)"],
    ),
    "secrets of each one's own": ({VOMS: {"token": CIPHERTEXT}, THEIR_VOMS: {"token": OTHER_CIPHERTEXT}}, []),
    "a secret that both share": (
        {VOMS: {"token": CIPHERTEXT}, THEIR_VOMS: {"token": CIPHERTEXT}},
        ["token is the same secret here and there: make one of its own for each site (voms)"],
    ),
    "a secret that both share and each should have of its own": (
        {VOMS: {"token_of_site": CIPHERTEXT}, THEIR_VOMS: {"token_of_site": CIPHERTEXT}},
        ["token_of_site is the same secret here and there: make one of its own for each site (voms)"],
    ),
    "a secret that the twin has in clear, which is not shown": (
        {VOMS: {"token": CIPHERTEXT}, THEIR_VOMS: {"token": "open sesame"}},
        ["token is a secret here only (voms)"],
    ),
    "a secret within a variable that only one has": (
        {VOMS: {"tokens": {"a": [CIPHERTEXT]}}},
        ['tokens is {"a": ["(a secret)"]} here and not set there (voms)'],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found_exactly(change: str) -> None:
    changes, expected = CHANGES[change]
    sites = production(), pps()
    for host, variables in changes.items():
        hosts = sites["pps." in host]
        merged = {**hosts.get(host, {}), **variables}
        hosts[host] = {name: value for name, value in merged.items() if value is not GONE}
    before = copy.deepcopy(sites)
    assert report(drift(*sites, OWN)) == expected
    assert sites == before


def test_all_that_is_otherwise_is_told_at_once_and_once() -> None:
    here, there = production(), pps()
    for host in here.values():
        host["batch_system"] = "openpbs"
    for host in there.values():
        host["batch_system"] = "slurm"
    here[VOMS]["domain_cap"] = 50
    assert drift(here, there, OWN) == [
        {
            "hosts": ["all hosts"],
            "variable": "batch_system",
            "drift": 'is "openpbs" here and "slurm" there',
        },
        {"hosts": ["voms"], "variable": "domain_cap", "drift": "is 50 here and not set there"},
    ]


def test_the_two_sites_are_seen_the_same_from_either() -> None:
    here, there = production(), pps()
    here[WN3]["domain_release"] = "trixie"
    assert report(drift(there, here, OWN)) == ['domain_release is "bookworm" here and "trixie" there (wn03)']


def test_many_hosts_are_counted() -> None:
    hosts = [f"wn{number}" for number in range(1, 41)]
    line = report([{"hosts": hosts, "variable": "domain_cap", "drift": "is 1 here and 2 there"}])
    assert line == ["domain_cap is 1 here and 2 there (wn1, wn2, wn3, wn4, wn5, wn6 and 34 more)"]


def test_what_is_not_a_sites_own_is_compared_to_the_letter() -> None:
    found = drift(production(), pps(), [])
    # Without a domain of their own to leave out, no host of one is one of the other.
    assert {each["drift"] for each in found} == {"is here only", "is there only"}
