# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members of a VO on a server: added, changed, removed, and what is refused on the way."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._mariadb import NoServer
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._voms import Fqan, WantedUser, WantedUsers, WantedVo
from ansible_collections.egee.box.plugins.module_utils._voms_user import VomsUsers
from ansible_collections.egee.box.plugins.module_utils._voms_vo import VomsVo
from ansible_collections.egee.box.tests.unit.mariadb_double import SCHEMA, MariadbDouble

ALICE, BOB = "/DC=test/CN=Alice Novak", "/DC=test/CN=Bob"
CA = "/DC=test/CN=CA"
ROOT, GROUP, ROLE = Fqan("/voce"), Fqan("/voce/a"), Fqan("/voce", "A")


@pytest.fixture
def double(tmp_path: Path) -> MariadbDouble:
    """A server with a VO that nobody belongs to yet."""
    schema = tmp_path / "schema.sql"
    schema.write_text(SCHEMA)
    double = MariadbDouble()
    vo = VomsVo(double.server(), WantedVo("voce", ("/voce", "/voce/a"), ("A",), schema=str(schema)))
    vo.apply(vo.plan())
    double.written.clear()
    return double


def alice(*fqans: Fqan, **more: t.Any) -> WantedUser:
    return WantedUser(ALICE, CA, fqans=frozenset({ROOT, *fqans}), **more)


def converge(double: MariadbDouble, *users: WantedUser, exclusive: bool = False) -> tuple[list[str], list[t.Any]]:
    """What a module run does: the actions, and the members that it returns."""
    manager = VomsUsers(double.server(), WantedUsers("voce", users, exclusive))
    plan = manager.plan()
    result = manager.result()
    if plan:
        manager.apply(plan)
    return [change.action for change in plan], result["users"]


def granted(double: MariadbDouble) -> list[tuple[t.Any, ...]]:
    """What the VOMS server itself would find."""
    return double.server().rows(
        "SELECT u.dn, c.ca, g.dn, r.role FROM voms_voce.m m JOIN voms_voce.usr u ON u.userid = m.userid "
        "JOIN voms_voce.ca c ON c.cid = u.ca JOIN voms_voce.`groups` g ON g.gid = m.gid "
        "LEFT JOIN voms_voce.roles r ON r.rid = m.rid ORDER BY u.dn, g.dn, r.role"
    )


def test_a_member_is_added_with_what_is_listed_and_then_left_alone(double: MariadbDouble) -> None:
    wanted = alice(GROUP, ROLE, email="alice@egee.test")
    actions, users = converge(double, wanted)
    assert actions == [f"added {ALICE}"]
    fqans = ["/voce", "/voce/Role=A", "/voce/a"]
    assert users == [{"dn": ALICE, "ca": CA, "cn": "Alice Novak", "email": "alice@egee.test", "fqans": fqans}]
    assert granted(double) == [
        (ALICE, CA, "/voce", None),
        (ALICE, CA, "/voce", "A"),
        (ALICE, CA, "/voce/a", None),
    ]
    assert converge(double, wanted) == ([], users)


def test_many_members_of_one_ca_are_added_at_once(double: MariadbDouble) -> None:
    converge(double, *(WantedUser(f"/CN=user {number}", CA) for number in range(100)))
    assert len(granted(double)) == 100
    assert double.server().rows("SELECT ca FROM voms_voce.ca") == [(CA,)]


def test_the_same_name_from_another_ca_is_somebody_else(double: MariadbDouble) -> None:
    converge(double, alice(ROLE))
    assert converge(double, WantedUser(ALICE, "/CN=Other CA"))[0] == [f"added {ALICE}"]
    assert sorted(row[1] for row in granted(double)) == ["/CN=Other CA", CA, CA]


@pytest.mark.parametrize(
    ("then", "actions", "fqans"),
    [
        pytest.param(alice(GROUP), [f"changed fqans of {ALICE}"], ["/voce", "/voce/a"], id="a role is taken"),
        pytest.param(alice(), [f"changed fqans of {ALICE}"], ["/voce"], id="all but the root group is taken"),
        pytest.param(WantedUser(ALICE, CA), [], ["/voce", "/voce/Role=A"], id="what is not given stays"),
        pytest.param(
            WantedUser(ALICE, CA, cn="A. Novak", email="new@x"),
            [f"changed cn of {ALICE}", f"changed email of {ALICE}"],
            ["/voce", "/voce/Role=A"],
            id="name and address change",
        ),
    ],
)
def test_a_member_is_changed(double: MariadbDouble, then: WantedUser, actions: list[str], fqans: list[str]) -> None:
    converge(double, alice(ROLE))
    done, users = converge(double, then)
    assert (done, users[0]["fqans"]) == (actions, fqans)
    assert converge(double, then) == ([], users)


def test_a_removed_member_holds_nothing(double: MariadbDouble) -> None:
    converge(double, alice(ROLE))
    absent = WantedUser(ALICE, CA, present=False)
    assert converge(double, absent) == ([f"removed {ALICE}"], [])
    assert double.server().rows("SELECT * FROM voms_voce.m") == []
    assert converge(double, absent) == ([], [])


def test_exclusive_removes_whoever_is_not_listed(double: MariadbDouble) -> None:
    bob = WantedUser(BOB, CA)
    converge(double, alice(), bob)
    assert converge(double, bob)[0] == []
    assert converge(double, bob, exclusive=True)[0] == [f"removed {ALICE}"]
    assert [row[0] for row in granted(double)] == [BOB]


@pytest.mark.parametrize(
    ("fqan", "message"),
    [
        (
            Fqan("/voce/b"),
            f"VO voce: {ALICE}: no group /voce/b (there are /voce, /voce/a); add it with egee.box.voms_vo",
        ),
        (Fqan("/voce", "B"), f"VO voce: {ALICE}: no role B (there are A); add it with egee.box.voms_vo"),
    ],
    ids=["a group", "a role"],
)
def test_what_the_vo_does_not_have_is_refused(double: MariadbDouble, fqan: Fqan, message: str) -> None:
    with pytest.raises(BoxError) as refusal:
        converge(double, WantedUser(BOB, CA), alice(fqan))
    assert message in str(refusal.value)
    assert double.written == []


def test_a_failure_in_the_middle_leaves_the_vo_as_it_was(double: MariadbDouble) -> None:
    converge(double, alice(ROLE))
    before = granted(double)
    double.refuse = "INSERT INTO `voms_voce`.`m`"
    with pytest.raises(BoxError) as refusal:
        converge(double, alice(email="new@x"), WantedUser(BOB, CA))
    assert "nothing of its transaction was kept" in str(refusal.value)
    double.refuse = None
    assert granted(double) == before
    assert converge(double, alice(ROLE))[1][0]["email"] == ""


def test_a_plan_writes_nothing(double: MariadbDouble) -> None:
    assert VomsUsers(double.server(), WantedUsers("voce", (alice(),))).plan()
    assert double.written == []


def test_a_vo_that_is_not_there_is_refused() -> None:
    with pytest.raises(BoxError) as refusal:
        VomsUsers(MariadbDouble().server(), WantedUsers("voce", ()))
    assert str(refusal.value) == "VO voce: there is no such VO on this server; create it with egee.box.voms_vo"


def test_check_mode_takes_a_vo_that_is_not_there_yet_for_empty() -> None:
    manager = VomsUsers(NoServer(), WantedUsers("voce", (alice(GROUP),)), check_mode=True)
    assert [change.action for change in manager.plan()] == [f"added {ALICE}"]
    assert manager.warnings == [
        "VO voce: there is no such VO on this server yet; "
        "check mode takes it for empty and cannot check groups and roles"
    ]


def suspend(double: MariadbDouble, *dns: str, users: tuple[WantedUser, ...] = (), exclusive: bool = False) -> t.Any:
    """A run with a list of suspended: the actions, and who is suspended after it."""
    manager = VomsUsers(double.server(), WantedUsers("voce", users, exclusive, frozenset(dns)))
    plan, result = manager.plan(), manager.result()
    manager.apply(plan)
    return [change.action for change in plan], result["suspended"]


def test_who_is_suspended_is_found_no_more_keeps_all_and_is_let_in_again(double: MariadbDouble) -> None:
    converge(double, alice(GROUP, ROLE), WantedUser(BOB, CA))
    before = granted(double)
    assert suspend(double, ALICE, "/DC=test/CN=Nobody Here") == ([f"suspended {ALICE}"], [ALICE])
    assert {row[0] for row in granted(double)} == {BOB, f"suspended:{ALICE}"}
    assert suspend(double, ALICE) == ([], [ALICE])
    assert suspend(double) == ([f"let in again {ALICE}"], [])
    assert granted(double) == before


def test_a_suspended_member_is_managed_like_others_and_stays_suspended(double: MariadbDouble) -> None:
    converge(double, alice(GROUP))
    suspend(double, ALICE)
    actions, users = converge(double, alice(ROLE))
    assert actions == [f"changed fqans of {ALICE}"]
    assert users[0]["dn"] == ALICE
    assert granted(double) == [
        (f"suspended:{ALICE}", CA, "/voce", None),
        (f"suspended:{ALICE}", CA, "/voce", "A"),
    ]
    assert suspend(double, users=(alice(ROLE),))[0] == [f"let in again {ALICE}"]
    assert granted(double)[0][0] == ALICE


def test_who_is_added_while_banned_is_suspended_from_the_start(double: MariadbDouble) -> None:
    assert suspend(double, ALICE, users=(alice(ROLE),)) == ([f"added {ALICE}"], [ALICE])
    assert {row[0] for row in granted(double)} == {f"suspended:{ALICE}"}
    assert suspend(double, ALICE, users=(alice(ROLE),)) == ([], [ALICE])


def test_who_is_removed_is_not_suspended_too(double: MariadbDouble) -> None:
    converge(double, alice(), WantedUser(BOB, CA))
    gone = WantedUser(BOB, CA, present=False)
    assert suspend(double, BOB, users=(gone,)) == ([f"removed {BOB}"], [])
    assert suspend(double, ALICE, users=(WantedUser(BOB, CA),), exclusive=True) == (
        [f"added {BOB}", f"removed {ALICE}"],
        [],
    )


def test_a_list_of_suspended_holds_names() -> None:
    params = {"vo": "voce", "users": [], "state": "present", "exclusive": False}
    assert WantedUsers.read({**params, "suspended": [ALICE]}).suspended == {ALICE}
    assert WantedUsers.read(params).suspended is None
    with pytest.raises(BoxError, match="suspended: DN 'Alice': malformed"):
        WantedUsers.read({**params, "suspended": ["Alice"]})
    with pytest.raises(BoxError, match="the VOMS schema holds 255"):
        WantedUsers.read({**params, "suspended": ["/CN=" + 246 * "a"]})
