# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a value means: each kind of attribute brings a wish and PBS's own text to one form. Private to the collection.

PBS rewrites nearly all that it is given: `3600` reads back as `01:00:00`, `1024` as `1024b`, an access list sorted.
Two values are the same when their kind says so; comparing the text would report changes for ever.
"""

from __future__ import annotations

import math
import re
import struct
import typing as t
from dataclasses import dataclass

# qmgr has no escape character, so some characters cannot be said in its language at all.
_UNSAYABLE = re.compile(r"[^\t\x20-\x7e]|&")
_BARE = re.compile(r"[A-Za-z0-9_.:@/*+-]+")
_SIZE = re.compile(r"([0-9]+)(?:([kmgtp])?([bw])?)", re.IGNORECASE)
_DURATION = re.compile(r"(?:(?:([0-9]+):)?([0-9]+):)?([0-9]+)(?:\.([0-9]+))?")
_LIMIT = re.compile(r"""\s*\[\s*([ugpo])\s*:\s*("[^"]*"|'[^']*'|[^]="']+?)\s*=\s*([^]\s]+)\s*\]\s*""")
_TRUE = {"true", "t", "y", "1"}
_FALSE = {"false", "f", "n", "0"}
_LARGEST = 2**63 - 1


def unsayable(text: str) -> str:
    """Why qmgr cannot be told this text; empty when it can."""
    if found := _UNSAYABLE.search(text):
        return f"qmgr takes no {found.group()!r} in a value"
    if '"' in text and "'" in text:
        return "qmgr cannot quote a value that holds both kinds of quotation marks"
    return ""


def quote(text: str) -> str:
    """A value as a word of qmgr's language."""
    if fault := unsayable(text):
        raise ValueError(fault)
    if _BARE.fullmatch(text):
        return text
    mark = "'" if '"' in text else '"'
    return f"{mark}{text}{mark}"


def plain(value: object) -> str:
    """A YAML scalar as the text that a person means by it."""
    if isinstance(value, (str, bool, int, float)):
        return str(value)
    raise ValueError("is neither text, a number nor a boolean")


def items(value: object) -> list[str]:
    """A YAML list, or text with commas, as items."""
    words = [plain(item).strip() for item in value] if isinstance(value, (list, tuple)) else plain(value).split(",")
    if words == [""]:
        return []
    found = [word.strip() for word in words]
    if "" in found:
        raise ValueError("has an empty item")
    if bad := next((item for item in found if "," in item), None):
        raise ValueError(f"has the item {bad!r}: a comma divides items")
    return found


def _string(value: object) -> str:
    return plain(value)


def _boolean(value: object) -> str:
    word = plain(value).strip().lower()
    if word in _TRUE:
        return "True"
    if word in _FALSE:
        return "False"
    raise ValueError("is no boolean; PBS takes true and false")


def _integer(value: object) -> str:
    text = plain(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError("is no whole number")
    return str(max(-_LARGEST, min(int(text), _LARGEST)))


def _float(value: object) -> str:
    if isinstance(value, bool):
        raise ValueError("is no number")
    try:
        # PBS keeps single precision and shows four decimals.
        single = struct.unpack("f", struct.pack("f", float(plain(value))))[0]
    except (ValueError, OverflowError):
        raise ValueError("is no number") from None
    if not math.isfinite(single):
        raise ValueError("is no number")
    return f"{single:.4f}".rstrip("0").rstrip(".")


def _size(value: object) -> str:
    match = None if isinstance(value, bool) else _SIZE.fullmatch(plain(value).strip())
    if not match:
        raise ValueError("is no size; PBS takes a whole number and b, kb, mb, gb, tb or pb")
    number, scale, unit = match.groups()
    return f"{int(number)}{(scale or '').lower()}{(unit or 'b').lower()}"


def _size_in_bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError("is no size")
    number, scale, unit = match.groups()
    power = " kmgtp".index((scale or " ").lower())
    return int(int(number) * 1024**power * (8 if (unit or "b").lower() == "w" else 1))


def _duration(value: object) -> str:
    match = None if isinstance(value, bool) else _DURATION.fullmatch(plain(value).strip())
    if not match:
        raise ValueError("is no duration; PBS takes seconds or [[hours:]minutes:]seconds")
    hours, minutes, seconds, fraction = match.groups()
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds)
    whole += int((fraction or "0")[:3].ljust(3, "0")) >= 500
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def _words(value: object) -> str:
    return ",".join(items(value))


def _access_list(value: object) -> str:
    """Access lists are sets: PBS sorts them itself and refuses an entry that is there twice."""
    return ",".join(sorted(set(items(value)), key=lambda entry: (entry.lstrip("+-"), entry)))


def _letters(value: object) -> str:
    return "".join(sorted(set(plain(value).strip())))


def _queue_type(value: object) -> str:
    word = plain(value).strip().lower()
    for full in ("Execution", "Route"):
        if word and full.lower().startswith(word):
            return full
    raise ValueError("is no type of queue; PBS knows execution and route")


def _lower(value: object) -> str:
    return plain(value).strip().lower()


def _hook_boolean(value: object) -> str:
    return _boolean(value).lower()


def _hook_words(value: object) -> str:
    found = ",".join(sorted(set(items(value))))
    return "" if found == '""' else found


def limits(amount: t.Callable[[object], str]) -> t.Callable[[object], str]:
    """Limits such as [u:PBS_GENERIC=2]: a set with one amount for each entity."""

    def normalise(value: object) -> str:
        if isinstance(value, dict):
            text = ",".join(f"[{entity}={plain(number)}]" for entity, number in value.items())
        elif isinstance(value, (list, tuple)):
            text = ",".join(plain(item) for item in value)
        else:
            text = plain(value)
        entries: dict[tuple[str, str], str] = {}
        position = 0
        while position < len(text):
            match = _LIMIT.match(text, position)
            if not match or text[match.end() : match.end() + 1] not in ("", ","):
                raise ValueError("is no limit; PBS takes entries such as [u:PBS_GENERIC=2],[g:atlas=10],[o:PBS_ALL=50]")
            kind, entity, number = match.groups()
            entries[kind, entity] = amount(number)
            position = match.end() + 1
        return ",".join(f"[{kind}:{entity}={number}]" for (kind, entity), number in sorted(entries.items()))

    return normalise


def _number(text: str) -> t.Any:
    return int(text)


def _truth(text: str) -> t.Any:
    return text.lower() == "true"


def _listed(text: str) -> t.Any:
    return [item.strip() for item in text.split(",")] if text else []


def _same(text: str) -> t.Any:
    return text


@dataclass(frozen=True, eq=False)
class Kind:
    """How the values of an attribute are written, compared and given back."""

    name: str
    normalise: t.Callable[[object], str]
    key: t.Callable[[str], object] = _same
    typed: t.Callable[[str], t.Any] = _same
    may_be_empty: bool = False


STRING = Kind("string", _string, may_be_empty=True)
BOOLEAN = Kind("boolean", _boolean, typed=_truth)
INTEGER = Kind("integer", _integer, typed=_number)
FLOAT = Kind("float", _float, typed=float)
SIZE = Kind("size", _size, key=_size_in_bytes)
DURATION = Kind("duration", _duration)
WORDS = Kind("list", _words, typed=_listed, may_be_empty=True)
ACCESS = Kind("access list", _access_list, typed=_listed, may_be_empty=True)
LIMIT = Kind("limit", limits(_integer), may_be_empty=True)
QUEUE_TYPE = Kind("queue type", _queue_type)
RESOURCE_TYPE = Kind("resource type", _lower)
FLAGS = Kind("flags", _letters, may_be_empty=True)
HOOK_BOOLEAN = Kind("boolean", _hook_boolean, typed=_truth)
HOOK_WORDS = Kind("list", _hook_words, typed=_listed, may_be_empty=True)
CONTENT = Kind("content", _string, may_be_empty=True)

# PBS's own names for the types of resources.
RESOURCE_KINDS = {
    "boolean": BOOLEAN,
    "long": INTEGER,
    "float": FLOAT,
    "size": SIZE,
    "string": STRING,
    "string_array": WORDS,
}


def limit_of(kind: Kind) -> Kind:
    """The kind of a limit on a resource of that kind."""
    return Kind(f"limit of {kind.name}", limits(kind.normalise), key=_limit_key(kind), may_be_empty=True)


def _limit_key(kind: Kind) -> t.Callable[[str], object]:
    def key(text: str) -> object:
        found = (_LIMIT.fullmatch(entry) for entry in re.findall(r"\[[^]]*\]", text))
        return frozenset((m.group(1), m.group(2), kind.key(m.group(3))) for m in found if m)

    return key
