# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong between hosts, and no variable shows alone. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from ansible_collections.egee.box.plugins.module_utils._plan_hosts import SUFFIXES, Domain, Machine, short
from ansible_collections.egee.box.plugins.module_utils._plan_model import Fault, fault_of
from ansible_collections.egee.box.plugins.module_utils._plan_read import HOST_NAME, Address, Interface
from ansible_collections.egee.box.plugins.module_utils._services import SERVICES

# Linux takes no longer name for a host than this.
HOST_NAME_LENGTH = 64


def cross_faults(
    machines: Mapping[str, Machine], domains: Mapping[str, Domain], groups: Mapping[str, Sequence[str]]
) -> Iterator[Fault]:
    """All faults between the hosts of a site, but those of its machines' room."""
    yield from _grouping_faults(groups)
    yield from _name_faults(dict.fromkeys([*machines, *domains]))
    yield from _duplicate_faults([*machines.values(), *domains.values()])


def _grouping_faults(groups: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
    dom0s, domains = set(groups.get("dom0s", ())), set(groups.get("domains", ()))
    for name in sorted(dom0s & domains):
        yield fault_of(
            name, "group_names", ["dom0s", "domains"], "is a dom0 and a domain at once", "take it out of one of the two"
        )
    for group in SERVICES:
        for name in sorted(set(groups.get(group, ())) - domains):
            yield fault_of(
                name,
                "group_names",
                [group],
                f"is to serve {group}, but is no domain",
                f"make {group} a child of the group domains, or take the host out of it",
            )
    for service in SERVICES.values():
        members = sorted(groups.get(service.group, ()))
        for needed in service.needs:
            if members and not groups.get(needed):
                yield fault_of(
                    members[0],
                    "group_names",
                    [service.group],
                    f"serves {service.group}, but nobody serves {needed}, without which that is nothing",
                    f"put a host into the group {needed}, or leave {service.group} empty",
                )


def _name_faults(names: Iterable[str]) -> Iterator[Fault]:
    whole: dict[str, str] = {}
    shorts: dict[str, str] = {}
    for name in names:
        lower = name.lower()
        if len(name) > HOST_NAME_LENGTH or not re.fullmatch(HOST_NAME, lower):
            yield fault_of(
                name,
                "inventory_hostname",
                name,
                "is not a fully qualified host name",
                f"name the host like ce.egee.test: letters, digits, hyphens and dots, {HOST_NAME_LENGTH} at most",
            )
        elif lower in whole:
            yield fault_of(
                name,
                "inventory_hostname",
                name,
                f"is the same name as {whole[lower]}, for capitals do not count",
                "rename one of the two",
            )
        elif short(lower) in shorts:
            yield fault_of(
                name,
                "inventory_hostname",
                name,
                f"has the short name of {shorts[short(lower)]}",
                f"rename one of the two, so that only one is called {short(name)}",
            )
        whole.setdefault(lower, name)
        shorts.setdefault(short(lower), name)


def _duplicate_faults(hosts: Sequence[Machine | Domain]) -> Iterator[Fault]:
    holders: dict[Address | str, str] = {}
    taken: set[Address | None] = {found.ip for host in hosts for found in host.interfaces.values() if found}
    taken |= {gateway for host in hosts if isinstance(host, Machine) for gateway in host.gateways.values()}
    for host in hosts:
        whose = "domain" if isinstance(host, Domain) else "machine"
        for version, interface in host.interfaces.items():
            if interface is None:
                continue
            holder = holders.setdefault(interface.ip, host.name)
            if holder != host.name:
                its_dom0 = ", its dom0" if isinstance(host, Domain) and host.dom0 == holder else ""
                yield fault_of(
                    host.name,
                    f"{whose}_address{SUFFIXES[version]}",
                    str(interface),
                    f"is also the address of {holder}{its_dom0}",
                    f"give one of the two another address{_such_as(interface, taken)}",
                )
        if isinstance(host, Domain) and host.mac:
            holder = holders.setdefault(host.mac, host.name)
            if holder != host.name:
                yield fault_of(
                    host.name,
                    "domain_mac",
                    host.mac,
                    f"is also the MAC address of {holder}",
                    "set the domain_mac of one of the two to another address",
                )


def _such_as(interface: Interface, taken: Container[Address | None]) -> str:
    """The next address of the network that is free, if there is one."""
    last = int(interface.network.broadcast_address)
    after = (type(interface.ip)(number) for number in range(int(interface.ip) + 1, last))
    free = next((address for address in after if address not in taken), None)
    return f", such as {free}" if free else ""
