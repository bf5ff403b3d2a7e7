# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual organisations and their members as they should be, in a VOMS server's words. Private to this collection.

Pure: bad input is refused here, before anything is touched.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.egee.box.plugins.module_utils._grid import GridError, components
from ansible_collections.egee.box.plugins.module_utils._mariadb import Statement
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError

_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VO = re.compile(_WORD)
_ROLE = re.compile(r"[A-Za-z0-9._-]+")
_FQAN = re.compile(r"(?P<group>(?:/[A-Za-z0-9._-]+)+)(?:/Role=(?P<role>[A-Za-z0-9._-]+))?(?:/Capability=NULL)?")
# A database's name has at most 64 characters, and ours begin with voms_.
_VO_LENGTH = 59
_COLUMN_LENGTH = 255
# What the name of a suspended member begins with in the tables: the server's schema has no word for it, and under this
# name it finds nobody. What the member holds stays.
SUSPENDED = "suspended:"


@dataclass(frozen=True)
class Change:
    """One difference between what is and what is wanted, and the SQL that removes it."""

    subject: str
    field: str
    before: t.Any
    after: t.Any
    action: str
    statements: tuple[Statement, ...] = ()


class Fqan(t.NamedTuple):
    """A group of a VO, or a role in it."""

    group: str
    role: str | None = None

    def __str__(self) -> str:
        return f"{self.group}/Role={self.role}" if self.role else self.group


def sorted_fqans(fqans: Iterable[Fqan]) -> list[Fqan]:
    return sorted(fqans, key=str)


def check_vo(name: str) -> str:
    if not _VO.fullmatch(name) or len(name) > _VO_LENGTH:
        raise BoxError(
            f"VO '{name}': no name for a VO; use letters, digits, '.', '_' and '-', at most {_VO_LENGTH} of them"
        )
    return name


def parse_fqan(text: str, vo: str) -> Fqan:
    """A group or group/Role= of this VO; Role=NULL and Capability=NULL, as clients print them, are dropped."""
    match = _FQAN.fullmatch(text)
    if not match:
        raise BoxError(f"FQAN '{text}': malformed; write /{vo}, /{vo}/group or /{vo}/group/Role=role")
    group, role = match["group"], match["role"]
    if group != f"/{vo}" and not group.startswith(f"/{vo}/"):
        raise BoxError(f"FQAN '{text}': outside VO {vo}; begin it with /{vo}, or name it in its own VO")
    return Fqan(group, None if role == "NULL" else role)


def with_parents(group: str) -> list[str]:
    """A group and the groups it lies in, outermost first: VOMS knows no group without its parents."""
    parts = group.split("/")[1:]
    return ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]


def check_dn(text: str) -> str:
    try:
        parts = components(text)
    except GridError as error:
        raise BoxError(f"DN '{text}': malformed: {error}") from error
    if "".join(f"/{key}={value}" for part in parts for key, value in part.items()) != text:
        raise BoxError(f"DN '{text}': malformed; write it in slash form, like /DC=org/DC=site/CN=name")
    if not (text.isascii() and text.isprintable()):
        raise BoxError(f"DN '{text}': not plain ASCII; write it as `openssl x509 -subject -nameopt compat` prints it")
    return _check_length("DN", text)


def _check_length(what: str, text: str) -> str:
    if len(text) > _COLUMN_LENGTH:
        raise BoxError(f"{what} '{text}': {len(text)} characters; the VOMS schema holds {_COLUMN_LENGTH}, shorten it")
    return text


def _check_text(what: str, text: str | None) -> str | None:
    try:
        (text or "").encode("latin-1")
    except UnicodeEncodeError as error:
        raise BoxError(f"{what} '{text}': the VOMS schema holds Latin-1 only; write it in ASCII") from error
    return None if text is None else _check_length(what, text)


@dataclass(frozen=True)
class WantedVo:
    """A VO as it should be. Groups or roles that are None stay as they are."""

    name: str
    groups: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    present: bool = True
    force: bool = False
    reader: str = "voms"
    schema: str = "/usr/share/voms/voms-mysql.data"

    @classmethod
    def read(cls, params: Mapping[str, t.Any]) -> WantedVo:
        name = check_vo(params["name"])
        return cls(
            name=name,
            groups=None if params["groups"] is None else cls._groups(params["groups"], name),
            roles=None if params["roles"] is None else cls._roles(params["roles"], name),
            present=params["state"] == "present",
            force=params["force"],
            reader=params["reader"],
            schema=params["schema"],
        )

    @staticmethod
    def _groups(texts: Iterable[str], vo: str) -> tuple[str, ...]:
        groups = {f"/{vo}"}
        for text in texts:
            group, role = parse_fqan(text, vo)
            if role:
                raise BoxError(f"group '{text}': has a role in it; list the group in groups and '{role}' in roles")
            groups.update(with_parents(_check_length("group", group)))
        return tuple(sorted(groups))

    @staticmethod
    def _roles(texts: Iterable[str], vo: str) -> tuple[str, ...]:
        for text in texts:
            if not _ROLE.fullmatch(_check_length("role", text)) or text == "NULL":
                raise BoxError(f"role '{text}': no name for a role of VO {vo}; use letters, digits, '.', '_' and '-'")
        return tuple(sorted(set(texts)))


@dataclass(frozen=True)
class WantedUser:
    """Somebody as the VO should know them. What is None stays as it is."""

    dn: str
    ca: str
    cn: str | None = None
    email: str | None = None
    fqans: frozenset[Fqan] | None = None
    present: bool = True

    @classmethod
    def read(cls, params: Mapping[str, t.Any], vo: str, state: str) -> WantedUser:
        dn = check_dn(params["dn"])
        try:
            return cls(
                dn=dn,
                ca=check_dn(params["ca"]),
                cn=_check_text("cn", params["cn"]),
                email=_check_text("email", params["email"]),
                fqans=None if params["fqans"] is None else cls._fqans(params["fqans"], vo),
                present=(params.get("state") or state) == "present",
            )
        except BoxError as error:
            raise BoxError(f"{dn}: {error.message}") from error

    @staticmethod
    def _fqans(texts: Iterable[str], vo: str) -> frozenset[Fqan]:
        """What is listed, and the groups that it lies in: whoever has a role in a group is a member of it."""
        listed = {parse_fqan(text, vo) for text in texts}
        groups = {f"/{vo}"}.union(*(with_parents(fqan.group) for fqan in listed))
        return frozenset(listed | {Fqan(group) for group in groups})


@dataclass(frozen=True)
class WantedUsers:
    """People of one VO; with exclusive, its only ones. Of those suspended, None leaves everybody as they are."""

    vo: str
    users: tuple[WantedUser, ...]
    exclusive: bool = False
    suspended: frozenset[str] | None = None

    @classmethod
    def read(cls, params: Mapping[str, t.Any]) -> WantedUsers:
        vo = check_vo(params["vo"])
        rows: Sequence[Mapping[str, t.Any]] = [params] if params["users"] is None else params["users"]
        faults: list[str] = []
        users: dict[tuple[str, str], WantedUser] = {}
        for row in rows:
            try:
                user = WantedUser.read(row, vo, params["state"])
            except BoxError as error:
                faults.append(error.message)
                continue
            if (user.dn, user.ca) in users:
                faults.append(f"{user.dn}: listed twice; merge the entries")
            users[user.dn, user.ca] = user
        suspended = params.get("suspended")
        for dn in suspended or ():
            try:
                _check_length("DN", SUSPENDED + check_dn(dn))
            except BoxError as error:
                faults.append(f"suspended: {error.message}")
        if params["exclusive"] and not any(user.present for user in users.values()):
            faults.append("exclusive with nobody present would empty the VO; list who stays, or remove users by name")
        refuse(vo, faults)
        return cls(vo, tuple(users.values()), params["exclusive"], None if suspended is None else frozenset(suspended))


def refuse(vo: str, faults: Sequence[str]) -> None:
    if faults:
        raise BoxError(f"VO {vo}: {' | '.join(faults)}", faults=list(faults))


def members_of(users: Iterable[Mapping[str, t.Any]], vo: str) -> list[dict[str, t.Any]]:
    """A site's people as members of one VO: each with its FQANs of that VO, absent without any."""
    members = []
    for user in users:
        fqans = [fqan for fqan in user["fqans"] if fqan == f"/{vo}" or fqan.startswith(f"/{vo}/")]
        known = {key: user[key] for key in ("dn", "ca", "cn", "email") if key in user}
        members.append({**known, "fqans": fqans, "state": "present" if fqans else "absent"})
    return members


def render(plan: Iterable[Change]) -> dict[str, dict[str, dict[str, t.Any]]]:
    """What a plan changes, before and after."""
    diff: dict[str, dict[str, dict[str, t.Any]]] = {"before": {}, "after": {}}
    for change in plan:
        diff["before"].setdefault(change.subject, {})[change.field] = change.before
        diff["after"].setdefault(change.subject, {})[change.field] = change.after
    return diff
