# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VO on a server: created, changed, dropped, and what is refused on the way."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._mariadb import NoServer
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._voms import WantedVo
from ansible_collections.egee.box.plugins.module_utils._voms_vo import VomsVo
from ansible_collections.egee.box.tests.unit.mariadb_double import SCHEMA, MariadbDouble

MEMBER = [
    "INSERT INTO voms_voce.usr (userid, dn) VALUES (7, '/CN=Alice')",
    "INSERT INTO voms_voce.m (userid, gid) VALUES (7, 1)",
    "INSERT INTO voms_voce.m (userid, gid) SELECT 7, gid FROM voms_voce.`groups` WHERE dn = '/voce/a'",
    "INSERT INTO voms_voce.m (userid, gid, rid) SELECT 7, 1, rid FROM voms_voce.roles WHERE role = 'A'",
]


@pytest.fixture
def double() -> MariadbDouble:
    return MariadbDouble()


@pytest.fixture
def wanted(tmp_path: Path) -> WantedVo:
    schema = tmp_path / "schema.sql"
    schema.write_text(SCHEMA)
    return WantedVo("voce", ("/voce", "/voce/a"), ("A",), schema=str(schema))


def converge(double: MariadbDouble, wanted: WantedVo) -> tuple[list[str], dict[str, t.Any]]:
    """What a module run does: the actions, and the VO that it returns."""
    manager = VomsVo(double.server(), wanted)
    plan = manager.plan()
    result = manager.result()
    if plan:
        manager.apply(plan)
    return [change.action for change in plan], result["vo"]


def fill(double: MariadbDouble) -> None:
    double.server().write((sql, ()) for sql in MEMBER)


def test_a_vo_is_created_with_all_it_needs_and_then_left_alone(double: MariadbDouble, wanted: WantedVo) -> None:
    actions, vo = converge(double, wanted)
    assert actions == [
        "created voms_voce",
        "added group /voce",
        "added group /voce/a",
        "added role A",
        "let voms read voms_voce",
    ]
    assert vo == {
        "name": "voce",
        "database": "voms_voce",
        "groups": ["/voce", "/voce/a"],
        "roles": ["A"],
        "members": 0,
    }
    assert converge(double, wanted) == ([], vo)


def test_a_plan_writes_nothing(double: MariadbDouble, wanted: WantedVo) -> None:
    assert VomsVo(double.server(), wanted).plan()
    assert double.written == []


def test_the_same_is_planned_where_there_is_no_server_yet(double: MariadbDouble, wanted: WantedVo) -> None:
    assert VomsVo(NoServer(), wanted).plan() == VomsVo(double.server(), wanted).plan()


def test_groups_and_roles_follow_the_lists(double: MariadbDouble, wanted: WantedVo) -> None:
    converge(double, wanted)
    other = dataclasses.replace(wanted, groups=("/voce", "/voce/b", "/voce/b/c"), roles=("B",))
    actions, vo = converge(double, other)
    assert actions == [
        "added group /voce/b",
        "added group /voce/b/c",
        "removed group /voce/a",
        "added role B",
        "removed role A",
    ]
    assert (vo["groups"], vo["roles"]) == (["/voce", "/voce/b", "/voce/b/c"], ["B"])
    assert converge(double, other) == ([], vo)
    assert converge(double, wanted)[0] == [
        "added group /voce/a",
        "removed group /voce/b/c",
        "removed group /voce/b",
        "added role A",
        "removed role B",
    ]


def test_without_lists_groups_and_roles_stay(double: MariadbDouble, wanted: WantedVo) -> None:
    vo = converge(double, wanted)[1]
    assert converge(double, dataclasses.replace(wanted, groups=None, roles=None)) == ([], vo)


def test_the_role_of_administration_tools_stays(double: MariadbDouble, wanted: WantedVo) -> None:
    converge(double, wanted)
    double.server().write([("INSERT INTO voms_voce.roles (role) VALUES ('VO-Admin')", ())])
    actions, vo = converge(double, wanted)
    assert (actions, vo["roles"]) == ([], ["A", "VO-Admin"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"groups": ("/voce",)}, "VO voce: group /voce/a has holders; list it, take it", id="a group"),
        pytest.param({"roles": ()}, "VO voce: role A has holders; list it, take it from them with", id="a role"),
        pytest.param(
            {"present": False}, "VO voce: has 1 members; remove them with egee.box.voms_user, or set force", id="the VO"
        ),
    ],
)
def test_what_members_hold_is_taken_by_force_only(
    double: MariadbDouble, wanted: WantedVo, change: dict[str, t.Any], message: str
) -> None:
    converge(double, wanted)
    fill(double)
    with pytest.raises(BoxError) as refusal:
        converge(double, dataclasses.replace(wanted, **change))
    assert message in str(refusal.value)
    assert converge(double, wanted)[0] == []
    forced = dataclasses.replace(wanted, **change, force=True)
    assert converge(double, forced)[0]
    assert converge(double, forced)[0] == []


def test_a_dropped_vo_leaves_no_grant_behind(double: MariadbDouble, wanted: WantedVo) -> None:
    converge(double, wanted)
    absent = dataclasses.replace(wanted, present=False)
    assert converge(double, absent) == (["dropped voms_voce"], None)
    assert double.server().rows("SELECT * FROM mysql.db") == []
    assert converge(double, absent) == ([], None)


def test_an_account_with_a_password_gets_the_socket_instead(double: MariadbDouble, wanted: WantedVo) -> None:
    converge(double, wanted)
    double.server().write([("UPDATE mysql.user SET plugin = 'mysql_native_password'", ())])
    assert converge(double, wanted)[0] == ["let voms read voms_voce"]
    assert converge(double, wanted)[0] == []


@pytest.mark.parametrize("point", ["CREATE TABLE usr", "INSERT INTO `voms_voce`.`roles`", "GRANT", "`version`"])
def test_an_interrupted_creation_is_done_again(point: str, tmp_path: Path) -> None:
    schema = tmp_path / "schema.sql"
    tables = [line.split()[2] for line in SCHEMA.splitlines() if line.startswith("CREATE TABLE")]
    schema.write_text("".join(f"DROP TABLE IF EXISTS voms_voce.{table};\n" for table in reversed(tables)) + SCHEMA)
    wanted = WantedVo("voce", ("/voce",), ("A",), schema=str(schema))
    double = MariadbDouble()
    double.refuse = point
    with pytest.raises(BoxError) as refusal:
        converge(double, wanted)
    assert "MariaDB: refused" in str(refusal.value)
    double.refuse = None
    manager = VomsVo(double.server(), wanted)
    assert next(change.before for change in manager.plan() if change.field == "database") == "incomplete"
    converge(double, wanted)
    assert converge(double, wanted)[0] == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(
            "UPDATE voms_voce.version SET version = 1",
            "voms_voce: has schema version [1], the server reads 2; upgrade it",
            id="an old schema",
        ),
        pytest.param(
            "DELETE FROM voms_voce.version",
            "voms_voce: has members but no schema version; restore it from a backup",
            id="members in half a database",
        ),
    ],
)
def test_a_database_that_is_not_understood_is_left_alone(
    double: MariadbDouble, wanted: WantedVo, spoil: str, message: str
) -> None:
    converge(double, wanted)
    fill(double)
    double.server().write([(spoil, ())])
    with pytest.raises(BoxError) as refusal:
        converge(double, wanted)
    assert message in str(refusal.value)


def test_a_missing_schema_is_told_before_anything_is_created(double: MariadbDouble) -> None:
    with pytest.raises(BoxError) as refusal:
        converge(double, WantedVo("voce", schema="/nowhere.sql"))
    assert "VO voce: its schema cannot be read" in str(refusal.value)
    assert "install voms-mysql-plugin, or set schema" in str(refusal.value)
    assert double.written == []
