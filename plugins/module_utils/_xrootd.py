# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what on a storage element, in XRootD's words. Private to this collection."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._grid import GridError, components

# What each right is to XRootD: r reads, l looks up; i makes files and directories, w writes them, n renames.
RIGHTS = {"read": "rl", "write": "iwn", "delete": "d"}
NOTHING = "-"

_FQAN = re.compile(r"(?P<group>/(?P<vo>[^/=\s]+)(?:/[^/=\s]+)*?)(?:/Role=(?P<role>[^/=\s]+))?\Z")
_PATH = re.compile(r"/\S+\Z")

# The object identifiers of what names are made of, by what the slash form calls them.
_ATTRIBUTES = {
    "C": "2.5.4.6",
    "CN": "2.5.4.3",
    "DC": "0.9.2342.19200300.100.1.25",
    "EMAIL": "1.2.840.113549.1.9.1",
    "EMAILADDRESS": "1.2.840.113549.1.9.1",
    "GN": "2.5.4.42",
    "L": "2.5.4.7",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "SERIALNUMBER": "2.5.4.5",
    "SN": "2.5.4.4",
    "ST": "2.5.4.8",
    "STREET": "2.5.4.9",
    "T": "2.5.4.12",
    "TITLE": "2.5.4.12",
    "UID": "0.9.2342.19200300.100.1.1",
    "USERID": "0.9.2342.19200300.100.1.1",
}


class StorageError(ValueError):
    """Access that cannot be granted or refused as it is described; the message says what would do."""


def authfile(vos: Iterable[str], rules: Iterable[Mapping[str, Any]], banned: Iterable[str]) -> str:
    """XRootD's authorisation database: each VO has its own path, rules add to that or replace it.

    Of each attribute of a user the rule with the longest path counts, and what a user's attributes give adds up.
    The banned have nothing anywhere.
    """
    names = list(vos)
    access: dict[str, dict[str, list[str]]] = {f"/{vo}": {f"/{vo}": list(RIGHTS)} for vo in names}
    for rule in rules:
        fqan, path, rights = _checked(rule, names)
        access.setdefault(fqan, {})[path] = rights
    _check_prefixes(names, {path for paths in access.values() for path in paths})

    lines = []
    for number, (fqan, paths) in enumerate(access.items(), 1):
        lines += ["", f"# {fqan}", f"= rule{number} {_identity(fqan)}", f"s rule{number} {_grants(paths)}"]
    for name in sorted(set(banned)):
        lines += ["", f"# banned: {name}", f"u {name_hash(name)}.0 / -a"]
    return "\n".join([*lines[1:], ""])


def name_hash(name: str) -> str:
    """What OpenSSL calls the hash of a name, by which XRootD knows a user."""
    try:
        parts = components(name)
    except GridError as error:
        raise StorageError(str(error)) from error
    encoded = b"".join(_encoded(*pair) for part in parts for pair in part.items())
    # OpenSSL takes the first four bytes as a number, lowest byte first.
    digest = hashlib.sha1(encoded, usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _parsed(fqan: str) -> re.Match[str]:
    match = _FQAN.match(fqan)
    if not match:
        raise StorageError(f"fqan '{fqan}' is none; write one like /voce, /voce/physics or /voce/Role=Name")
    return match


def _checked(rule: Mapping[str, Any], vos: list[str]) -> tuple[str, str, list[str]]:
    shown = dict(rule)
    fqan, path, rights = (rule.get(key) for key in ("fqan", "path", "rights"))
    match = _parsed(str(fqan or ""))
    if match["vo"] not in vos:
        raise StorageError(f"rule {shown}: VO '{match['vo']}' is not served here; add it to the VOs, or drop the rule")
    if not isinstance(path, str) or not _PATH.match(path) or path != posixpath.normpath(path):
        raise StorageError(f"rule {shown}: path '{path}' must be absolute and plain, like /voce/physics")
    if path.split("/")[1] not in vos:
        raise StorageError(f"rule {shown}: path '{path}' lies in no VO's directory; begin it with one of {_paths(vos)}")
    if not isinstance(rights, list) or set(rights) - set(RIGHTS):
        raise StorageError(f"rule {shown}: rights '{rights}' must be a list of some of {', '.join(RIGHTS)}")
    return str(fqan), path, rights


def _check_prefixes(vos: list[str], paths: Iterable[str]) -> None:
    """XRootD compares paths letter by letter, so the rule for /voce would hold for /voce2 too."""
    ordered = sorted({*paths, *(f"/{vo}" for vo in vos)})
    for shorter in ordered:
        for longer in ordered:
            if longer.startswith(shorter) and longer != shorter and longer[len(shorter)] != "/":
                raise StorageError(
                    f"path '{longer}' begins with '{shorter}', and XRootD cannot tell them apart; rename one of them"
                )


def _paths(vos: Iterable[str]) -> str:
    return ", ".join(f"/{vo}" for vo in vos)


def _identity(fqan: str) -> str:
    match = _parsed(fqan)
    role = f" r: {match['role']}" if match["role"] else ""
    return f"o: {match['vo']} g: {match['group']}{role}"


def _grants(paths: Mapping[str, list[str]]) -> str:
    """The first path that fits counts. What is given below a directory lets the directory itself only be looked at."""
    grants = []
    for path, rights in sorted(paths.items(), key=lambda item: (-len(item[0]), item[0])):
        letters = "".join(RIGHTS[right] for right in RIGHTS if right in rights)
        grants.append(f"{path}/ {letters or NOTHING}")
        grants.append(f"{path} {RIGHTS['read'] if 'read' in rights else NOTHING}")
    return " ".join(grants)


def _encoded(key: str, value: str) -> bytes:
    """One component in OpenSSL's canonical form: a UTF-8 string in lower case, with single spaces."""
    oid = _ATTRIBUTES.get(key.upper())
    if oid is None:
        raise StorageError(f"'{key}' in a name is unknown; known are {', '.join(_ATTRIBUTES)}")
    raw = re.sub(rb"\\x([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), value.encode())
    text = re.sub(rb"[ \t\n\v\f\r]+", b" ", raw.strip(b" \t\n\v\f\r")).lower()
    return _der(0x31, _der(0x30, _object_identifier(oid) + _der(0x0C, text)))


def _object_identifier(dotted: str) -> bytes:
    first, second, *rest = (int(number) for number in dotted.split("."))
    body = b""
    for number in (40 * first + second, *rest):
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(0x80 | number & 0x7F)
        body += bytes(reversed(digits))
    return _der(0x06, body)


def _der(tag: int, body: bytes) -> bytes:
    length = len(body)
    if length < 0x80:
        return bytes([tag, length]) + body
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body
