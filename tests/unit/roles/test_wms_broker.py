# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the BDII says becomes ads and routes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import wms_broker as broker
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_800_000_000.0
FRESH = {"GLUE2EntityCreationTime": ["2027-01-15T07:59:00Z"], "GLUE2EntityValidity": ["60"]}
OLD = {"GLUE2EntityCreationTime": ["2027-01-15T07:00:00Z"], "GLUE2EntityValidity": ["60"]}


def ce(
    name: str, free: str = "4", waiting: str = "0", health: str = "ok", rule: str = "vo:voce", **more: Any
) -> list[Any]:
    """What a CE publishes: an endpoint, a share and the policy of who may use it."""
    return [
        {
            "objectClass": ["GLUE2Endpoint", "GLUE2ComputingEndpoint"],
            "GLUE2EndpointInterfaceName": [more.get("interface", "org.nordugrid.arcrest")],
            "GLUE2EndpointServiceForeignKey": [f"service:{name}"],
            "GLUE2EndpointURL": [more.get("url", f"https://{name}:443/arex")],
            "GLUE2EndpointHealthState": [health],
            **more.get("age", {}),
        },
        {
            "objectClass": ["GLUE2Share", "GLUE2ComputingShare"],
            "GLUE2ShareID": [f"share:{name}"],
            "GLUE2ShareServiceForeignKey": [f"service:{name}"],
            "GLUE2ComputingShareMappingQueue": [more.get("queue", "egee")],
            "GLUE2ComputingShareFreeSlots": [free],
            "GLUE2ComputingShareWaitingJobs": [waiting],
            **more.get("age", {}),
        },
        {
            "objectClass": ["GLUE2Policy", "GLUE2MappingPolicy"],
            "GLUE2MappingPolicyShareForeignKey": [f"share:{name}"],
            "GLUE2PolicyRule": [rule],
        },
    ]


def names(entries: list[Any]) -> list[str]:
    return [offer.name for offer in broker.offers_of(entries, NOW)]


@pytest.mark.parametrize(
    ("entries", "offered"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(ce("a.test"), ["a.test/egee"], id="one"),
        pytest.param(ce("a.test", age=FRESH), ["a.test/egee"], id="fresh"),
        pytest.param(ce("a.test", age=OLD), [], id="stale"),
        pytest.param(ce("a.test", interface="org.ogf.glue.emies"), [], id="not by REST"),
        pytest.param(ce("a.test", rule=""), [], id="for no VO"),
        pytest.param(ce("a.test", url="http://a.test/arex"), [], id="without TLS"),
        pytest.param(ce("a.test", queue='x"\nEVIL = 1'), [], id="a queue that would be configuration"),
        pytest.param(ce("a.test", "1") + ce("b.test", "9"), ["b.test/egee", "a.test/egee"], id="more room first"),
        pytest.param(
            ce("a.test", "5", "8") + ce("b.test", "1"), ["b.test/egee", "a.test/egee"], id="waiting jobs count"
        ),
        pytest.param(
            ce("a.test", "9", health="critical") + ce("b.test", "1"), ["b.test/egee", "a.test/egee"], id="health first"
        ),
        pytest.param(ce("a.test", "4:86400 8"), ["a.test/egee"], id="slots that are free for a while"),
    ],
)
def test_what_is_offered_and_in_which_order(entries: list[Any], offered: list[str]) -> None:
    assert names(entries) == offered


def test_shares_of_one_queue_are_one_offer_for_all_their_vos() -> None:
    second = ce("a.test", rule="vo:auger")
    second[1]["GLUE2ShareID"] = second[2]["GLUE2MappingPolicyShareForeignKey"] = ["another"]
    (offer,) = broker.offers_of([*ce("a.test"), *second], NOW)
    assert offer.vos == {"voce", "auger"}


def test_a_route_says_where_to_and_for_whom() -> None:
    routes = broker.routes_of(broker.offers_of(ce("ce.a.test"), NOW), ahead=10)
    assert 'GridResource = "arc https://ce.a.test:443/arex/rest/1.0"' in routes
    assert 'stringListIMember(VirtualOrganisation, "voce")' in routes
    assert "MaxIdleJobs = 14\n" in routes
    assert routes.endswith("JOB_ROUTER_ROUTE_NAMES = ce_a_test_egee\n")


def test_an_unsound_ce_is_shown_and_gets_no_jobs() -> None:
    offers = broker.offers_of(ce("a.test", health="critical"), NOW)
    assert "GlueHealthy = false" in broker.ad_of(offers[0])
    assert broker.routes_of(offers, 10) == "JOB_ROUTER_ROUTE_NAMES = \n"


hosts = st.from_regex(r"[a-z]{1,8}\.[a-z]{1,4}", fullmatch=True)
sites = st.lists(
    st.builds(
        ce,
        hosts,
        st.integers(0, 99).map(str),
        st.integers(0, 99).map(str),
        st.sampled_from(["ok", "critical", ""]),
        st.sampled_from(["vo:voce", "vo:auger", "", "vo:bad name", "voce"]),
    ),
    max_size=6,
    unique_by=lambda entries: entries[1]["GLUE2ShareID"][0],
)


@given(sites, st.randoms())
def test_the_order_of_the_answer_does_not_matter(site: list[list[Any]], order: Any) -> None:
    entries = [entry for published in site for entry in published]
    shuffled = list(entries)
    order.shuffle(shuffled)
    assert broker.offers_of(entries, NOW) == broker.offers_of(shuffled, NOW)


@given(sites)
def test_who_has_more_room_comes_first(site: list[list[Any]]) -> None:
    offers = broker.offers_of([entry for published in site for entry in published], NOW)
    room = [offer.free - offer.waiting for offer in offers if offer.healthy]
    assert room == sorted(room, reverse=True)
    assert all(offer.vos for offer in offers)


texts = st.dictionaries(
    st.sampled_from(
        [
            "GLUE2EndpointURL",
            "GLUE2EndpointServiceForeignKey",
            "GLUE2EndpointHealthState",
            "GLUE2ShareID",
            "GLUE2ShareServiceForeignKey",
            "GLUE2ComputingShareMappingQueue",
            "GLUE2ComputingShareFreeSlots",
            "GLUE2MappingPolicyShareForeignKey",
            "GLUE2PolicyRule",
            "GLUE2EntityCreationTime",
            "GLUE2EntityValidity",
        ]
    ),
    st.lists(st.one_of(st.text(), st.just("x"), st.just("https://h.test/a")), max_size=2),
)
kinds = st.sampled_from(["GLUE2ComputingShare", "GLUE2ComputingEndpoint", "GLUE2MappingPolicy"])


@given(st.lists(st.builds(lambda kind, fields: {"objectClass": [kind], **fields}, kinds, texts), max_size=12))
def test_nothing_that_a_bdii_says_breaks_out_of_the_configuration(entries: list[Any]) -> None:
    for entry in entries:
        entry.setdefault("GLUE2EndpointInterfaceName", ["org.nordugrid.arcrest"])
    offers = broker.offers_of(entries, NOW)
    for line in broker.routes_of(offers, 10).splitlines():
        assert re.match(r"JOB_ROUTER_ROUTE|  (UNIVERSE|GridResource|MaxIdleJobs|REQUIREMENTS|SET) |@end$", line), line
    for offer in offers:
        assert all(
            re.fullmatch(r'[A-Za-z]+ = ("[^"\n]*"|\d+|true|false)', line) for line in broker.ad_of(offer).splitlines()
        )
