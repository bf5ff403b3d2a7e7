# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members of a virtual organisation on a VOMS server: read, compared, applied. Private to this collection."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import dataclass, field

from ansible_collections.egee.box.plugins.module_utils._mariadb import NoServer, Server, Statement
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._voms import (
    SUSPENDED,
    Change,
    Fqan,
    WantedUser,
    WantedUsers,
    refuse,
    sorted_fqans,
)
from ansible_collections.egee.box.plugins.module_utils._voms_database import Database


@dataclass
class _Member:
    """Somebody whom the VO knows."""

    userid: int
    cn: str
    email: str
    fqans: dict[Fqan, list[int]] = field(default_factory=dict)  # with the ids of the rows that say so
    suspended: bool = False

    def show(self) -> dict[str, t.Any]:
        return {"cn": self.cn, "email": self.email, "fqans": sorted(map(str, self.fqans))}


class VomsUsers:
    """Members of a VO: who they are and which groups and roles they hold."""

    def __init__(self, server: Server | NoServer, wanted: WantedUsers, *, check_mode: bool = False) -> None:
        self._server = server
        self._wanted = wanted
        self._database = Database(server, wanted.vo)
        self._known = self._database.exists() and self._database.complete()
        self.warnings: list[str] = []
        if not self._known:
            absence = f"VO {wanted.vo}: there is no such VO on this server"
            if not check_mode:
                raise BoxError(f"{absence}; create it with egee.box.voms_vo")
            self.warnings.append(f"{absence} yet; check mode takes it for empty and cannot check groups and roles")
        self._members = self._read_members()
        self._authorities = {ca for (ca,) in self._rows(f"SELECT ca FROM {self._database.table('ca')}")}

    def _rows(self, sql: str) -> list[tuple[t.Any, ...]]:
        return self._server.rows(sql) if self._known else []

    def _read_members(self) -> dict[tuple[str, str], _Member]:
        table = self._database.table
        members: dict[tuple[str, str], _Member] = {}
        by_id: dict[int, _Member] = {}
        sql = (
            "SELECT u.userid, u.dn, c.ca, u.cn, u.mail "
            f"FROM {table('usr')} u LEFT JOIN {table('ca')} c ON c.cid = u.ca ORDER BY u.userid"
        )
        for userid, dn, ca, cn, mail in self._rows(sql):
            member = _Member(userid, cn or "", mail or "", suspended=dn.startswith(SUSPENDED))
            by_id[userid] = members[dn.removeprefix(SUSPENDED), ca or ""] = member
        if self._known:
            for mapping, userid, fqan in self._database.memberships():
                by_id[userid].fqans.setdefault(fqan, []).append(mapping)
        return members

    def plan(self) -> list[Change]:
        self._refuse_unknown()
        changes = [change for user in self._wanted.users for change in self._plan_user(user)]
        if self._wanted.exclusive:
            changes += [
                self._remove(dn, self._members[dn, ca]) for dn, ca in sorted(self._members) if not self._stays(dn, ca)
            ]
        for (dn, ca), member in sorted(self._members.items()):
            if self._stays(dn, ca) and member.suspended != self._suspends(dn, member.suspended):
                changes.append(self._suspend(dn, member))
        return changes

    def _stays(self, dn: str, ca: str) -> bool:
        """Whether a member is one after the plan too."""
        listed = {(user.dn, user.ca): user.present for user in self._wanted.users}
        return listed.get((dn, ca), not self._wanted.exclusive)

    def _suspends(self, dn: str, now: bool = False) -> bool:
        return now if self._wanted.suspended is None else dn in self._wanted.suspended

    def _suspend(self, dn: str, member: _Member) -> Change:
        """Suspend a member, or let them back in."""
        after = not member.suspended
        rename = f"UPDATE {self._database.table('usr')} SET dn = %s WHERE userid = %s"
        action = f"{'suspended' if after else 'let in again'} {dn}"
        statement = (rename, (SUSPENDED + dn if after else dn, member.userid))
        return Change(dn, "suspended", member.suspended, after, action, (statement,))

    def apply(self, plan: Sequence[Change]) -> None:
        self._server.write(statement for change in plan for statement in change.statements)

    def result(self) -> dict[str, t.Any]:
        """Those of the users who are members once the plan is applied."""
        users = []
        for user in self._wanted.users:
            if user.present:
                member = self._members.get((user.dn, user.ca))
                users.append({"dn": user.dn, "ca": user.ca, **self._after(user, member)})
        suspended = {
            dn
            for (dn, ca), member in self._members.items()
            if self._stays(dn, ca) and self._suspends(dn, member.suspended)
        }
        suspended |= {user.dn for user in self._wanted.users if user.present and self._suspends(user.dn)}
        return {"users": users, "suspended": sorted(suspended)}

    def _refuse_unknown(self) -> None:
        """Groups and roles are the VO's: giving somebody one that is not there is a slip of the pen."""
        if not self._known:
            return
        groups, roles = set(self._database.groups()), set(self._database.roles())
        faults = []
        for user in self._wanted.users:
            for fqan in sorted_fqans(user.fqans or ()):
                if fqan.group not in groups:
                    there = ", ".join(sorted(groups))
                    faults.append(f"{user.dn}: no group {fqan.group} (there are {there}); add it with egee.box.voms_vo")
                if fqan.role and fqan.role not in roles:
                    there = ", ".join(sorted(roles)) or "none"
                    faults.append(f"{user.dn}: no role {fqan.role} (there are {there}); add it with egee.box.voms_vo")
        refuse(self._wanted.vo, faults)

    def _after(self, user: WantedUser, member: _Member | None) -> dict[str, t.Any]:
        default = _Member(0, user.dn.rpartition("=")[2], "", {Fqan(f"/{self._wanted.vo}"): []})
        now = (member or default).show()
        return {
            "cn": now["cn"] if user.cn is None else user.cn,
            "email": now["email"] if user.email is None else user.email,
            "fqans": now["fqans"] if user.fqans is None else sorted(map(str, user.fqans)),
        }

    def _plan_user(self, user: WantedUser) -> list[Change]:
        member = self._members.get((user.dn, user.ca))
        if not user.present:
            return [self._remove(user.dn, member)] if member else []
        return self._update(user, member) if member else [self._add(user)]

    def _remove(self, dn: str, member: _Member) -> Change:
        """What the member holds goes with the row, by the tables' own rules."""
        delete = (f"DELETE FROM {self._database.table('usr')} WHERE userid = %s", (member.userid,))
        return Change(dn, "member", member.show(), None, f"removed {dn}", (delete,))

    def _add(self, user: WantedUser) -> Change:
        table = self._database.table
        after = self._after(user, None)
        statements: list[Statement] = []
        if user.ca not in self._authorities:
            self._authorities.add(user.ca)
            statements.append((f"INSERT INTO {table('ca')} (ca, cadescr) VALUES (%s, '')", (user.ca,)))
        statements.append(
            (
                f"INSERT INTO {table('usr')} (dn, ca, cn, mail) "
                f"VALUES (%s, (SELECT cid FROM {table('ca')} WHERE ca = %s), %s, %s)",
                (SUSPENDED + user.dn if self._suspends(user.dn) else user.dn, user.ca, after["cn"], after["email"]),
            )
        )
        fqans = user.fqans or {Fqan(f"/{self._wanted.vo}")}
        statements += [self._grant(user, fqan) for fqan in sorted_fqans(fqans)]
        return Change(user.dn, "member", None, after, f"added {user.dn}", tuple(statements))

    def _update(self, user: WantedUser, member: _Member) -> list[Change]:
        before, after = member.show(), self._after(user, member)
        update = f"UPDATE {self._database.table('usr')} SET {{}} = %s WHERE userid = %s"
        statements: dict[str, list[Statement]] = {
            "cn": [(update.format("cn"), (after["cn"], member.userid))],
            "email": [(update.format("mail"), (after["email"], member.userid))],
            "fqans": self._regrant(user, member),
        }
        return [
            Change(user.dn, key, before[key], after[key], f"changed {key} of {user.dn}", tuple(statements[key]))
            for key in statements
            if before[key] != after[key]
        ]

    def _regrant(self, user: WantedUser, member: _Member) -> list[Statement]:
        held = set(member.fqans)
        wanted = held if user.fqans is None else user.fqans
        delete = f"DELETE FROM {self._database.table('m')} WHERE mapping_id = %s"
        surplus = sorted(row for fqan in held - wanted for row in member.fqans[fqan])
        return [
            *((delete, (row,)) for row in surplus),
            *(self._grant(user, new) for new in sorted_fqans(wanted - held)),
        ]

    def _grant(self, user: WantedUser, fqan: Fqan) -> Statement:
        """For what is not held yet only: the table's own key lets the same group in twice."""
        m, usr, ca, groups, roles = map(self._database.table, ("m", "usr", "ca", "groups", "roles"))
        return (
            f"INSERT INTO {m} (userid, gid, rid) VALUES ("
            f"(SELECT userid FROM {usr} WHERE dn IN (%s, %s) AND ca = (SELECT cid FROM {ca} WHERE ca = %s)), "
            f"(SELECT gid FROM {groups} WHERE dn = %s), (SELECT rid FROM {roles} WHERE role = %s))",
            (user.dn, SUSPENDED + user.dn, user.ca, fqan.group, fqan.role),
        )
