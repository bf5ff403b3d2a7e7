# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What qmgr prints, read: lists of objects, hooks with their bodies, complaints. Private to the collection."""

from __future__ import annotations

import base64
import re
import typing as t
from dataclasses import dataclass, field

_HEADING = re.compile(r"(Server|Queue|Node|Resource|Hook|Sched) (\S+)")
_LISTED = re.compile(r" {4}([A-Za-z][\w.-]*) = (.*)", re.DOTALL)
_PRINTED = re.compile(r"set (?:server|sched|(?:queue|node|hook|resource|sched) (\S+)) ([A-Za-z][\w.-]*) \+?= (.*)")
_COMPLAINT = re.compile(r"qmgr obj=(\S*) svr=\S*: (.*)")
_NUMBER = re.compile(r"qmgr: Error \(([0-9]+)\) returned from server")
_IMPORT = re.compile(r"import hook (\S+) application/x-(python|config) base64 -")
_BODIES = {"python": "content", "config": "config"}

# Not complaints: qmgr says these on standard error when all is well.
_CHATTER = re.compile(
    r"hook '.*' contents overwritten|Max open servers: \d+|qmgr: hook error returned from server|\s*\^?"
)


@dataclass
class Listed:
    """An object as `list` shows it. `folded` names the values in which a long line was broken."""

    kind: str
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    folded: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Complaint:
    """Something that qmgr or the server would not do."""

    object: str
    text: str
    number: int = 0


def listing(text: str) -> list[Listed]:
    """The objects of one or more `list` directives.

    A line after a comma is folded when it grows long: the rest follows after a tab, and blanks at the fold are lost.
    """
    found: list[Listed] = []
    name = ""
    for line in text.split("\n"):
        if heading := _HEADING.fullmatch(line):
            found.append(Listed(heading.group(1), heading.group(2)))
            name = ""
        elif not found or not line:
            name = ""
        elif attribute := _LISTED.fullmatch(line):
            name, value = attribute.groups()
            here = found[-1].attributes
            # Each entry of a limit has a line of its own.
            here[name] = f"{here[name]},{value}" if name in here else value
        elif name and line.startswith("\t"):
            found[-1].attributes[name] += line[1:]
            found[-1].folded.add(name)
        elif name:
            # pbsnodes lets a line break into a comment; qmgr shows it raw.
            found[-1].attributes[name] += "\n" + line
    return found


def printed(text: str) -> dict[tuple[str, str], str]:
    """The values of a `print` directive by object and attribute: never folded, but split at commas."""
    found: dict[tuple[str, str], str] = {}
    for line in text.split("\n"):
        if match := _PRINTED.fullmatch(line):
            name, attribute, value = match.groups()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            key = (name or "", attribute)
            found[key] = f"{found[key]},{value}" if key in found else value
    return found


def bodies(text: str) -> dict[str, dict[str, str]]:
    """The bodies and configurations in a `print hook`, by hook."""
    found: dict[str, dict[str, str]] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if match := _IMPORT.fullmatch(line):
            hook, what = match.groups()
            # PBS encodes a long body in pieces, each of which may end with padding.
            body = b"".join(base64.b64decode(piece) for piece in iter(lambda: next(lines, ""), ""))
            found.setdefault(hook, {})[_BODIES[what]] = body.decode(errors="surrogateescape")
    return found


def complaints(text: str) -> list[Complaint]:
    """What stood on standard error, one complaint for each thing refused."""
    found: list[Complaint] = []
    lines = iter(text.split("\n"))
    for line in lines:
        if match := _COMPLAINT.fullmatch(line):
            found.append(Complaint(match.group(1), match.group(2).strip()))
        elif match := _NUMBER.fullmatch(line):
            number = int(match.group(1))
            if found and not found[-1].number:
                found[-1] = Complaint(found[-1].object, found[-1].text, number)
            else:
                found.append(Complaint("", f"PBS error {number}", number))
        elif line == "qmgr: Syntax error":
            directive = next(lines, "")
            next(lines, "")  # the caret below it
            found.append(Complaint("", f"qmgr does not understand: {directive}"))
        elif not _CHATTER.fullmatch(line):
            found.append(Complaint("", line.strip()))
    return found


def encoded(content: str) -> t.Iterator[str]:
    """A hook's body as `import ... base64 -` reads it: lines, then an empty one."""
    yield from base64.encodebytes(content.encode(errors="surrogateescape")).decode().splitlines()
    yield ""
