# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a host's variables as what they should be, and note every one that is not. Private to this collection."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from ansible_collections.egee.box.plugins.module_utils._plan_model import Fault, fault_of

Interface: TypeAlias = "ipaddress.IPv4Interface | ipaddress.IPv6Interface"
Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST_NAME = rf"{LABEL}(\.{LABEL})+"
EXAMPLES = {4: "10.0.0.2/24", 6: "fd00::2/64"}


@dataclass(frozen=True)
class Unreadable:
    """Stands for a variable whose template fails, so that it is listed among the other faults."""

    reason: str


def kind(value: Any) -> str:
    """What a value is, in words that a person who writes inventories uses."""
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int):
        return "a number"
    if isinstance(value, float):
        return "a fraction"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence):
        return "a list"
    return f"a {type(value).__name__}"


class Reader:
    """The variables of one host. What is at fault goes to the list, and reads as its default, 0, "" or None.

    So the checks that follow need not know of it: no sum and no comparison is wrong because a part is missing.
    """

    def __init__(self, host: str, variables: Mapping[str, Any], faults: list[Fault], prefix: str = "") -> None:
        self.host = host
        self._variables = variables
        self._faults = faults
        self.prefix = prefix

    def fault(self, variable: str, value: Any, fault: str, cure: str) -> None:
        self._faults.append(fault_of(self.host, self.prefix + variable, value, fault, cure))

    def has(self, name: str) -> bool:
        return self._variables.get(name) is not None

    def value(self, name: str, needed: str = "") -> Any:
        """The variable as it is, or None; a missing one is a fault where it is needed."""
        value = self._variables.get(name)
        if isinstance(value, Unreadable):
            cure = "correct its template, or define what that refers to"
            self.fault(name, None, f"cannot be worked out: {value.reason}", cure)
            return None
        if value is None and needed:
            self.fault(name, None, "is not set", f"set it to {needed}")
        return value

    def number(self, name: str, low: int, high: int | None = None, default: int | None = None, unit: str = "") -> int:
        """A whole number within bounds; 0 where it is at fault."""
        value = self.value(name, "" if default is not None else f"a whole number{unit and ' of' + unit}")
        if value is None:
            return default or 0
        if isinstance(value, bool) or not isinstance(value, int):
            self.fault(
                name,
                value,
                f"is {kind(value)} where a whole number belongs",
                "write the number alone, without quotes and without a unit",
            )
            return 0
        if value < low:
            self.fault(name, value, f"is less than {low}{unit}", f"make it at least {low}{unit}")
            return 0
        if high is not None and value > high:
            self.fault(name, value, f"is more than {high}{unit}", f"make it {high}{unit} at most")
            return 0
        return value

    def text(self, name: str, pattern: str, example: str, default: str | None = None) -> str:
        """Text of a form; "" where it is at fault."""
        value = self.value(name, "" if default is not None else f"text such as {example}")
        if value is None:
            return default or ""
        if not isinstance(value, str):
            self.fault(name, value, f"is {kind(value)} where text belongs", f"write it as text, such as {example}")
            return ""
        if not re.fullmatch(pattern, value):
            self.fault(name, value, "is not of the right form", f"write it like {example}")
            return ""
        return str(value)

    def truth(self, name: str) -> bool:
        """True or false; false where it is missing or at fault."""
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            self.fault(
                name, value, f"is {kind(value)} where a truth value belongs", "write true or false, without quotes"
            )
        return value is True

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of a few words; the default where it is at fault."""
        value = self.value(name)
        if value is None:
            return default
        if value not in choices:
            words = " or ".join(choices)
            self.fault(name, value, f"is not {words}", f"set it to {words}, or leave it out for {default}")
            return default
        return str(value)

    def interface(self, name: str, version: int) -> Interface | None:
        """An address with the length of its network's prefix."""
        value = self.value(name)
        if value is None:
            return None
        with suppress(ValueError):
            if isinstance(value, str) and "/" in value:
                return ipaddress.IPv4Interface(value) if version == 4 else ipaddress.IPv6Interface(value)
        self.fault(
            name, value, f"is not an IPv{version} address with a prefix length", f"write it like {EXAMPLES[version]}"
        )
        return None

    def address(self, name: str, version: int) -> Address | None:
        """An address alone."""
        value = self.value(name)
        if value is None:
            return None
        with suppress(ValueError):
            if isinstance(value, str):
                return ipaddress.IPv4Address(value) if version == 4 else ipaddress.IPv6Address(value)
        example = EXAMPLES[version].partition("/")[0]
        self.fault(name, value, f"is not a plain IPv{version} address", f"write it like {example}")
        return None
