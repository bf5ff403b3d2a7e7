# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The protocol: one JSON object a line, the same on every socket. docs/magrathea/protocol.md says what it means.

Whatever comes in from outside is checked here against one table, before anything else sees it.
"""

from __future__ import annotations

import json
import typing as t
from typing import NamedTuple

from .events import ALL, Event
from .model import KINDS, NAME

VERSION = 1
# Longer lines are an attack, or a mistake. A register names all jobs of a VM.
LONGEST = 256 * 1024

Message = dict[str, t.Any]


class Malformed(Exception):
    """Not a message of this protocol; the text says why."""


def encode(message: Message) -> bytes:
    return json.dumps({"v": VERSION, **message}, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def decode(line: bytes, longest: int = LONGEST) -> Message:
    if len(line) > longest:
        raise Malformed(f"a line of {len(line)} bytes; the longest is {longest}")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise Malformed("not a line of JSON") from None
    if not isinstance(message, dict):
        raise Malformed("not a JSON object")
    if message.get("v") != VERSION:
        raise Malformed(f"version {str(message.get('v'))[:20]!r}; this side speaks {VERSION}")
    number = message.get("id", 0)
    if not is_number(number, 0, 1 << 53):
        raise Malformed("id is no small number")
    if ("op" in message) == ("ok" in message):
        raise Malformed("neither a request (op) nor a reply (ok)")
    if not isinstance(message.get("op", ""), str) or not isinstance(message.get("ok", True), bool):
        raise Malformed("op is no text, or ok is not true or false")
    return message


def lines(buffer: bytearray, longest: int = LONGEST) -> t.Iterator[bytes]:
    """Take the whole lines out of a buffer."""
    while (end := buffer.find(b"\n")) >= 0:
        line = bytes(buffer[:end])
        del buffer[: end + 1]
        if line.strip():
            yield line
    if len(buffer) > longest:
        raise Malformed(f"more than {longest} bytes without an end of line")


# Who may ask. A VM speaks for itself alone: whatever it names, it is its own name that counts.
ROOT, AGENT, BATCH, DEFROSTER, READER = "root", "agent", "batch", "defroster", "reader"


class Op(NamedTuple):
    roles: frozenset[str]
    fields: dict[str, str]


def _op(roles: str, **fields: str) -> Op:
    return Op(frozenset(roles.split()), fields)


_JOB = {"job": "name"}
_CLAIM = {"kind": "kind", "cpus": "cpus", "reservation": "name?"}

# Questions are answered at once; the rest are events of the core.
QUESTIONS = {
    "ping": _op("root agent batch defroster reader"),
    "status": _op("root agent batch defroster reader", vm="name?"),
    "watch": _op("root batch reader"),
    "history": _op("root reader", vm="name?", last="count?"),
    "lost": _op("root agent batch", vm="name?", job="name?"),
    "actual": _op("root"),
    "describe": _op("root reader"),
}
EVENTS = {
    "define": _op("root", vm="name", fields="fields"),
    "remove": _op("root", vm="name"),
    "boot": _op("root batch", vm="name", kind="kind?", cpus="cpus?", reservation="name?"),
    "reboot": _op("root agent", vm="name?", force="bool?"),
    "register": _op("root agent", vm="name?", session="session", jobs="names?", pending="names?"),
    "unregister": _op("root agent", vm="name?", session="session?", seq="seq?"),
    "sync": _op("root agent", vm="name?", session="session?", seq="seq?", jobs="names", pending="names?"),
    "down": _op("root", vm="name", force="bool?"),
    "start": _op(
        "root agent",
        vm="name?",
        **_JOB,
        kind="kind",
        cpus="cpus",
        request="name?",
        reservation="name?",
        label="name?",
        session="session?",
        seq="seq?",
    ),
    "stop": _op("root agent", vm="name?", **_JOB, session="session?", seq="seq?"),
    "stop-all": _op("root agent", vm="name?", session="session?", seq="seq?"),
    "reserve": _op("root agent batch", vm="name?", kind="kind", cpus="cpus", reservation="name"),
    "release": _op("root agent batch", reservation="name", vm="name?"),
    "freeze": _op("root agent", vm="name?", session="session?", seq="seq?"),
    "defrost": _op("root defroster", vm="name", token="text?"),
}
OPS = {**QUESTIONS, **EVENTS}

_FIELDS = {"uuid": str, "priority": bool, "bootable": bool, "memory": int, "floor": int, "kept": int, "label": str}
_BIG = 1 << 40


def check(message: Message, role: str) -> Op:
    """The operation that a request asks for, if it is well-formed and this role may ask for it."""
    name = message["op"]
    op = OPS.get(name)
    if op is None:
        raise Malformed(f"no such request: {name[:40]!r}")
    if role not in op.roles:
        raise Malformed(f"{name}: a {role} may not ask for this")
    for key in message.keys() - {"v", "id", "op"}:
        if key not in op.fields:
            raise Malformed(f"{name}: no such field: {str(key)[:40]!r}")
    for key, kind in op.fields.items():
        if key not in message:
            if not kind.endswith("?"):
                raise Malformed(f"{name}: {key} is missing")
        elif not _CHECKS[kind.rstrip("?")](message[key]):
            raise Malformed(f"{name}: {key} is not a {kind.rstrip('?')}: {str(message[key])[:60]!r}")
    return op


def _is_name(value: t.Any) -> bool:
    return isinstance(value, str) and bool(NAME.match(value))


def _is_session(value: t.Any) -> bool:
    return isinstance(value, str) and value.count("/") == 1 and all(_is_name(part) for part in value.split("/"))


def is_number(value: t.Any, least: int, most: int) -> bool:
    """A whole number within bounds; true and false, which Python counts among them, are none."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_fields(value: t.Any) -> bool:
    return isinstance(value, dict) and all(
        key in _FIELDS
        and isinstance(entry, _FIELDS[key])
        and (_FIELDS[key] is not int or is_number(entry, 0, _BIG))
        and (not isinstance(entry, str) or entry == "" or _is_name(entry))
        for key, entry in value.items()
    )


_CHECKS: dict[str, t.Callable[[t.Any], bool]] = {
    "name": _is_name,
    "session": _is_session,
    "kind": lambda value: value in KINDS[:3] if isinstance(value, str) else False,
    "cpus": lambda value: value == "all" or is_number(value, 1, _BIG),
    "count": lambda value: is_number(value, 1, 10_000),
    "seq": lambda value: is_number(value, 1, 1 << 53),
    "bool": lambda value: isinstance(value, bool),
    "text": lambda value: isinstance(value, str) and len(value) <= 4096,
    "names": lambda value: isinstance(value, list) and all(_is_name(each) for each in value),
    "fields": _is_fields,
}


def event(message: Message, vm: str) -> Event:
    """A checked request as an event of the core, about this VM."""
    cpus = message.get("cpus", 1)
    jobs = message.get("jobs")
    return Event(
        message["op"],
        vm,
        job=message.get("job", ""),
        job_kind=message.get("kind", "normal"),
        cpus=ALL if cpus == "all" else cpus,
        request=message.get("request", ""),
        reservation=message.get("reservation", ""),
        label=message.get("label", ""),
        force=message.get("force", False),
        session=message.get("session", ""),
        seq=message.get("seq", 0),
        jobs=None if jobs is None else tuple(jobs),
        pending=tuple(message.get("pending", ())),
        fields=tuple(message.get("fields", {}).items()),
    )
