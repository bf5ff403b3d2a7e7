# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VOs and people as they should be: what is taken, what is refused, and in which words."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._voms import (
    Change,
    Fqan,
    WantedUsers,
    WantedVo,
    check_dn,
    members_of,
    parse_fqan,
    render,
    with_parents,
)

ALICE = "/DC=test/DC=egee/O=Users/CN=Alice Novak"
CA = "/DC=test/DC=egee/CN=EGEE-BOX CA"


def vo(**params: t.Any) -> dict[str, t.Any]:
    defaults = {"name": "voce", "groups": None, "roles": None, "state": "present", "force": False}
    return {**defaults, "reader": "voms", "schema": "/schema", **params}


def person(**params: t.Any) -> dict[str, t.Any]:
    return {"dn": ALICE, "ca": CA, "cn": None, "email": None, "fqans": None, "state": None, **params}


def people(*users: dict[str, t.Any], **params: t.Any) -> dict[str, t.Any]:
    return {"vo": "voce", "users": list(users), "state": "present", "exclusive": False, **params}


@pytest.mark.parametrize(
    ("text", "fqan"),
    [
        pytest.param("/voce", Fqan("/voce"), id="the root group"),
        pytest.param("/voce/physics/higgs", Fqan("/voce/physics/higgs"), id="a group in a group"),
        pytest.param("/voce/Role=Admin", Fqan("/voce", "Admin"), id="a role in the root group"),
        pytest.param("/voce/physics/Role=Admin", Fqan("/voce/physics", "Admin"), id="a role in a group"),
        pytest.param("/voce/Role=NULL/Capability=NULL", Fqan("/voce"), id="a group as a client prints it"),
        pytest.param("/voce/Role=Admin/Capability=NULL", Fqan("/voce", "Admin"), id="a role as a client prints it"),
    ],
)
def test_an_fqan_is_read(text: str, fqan: Fqan) -> None:
    assert parse_fqan(text, "voce") == fqan


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "voce", "FQAN 'voce': malformed; write /voce, /voce/group or /voce/group/Role=role", id="no slash"
        ),
        pytest.param("/voce/", "FQAN '/voce/': malformed", id="an empty group"),
        pytest.param("/voce/Role=", "FQAN '/voce/Role=': malformed", id="an empty role"),
        pytest.param("/voce/Role=A/physics", "FQAN '/voce/Role=A/physics': malformed", id="a group in a role"),
        pytest.param("/voce/a b", "FQAN '/voce/a b': malformed", id="a space"),
        pytest.param("/voce\n", "FQAN '/voce\n': malformed", id="a line end"),
        pytest.param("/voce/a'; DROP", "FQAN '/voce/a'; DROP': malformed", id="SQL"),
        pytest.param("/atlas", "FQAN '/atlas': outside VO voce; begin it with /voce", id="another VO"),
        pytest.param("/vocexyz/a", "FQAN '/vocexyz/a': outside VO voce", id="a VO whose name begins alike"),
    ],
)
def test_a_bad_fqan_is_refused(text: str, message: str) -> None:
    with pytest.raises(BoxError) as refusal:
        parse_fqan(text, "voce")
    assert message in str(refusal.value)


def test_a_group_lies_in_its_parents() -> None:
    assert with_parents("/voce/a/b") == ["/voce", "/voce/a", "/voce/a/b"]


@pytest.mark.parametrize("dn", [ALICE, "/CN=host/ce.egee.test", "/O=Grid/CN=a b/emailAddress=a@b.c", "/CN=a=b"])
def test_a_dn_in_slash_form_is_taken(dn: str) -> None:
    assert check_dn(dn) == dn


@pytest.mark.parametrize(
    ("dn", "message"),
    [
        pytest.param("CN=Alice,O=Users", "malformed", id="the comma form"),
        pytest.param(
            "/stray/CN=Alice", "malformed; write it in slash form, like", id="text before the first component"
        ),
        pytest.param("/O=/CN=Alice", "malformed", id="an empty component"),
        pytest.param("", "malformed", id="nothing"),
        pytest.param(
            "/CN=Žofie", "not plain ASCII; write it as `openssl x509", id="letters that VOMS does not compare"
        ),
        pytest.param("/CN=Alice\n", "not plain ASCII", id="a line end"),
        pytest.param("/CN=" + "a" * 252, "256 characters; the VOMS schema holds 255, shorten it", id="too long"),
    ],
)
def test_a_bad_dn_is_refused(dn: str, message: str) -> None:
    with pytest.raises(BoxError) as refusal:
        check_dn(dn)
    assert f"DN '{dn}'" in str(refusal.value)
    assert message in str(refusal.value)


def test_a_vo_has_its_root_group_and_the_parents_of_its_groups() -> None:
    assert WantedVo.read(vo(groups=["/voce/a/b"])).groups == ("/voce", "/voce/a", "/voce/a/b")
    assert WantedVo.read(vo()).groups is None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({"name": "a`b"}, "VO 'a`b': no name for a VO; use letters, digits", id="a quote in the name"),
        pytest.param({"name": "../x"}, "VO '../x': no name", id="a path for a name"),
        pytest.param({"name": ""}, "VO '': no name", id="no name at all"),
        pytest.param({"name": "v" * 60}, "at most 59 of them", id="a name too long for a database"),
        pytest.param({"groups": ["/atlas/a"]}, "FQAN '/atlas/a': outside VO voce", id="a group of another VO"),
        pytest.param(
            {"groups": ["/voce/Role=A"]},
            "group '/voce/Role=A': has a role in it; list the group in groups and 'A' in roles",
            id="a role among the groups",
        ),
        pytest.param({"roles": ["A B"]}, "role 'A B': no name for a role of VO voce", id="a space in a role"),
        pytest.param({"roles": ["NULL"]}, "role 'NULL': no name for a role", id="the word for no role"),
    ],
)
def test_a_bad_vo_is_refused(params: dict[str, t.Any], message: str) -> None:
    with pytest.raises(BoxError) as refusal:
        WantedVo.read(vo(**params))
    assert message in str(refusal.value)


def test_who_has_a_role_in_a_group_is_a_member_of_it() -> None:
    (user,) = WantedUsers.read(people(person(fqans=["/voce/a/Role=B"]))).users
    assert user.fqans == {Fqan("/voce"), Fqan("/voce/a"), Fqan("/voce/a", "B")}


def test_one_person_is_given_by_the_options_themselves() -> None:
    (user,) = WantedUsers.read({**people(), **person(state="absent"), "users": None}).users
    assert (user.dn, user.present) == (ALICE, False)


def test_a_state_of_ones_own_goes_before_that_of_all() -> None:
    bob = ALICE.replace("Alice", "Bob")
    users = WantedUsers.read(people(person(), person(dn=bob, state="present"), state="absent")).users
    assert [user.present for user in users] == [False, True]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param(people(person(dn="Alice")), "VO voce: DN 'Alice': malformed", id="a bad DN"),
        pytest.param(people(person(ca="CA")), f"VO voce: {ALICE}: DN 'CA': malformed", id="a bad CA"),
        pytest.param(people(person(fqans=["/x"])), f"VO voce: {ALICE}: FQAN '/x': outside", id="an FQAN of another VO"),
        pytest.param(people(person(cn="Žofie")), "cn 'Žofie': the VOMS schema holds Latin-1 only", id="a Czech name"),
        pytest.param(people(person(email="a" * 256)), "256 characters", id="a long address"),
        pytest.param(people(person(), person()), f"{ALICE}: listed twice; merge the entries", id="somebody twice"),
        pytest.param(people(exclusive=True), "exclusive with nobody present would empty the VO", id="nobody at all"),
        pytest.param(
            people(person(state="absent"), exclusive=True), "would empty the VO", id="nobody who is to be present"
        ),
    ],
)
def test_bad_people_are_refused(params: dict[str, t.Any], message: str) -> None:
    with pytest.raises(BoxError) as refusal:
        WantedUsers.read(params)
    assert message in str(refusal.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(BoxError) as refusal:
        WantedUsers.read(people(person(dn="x"), person(fqans=["/y"])))
    assert len(refusal.value.details["faults"]) == 2


def test_people_of_a_site_are_members_where_they_hold_something() -> None:
    site = [
        {"name": "alice", "dn": ALICE, "ca": CA, "cn": "Alice", "fqans": ["/voce", "/atlas/a", "/vocexyz"]},
        {"name": "mallory", "dn": "/CN=Mallory", "ca": CA, "email": "m@x", "fqans": []},
    ]
    assert members_of(site, "voce") == [
        {"dn": ALICE, "ca": CA, "cn": "Alice", "fqans": ["/voce"], "state": "present"},
        {"dn": "/CN=Mallory", "ca": CA, "email": "m@x", "fqans": [], "state": "absent"},
    ]


def test_a_diff_is_read_off_the_plan() -> None:
    plan = [Change("x", "cn", "a", "b", "changed"), Change("x", "email", None, "c", "changed")]
    assert render(plan) == {"before": {"x": {"cn": "a", "email": None}}, "after": {"x": {"cn": "b", "email": "c"}}}
