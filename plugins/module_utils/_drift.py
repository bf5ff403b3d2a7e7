# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is otherwise between two sites that should be alike, such as a site and its twin. Private to this collection.

Pure functions on plain data: of either site, the variables of each host.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, TypedDict

Hosts: TypeAlias = Mapping[str, Mapping[str, Any]]

# What a secret of Ansible Vault begins with.
SECRET = "$ANSIBLE_VAULT;"
# A host's name whose first label ends in a number.
NUMBERED = re.compile(r"([^.]*[A-Za-z-])(\d+)(?=\.|$)")
# More hosts than these are counted, not named.
NAMED = 6
MISSING = object()


class Drift(TypedDict):
    """One thing that is otherwise. Without a variable, it is the hosts themselves."""

    hosts: list[str]
    variable: str | None
    drift: str


def drift(here: Hosts, there: Hosts, own: Collection[str]) -> list[Drift]:
    """All drift between two sites, each once, with the hosts where it is.

    Variables that are a site's own may have other values. Where such a one is text that is one for the site, such as
    its domain, it makes no difference in other values and in names either: voms.<site_domain> is one host.
    A numbered host that only one site has is compared with another of its kind, for sites may differ in size.
    """
    sites = _neutral_site(here, own), _neutral_site(there, own)
    kinds = [{_kind(name): name for name in sorted(site, reverse=True)} for site in sites]
    found: dict[tuple[str | None, str], list[str]] = {}
    compared = 0
    for name in sorted({*sites[0], *sites[1]}):
        names = [name if name in site else kind.get(_kind(name)) for site, kind in zip(sites, kinds, strict=True)]
        compared += None not in names
        for difference in _host_drift(sites, names, own):
            found.setdefault(difference, []).append(name.partition(".")[0])
    order = sorted(found, key=lambda difference: (difference[0] or "", difference[1]))
    return [
        {"hosts": ["all hosts"] if variable and len(hosts) == compared else hosts, "variable": variable, "drift": text}
        for (variable, text), hosts in ((difference, found[difference]) for difference in order)
    ]


def report(found: Iterable[Drift]) -> list[str]:
    """A line for each drift, as a person reads them."""
    return [f"{drift['variable'] or 'the host'} {drift['drift']} ({_names(drift['hosts'])})" for drift in found]


def _names(hosts: list[str]) -> str:
    more = len(hosts) - NAMED
    return ", ".join(hosts[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _neutral_site(hosts: Hosts, own: Collection[str]) -> dict[str, Any]:
    """A site's hosts and variables, with the names of own variables in place of their text."""
    texts: dict[str, str] = {}
    for name in own:
        values = Counter(host[name] for host in hosts.values() if isinstance(host.get(name), str) and host[name])
        # One for the site, even where a host has strayed from it: that is drift of this host alone.
        texts |= {value: f"<{name}>" for value, count in values.items() if count > len(hosts) / 2}
    # A domain may have another in it: the longer is the one that is meant.
    words = "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))
    pattern = re.compile(rf"(?<!\w)({words})(?!\w)")

    def neutral(text: str) -> str:
        return pattern.sub(lambda match: texts[match[0]], text) if texts else str(text)

    return {neutral(name): _with_text(variables, neutral) for name, variables in hosts.items()}


def _kind(name: str) -> str:
    found = NUMBERED.match(name)
    return f"{found[1]}#{name[found.end() :]}" if found else name


def _host_drift(
    sites: tuple[dict[str, Any], dict[str, Any]], names: list[str | None], own: Collection[str]
) -> Iterator[tuple[str | None, str]]:
    here, there = names
    if here is None or there is None:
        yield None, f"is {'there' if here is None else 'here'} only"
        return
    one, other = sites[0][here], sites[1][there]
    if here != there:
        one, other = _numberless(one, here), _numberless(other, there)
    for variable in sorted({*one, *other}):
        pair = one.get(variable, MISSING), other.get(variable, MISSING)
        if variable not in own or MISSING in pair or any(map(_is_secret, pair)):
            yield from _value_drift(variable, *pair)


def _numberless(variables: Any, name: str) -> Any:
    """Two hosts that are not of one number have other numbers in the names of what is theirs, too."""
    found = NUMBERED.match(name)
    number = re.compile(rf"(?<=[A-Za-z-]){found[2]}(?!\w)" if found else r"(?!)")
    return _with_text(variables, lambda text: number.sub("#", text))


def _with_text(value: Any, change: Callable[[str], str]) -> Any:
    """A copy of plain data with its texts changed, but for secrets."""
    if isinstance(value, str):
        return value if _is_secret(value) else change(value)
    if isinstance(value, Mapping):
        return {change(key): _with_text(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_text(item, change) for item in value]
    return value


def _value_drift(path: str, here: Any, there: Any) -> Iterator[tuple[str, str]]:
    secrets = _is_secret(here), _is_secret(there)
    if all(secrets):
        if here == there:
            yield path, "is the same secret here and there: make one of its own for each site"
    elif isinstance(here, dict) and isinstance(there, dict):
        for key in sorted({*here, *there}, key=str):
            yield from _value_drift(f"{path}.{key}", here.get(key, MISSING), there.get(key, MISSING))
    elif isinstance(here, list) and isinstance(there, list) and not (_is_flat(here) and _is_flat(there)):
        for index in range(max(len(here), len(there))):
            pair = (items[index] if index < len(items) else MISSING for items in (here, there))
            yield from _value_drift(f"{path}[{index}]", *pair)
    elif any(secrets) and MISSING not in (here, there):
        # What is a secret in one site may be one in clear in the other: it is not shown.
        yield path, f"is a secret {'here' if secrets[0] else 'there'} only"
    elif here != there or isinstance(here, bool) != isinstance(there, bool):
        # To Python, true is 1.
        yield path, f"is {_shown(here)} here and {_shown(there)} there"


def _is_flat(items: list[Any]) -> bool:
    """Words or numbers, which are read at a glance and best shown together."""
    return not any(isinstance(item, Mapping | list) or _is_secret(item) for item in items)


def _is_secret(value: Any) -> bool:
    return isinstance(value, str) and SECRET in value


def _shown(value: Any) -> str:
    if value is MISSING:
        return "not set"
    return json.dumps(_hidden(value), ensure_ascii=False, default=str)


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    return "(a secret)" if _is_secret(value) else value
