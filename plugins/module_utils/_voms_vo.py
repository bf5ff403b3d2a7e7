# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual organisations on a VOMS server: read, compared, applied. Private to this collection."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.egee.box.plugins.module_utils._mariadb import NoServer, Server, Statement
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._voms import Change, WantedVo
from ansible_collections.egee.box.plugins.module_utils._voms_database import SCHEMA_VERSION, Database

# The role that VOMS administration tools keep for themselves in every VO.
ADMIN_ROLE = "VO-Admin"


class VomsVo:
    """A VO: its database, its groups and roles, and that the VOMS server may read them."""

    def __init__(self, server: Server | NoServer, wanted: WantedVo) -> None:
        self._server = server
        self._wanted = wanted
        self._database = Database(server, wanted.name)
        self._exists = self._database.exists()
        self._complete = self._exists and self._database.complete()
        self.warnings: list[str] = []

    def plan(self) -> list[Change]:
        if not self._wanted.present:
            return self._plan_absent()
        return [*self._plan_database(), *self._plan_groups(), *self._plan_roles(), *self._plan_reader()]

    def apply(self, plan: Sequence[Change]) -> None:
        statements = [statement for change in plan for statement in change.statements]
        if self._wanted.present and not self._complete:
            try:
                schema = Path(self._wanted.schema).read_text("utf-8")
            except OSError as error:
                raise BoxError(
                    f"VO {self._wanted.name}: its schema cannot be read ({error}); "
                    "install voms-mysql-plugin, or set schema to where the file is"
                ) from error
            self._server.write([(f"CREATE DATABASE IF NOT EXISTS `{self._database.name}`", ())])
            self._server.load(self._database.name, schema)
            statements += [
                (f"INSERT INTO {self._database.table('seqnumber')} (seq) VALUES ('00')", ()),
                (f"INSERT INTO {self._database.table('version')} (version) VALUES (%s)", (SCHEMA_VERSION,)),
            ]
        self._server.write(statements)

    def result(self) -> dict[str, t.Any]:
        """The VO as it is once the plan is applied."""
        wanted = self._wanted
        if not wanted.present:
            return {"vo": None}
        groups = self._groups() if wanted.groups is None else wanted.groups
        roles = self._roles() if wanted.roles is None else self._kept_roles() | set(wanted.roles)
        return {
            "vo": {
                "name": wanted.name,
                "database": self._database.name,
                "groups": sorted({f"/{wanted.name}", *groups}),
                "roles": sorted(roles),
                "members": self._members(),
            }
        }

    def _groups(self) -> list[str]:
        return self._database.groups() if self._complete else []

    def _roles(self) -> list[str]:
        return self._database.roles() if self._complete else []

    def _kept_roles(self) -> set[str]:
        return {ADMIN_ROLE} & set(self._roles())

    def _members(self) -> int:
        return self._database.members() if self._complete else 0

    def _change(self, field: str, before: t.Any, after: t.Any, action: str, *statements: Statement) -> Change:
        return Change(f"VO {self._wanted.name}", field, before, after, action, statements)

    def _plan_absent(self) -> list[Change]:
        if not self._exists:
            return []
        members = self._members()
        if members and not self._wanted.force:
            raise BoxError(
                f"VO {self._wanted.name}: has {members} members; remove them with egee.box.voms_user, "
                "or set force to drop the VO with all that it records"
            )
        database = self._database.name
        statements: list[Statement] = [(f"DROP DATABASE `{database}`", ())]
        if self._may_read():
            revoke = f"REVOKE SELECT ON `{self._pattern()}`.* FROM %s@'localhost'"
            statements.append((revoke, (self._wanted.reader,)))
        return [self._change("database", database, None, f"dropped {database}", *statements)]

    def _plan_database(self) -> list[Change]:
        if self._complete:
            return []
        database = self._database.name
        before = "incomplete" if self._exists else None
        return [self._change("database", before, database, f"created {database}")]

    def _plan_groups(self) -> list[Change]:
        root = f"/{self._wanted.name}"
        current = set(self._groups())
        wanted = {root} | (current if self._wanted.groups is None else set(self._wanted.groups))
        table = self._database.table("groups")
        self._refuse_held("group", current - wanted)
        changes = []
        for group in sorted(wanted - current):
            sql = f"INSERT INTO {table} (dn, parent, must) SELECT %s, gid, 1 FROM {table} WHERE dn = %s"
            insert: Statement = (sql, (group, group.rpartition("/")[0]))
            if group == root:  # its own parent
                insert = (f"INSERT INTO {table} (gid, dn, parent, must) VALUES (1, %s, 1, 1)", (root,))
            changes.append(self._change(f"group {group}", None, group, f"added group {group}", insert))
        for group in sorted(current - wanted, reverse=True):  # children before their parents
            delete = (f"DELETE FROM {table} WHERE dn = %s", (group,))
            changes.append(self._change(f"group {group}", group, None, f"removed group {group}", delete))
        return changes

    def _plan_roles(self) -> list[Change]:
        if self._wanted.roles is None:
            return []
        current = set(self._roles())
        wanted = set(self._wanted.roles)
        table = self._database.table("roles")
        surplus = current - wanted - {ADMIN_ROLE}
        self._refuse_held("role", surplus)
        changes = []
        for role in sorted(wanted - current):
            insert = (f"INSERT INTO {table} (role) VALUES (%s)", (role,))
            changes.append(self._change(f"role {role}", None, role, f"added role {role}", insert))
        for role in sorted(surplus):
            delete = (f"DELETE FROM {table} WHERE role = %s", (role,))
            changes.append(self._change(f"role {role}", role, None, f"removed role {role}", delete))
        return changes

    def _refuse_held(self, what: t.Literal["group", "role"], surplus: set[str]) -> None:
        """Removing a group or role takes it from its holders, which only force allows."""
        if not surplus or self._wanted.force:
            return
        held = {getattr(fqan, what) for _mapping, _user, fqan in self._database.memberships()}
        for name in sorted(surplus & held):
            raise BoxError(
                f"VO {self._wanted.name}: {what} {name} has holders; list it, take it from them with "
                "egee.box.voms_user, or set force to remove it from them"
            )

    def _plan_reader(self) -> list[Change]:
        """The socket tells MariaDB which account asks, so that there is no password to keep."""
        reader = self._wanted.reader
        by_socket = self._server.rows(
            "SELECT 1 FROM mysql.user WHERE User = %s AND Host = 'localhost' AND plugin = 'unix_socket'", reader
        )
        if by_socket and self._may_read():
            return []
        grant = f"GRANT SELECT ON `{self._pattern()}`.* TO %s@'localhost' IDENTIFIED VIA unix_socket"
        return [self._change("reader", None, reader, f"let {reader} read {self._database.name}", (grant, (reader,)))]

    def _may_read(self) -> bool:
        sql = "SELECT 1 FROM mysql.db WHERE User = %s AND Host = 'localhost' AND Db = %s AND Select_priv = 'Y'"
        return bool(self._server.rows(sql, self._wanted.reader, self._pattern()))

    def _pattern(self) -> str:
        """The database in a grant, where an underscore would stand for any character."""
        return self._database.name.replace("_", r"\_")
