# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of one VO, as the VOMS server reads it. Private to this collection."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.egee.box.plugins.module_utils._mariadb import NoServer, Server, connect
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError, conclude
from ansible_collections.egee.box.plugins.module_utils._voms import Change, Fqan, render

# The version of the schema that the server's plugin reads.
SCHEMA_VERSION = 2


class Database:
    """The tables of one VO."""

    def __init__(self, server: Server | NoServer, vo: str) -> None:
        self.server = server
        self.name = f"voms_{vo}"

    def table(self, name: str) -> str:
        return f"`{self.name}`.`{name}`"

    def exists(self) -> bool:
        return bool(self.server.rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", self.name))

    def complete(self) -> bool:
        """The version is what is written last: without it an interrupted creation is to be done again."""
        sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
        tables = {name for (name,) in self.server.rows(sql, self.name)}
        if "version" in tables:
            versions = [version for (version,) in self.server.rows(f"SELECT version FROM {self.table('version')}")]
            if versions and versions != [SCHEMA_VERSION]:
                raise BoxError(
                    f"{self.name}: has schema version {versions}, the server reads {SCHEMA_VERSION}; "
                    "upgrade it with the scripts of the voms-server package"
                )
            if versions:
                return True
        if "usr" in tables and self.members():
            raise BoxError(f"{self.name}: has members but no schema version; restore it from a backup")
        return False

    def members(self) -> int:
        return int(self.server.rows(f"SELECT COUNT(*) FROM {self.table('usr')}")[0][0])

    def groups(self) -> list[str]:
        return [dn for (dn,) in self.server.rows(f"SELECT dn FROM {self.table('groups')} ORDER BY dn")]

    def roles(self) -> list[str]:
        return [role for (role,) in self.server.rows(f"SELECT role FROM {self.table('roles')} ORDER BY role")]

    def memberships(self) -> list[tuple[int, int, Fqan]]:
        """Each with its own id, its user's id, and what it says."""
        return [
            (mapping, user, Fqan(group, role))
            for mapping, user, group, role in self.server.rows(
                f"SELECT m.mapping_id, m.userid, g.dn, r.role FROM {self.table('m')} m "
                f"JOIN {self.table('groups')} g ON g.gid = m.gid LEFT JOIN {self.table('roles')} r ON r.rid = m.rid "
                "ORDER BY m.mapping_id"
            )
        ]


class Manager(t.Protocol):
    """What reads, compares and applies."""

    warnings: list[str]

    def plan(self) -> list[Change]:
        """What is to be changed."""

    def result(self) -> dict[str, t.Any]:
        """What the module returns: the object as it is once the plan is applied."""

    def apply(self, plan: Sequence[Change]) -> None:
        """Change it."""


def run(
    module: t.Any,
    read: Callable[[Mapping[str, t.Any]], t.Any],
    manage: Callable[[Server | NoServer, t.Any], Manager],
) -> t.NoReturn:
    """What both modules do: refuse bad input before anything is touched, compare, and act outside check mode."""

    def work() -> dict[str, t.Any]:
        wanted = read(module.params)
        server = connect(module.params["login_unix_socket"], module.params["login_user"], check_mode=module.check_mode)
        manager = manage(server, wanted)
        plan = manager.plan()
        result = manager.result()
        if plan and not module.check_mode:
            manager.apply(plan)
        return {
            "changed": bool(plan),
            "actions": [change.action for change in plan],
            "diff": render(plan),
            "warnings": manager.warnings,
            **result,
        }

    conclude(module, work)


# What both modules take to find the server.
LOGIN = {
    "login_unix_socket": {"type": "path", "default": "/run/mysqld/mysqld.sock"},
    "login_user": {"type": "str", "default": "root"},
}
