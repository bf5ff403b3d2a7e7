# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong between hosts, and no variable shows alone. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._plan_disks import disks_of
from ansible_collections.egee.box.plugins.module_utils._plan_hosts import EXTENT, SUFFIXES, Domain, Machine, short
from ansible_collections.egee.box.plugins.module_utils._plan_model import Fault
from ansible_collections.egee.box.plugins.module_utils._plan_read import Address
from ansible_collections.egee.box.plugins.module_utils._services import SERVICES

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST_NAME = rf"{LABEL}(\.{LABEL})+"
# Linux takes no longer name for a host than this.
HOST_NAME_LENGTH = 64


def cross_faults(
    machines: Mapping[str, Machine], domains: Mapping[str, Domain], groups: Mapping[str, Sequence[str]]
) -> Iterator[Fault]:
    """All faults between the hosts of a site."""
    yield from _grouping_faults(groups)
    yield from _name_faults(dict.fromkeys([*machines, *domains]))
    yield from _duplicate_faults([*machines.values(), *domains.values()])
    for machine in machines.values():
        tenants = sorted((domain for domain in domains.values() if domain.dom0 == machine.name), key=lambda d: d.rank)
        yield from _memory_faults(machine, tenants)
        yield from _volume_group_faults(machine, tenants)
        yield from _serial_faults(machine, tenants)
        for domain in tenants:
            yield from _cpu_faults(machine, domain)
            yield from _network_faults(machine, domain)


def _fault(host: str, variable: str, value: Any, fault: str, cure: str) -> Fault:
    return {"host": host, "variable": variable, "value": value, "fault": fault, "cure": cure}


def _grouping_faults(groups: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
    dom0s, domains = set(groups.get("dom0s", ())), set(groups.get("domains", ()))
    for name in sorted(dom0s & domains):
        yield _fault(
            name, "group_names", ["dom0s", "domains"], "is a dom0 and a domain at once", "take it out of one of the two"
        )
    for group in SERVICES:
        for name in sorted(set(groups.get(group, ())) - domains):
            yield _fault(
                name,
                "group_names",
                [group],
                f"is to serve {group}, but is no domain",
                f"make {group} a child of the group domains, or take the host out of it",
            )


def _name_faults(names: Iterable[str]) -> Iterator[Fault]:
    whole: dict[str, str] = {}
    shorts: dict[str, str] = {}
    for name in names:
        lower = name.lower()
        if len(name) > HOST_NAME_LENGTH or not re.fullmatch(HOST_NAME, lower):
            yield _fault(
                name,
                "inventory_hostname",
                name,
                "is not a fully qualified host name",
                f"name the host like ce.egee.test: letters, digits, hyphens and dots, {HOST_NAME_LENGTH} at most",
            )
        elif lower in whole:
            yield _fault(
                name,
                "inventory_hostname",
                name,
                f"is the same name as {whole[lower]}, for capitals do not count",
                "rename one of the two",
            )
        elif short(lower) in shorts:
            yield _fault(
                name,
                "inventory_hostname",
                name,
                f"has the short name of {shorts[short(lower)]}",
                f"rename one of the two, so that only one is called {short(name)}",
            )
        whole.setdefault(lower, name)
        shorts.setdefault(short(lower), name)


def _duplicate_faults(hosts: Iterable[Machine | Domain]) -> Iterator[Fault]:
    holders: dict[Address | str, str] = {}
    for host in hosts:
        whose = "domain" if isinstance(host, Domain) else "machine"
        for version, interface in host.interfaces.items():
            if interface is None:
                continue
            holder = holders.setdefault(interface.ip, host.name)
            if holder != host.name:
                its_dom0 = ", its dom0" if isinstance(host, Domain) and host.dom0 == holder else ""
                yield _fault(
                    host.name,
                    f"{whose}_address{SUFFIXES[version]}",
                    str(interface),
                    f"is also the address of {holder}{its_dom0}",
                    "give one of the two another address",
                )
        if isinstance(host, Domain) and host.mac:
            holder = holders.setdefault(host.mac, host.name)
            if holder != host.name:
                yield _fault(
                    host.name,
                    "domain_mac",
                    host.mac,
                    f"is also the MAC address of {holder}",
                    "set the domain_mac of one of the two to another address",
                )


def _memory_faults(machine: Machine, tenants: list[Domain]) -> Iterator[Fault]:
    parts = [(machine.dom0_memory, "dom0"), *((domain.memory, domain.short) for domain in tenants)]
    needed = sum(memory for memory, _name in parts)
    if machine.memory and needed > machine.memory:
        yield _fault(
            machine.name,
            "machine_memory",
            machine.memory,
            f"does not hold what it is split into: {_sum(parts)} = {needed} MiB, "
            f"{needed - machine.memory} MiB too many",
            f"raise it to {needed} MiB, lower a domain_memory, or move a domain to another dom0",
        )


def _cpu_faults(machine: Machine, domain: Domain) -> Iterator[Fault]:
    if machine.cpus and domain.vcpus > machine.cpus:
        yield _fault(
            domain.name,
            "domain_vcpus",
            domain.vcpus,
            f"is more than the CPUs of {machine.name}, {machine.cpus}",
            f"make it {machine.cpus} at most, or correct the machine_cpus of {machine.name}",
        )


def _network_faults(machine: Machine, domain: Domain) -> Iterator[Fault]:
    for version, suffix in SUFFIXES.items():
        interface, bridge = domain.interfaces[version], machine.interfaces[version]
        if interface is None:
            continue
        variable, value = f"domain_address{suffix}", str(interface)
        if bridge is None:
            yield _fault(
                domain.name,
                variable,
                value,
                f"has no network to lie in: {machine.name} has no IPv{version} address",
                f"set machine_address{suffix} of {machine.name}, or leave {variable} out",
            )
        elif interface.ip not in bridge.network:
            yield _fault(
                domain.name,
                variable,
                value,
                f"lies outside {bridge.network}, the bridge's network on {machine.name}",
                f"choose an address in {bridge.network}, or correct the machine_address{suffix} of {machine.name}",
            )
        elif interface.network != bridge.network:
            yield _fault(
                domain.name,
                variable,
                value,
                f"has another prefix length than {bridge.network}, the bridge's network",
                f"write it as {interface.ip}/{bridge.network.prefixlen}",
            )
        elif interface.ip == machine.gateways[version] != bridge.ip:
            yield _fault(
                domain.name,
                variable,
                value,
                f"is the address of the gateway of {bridge.network}",
                f"choose another address in {bridge.network}",
            )


def _volume_group_faults(machine: Machine, tenants: list[Domain]) -> Iterator[Fault]:
    if machine.storage != "lvm" or not machine.volume_group_size:
        return
    disks = [disk for domain in tenants for disk in disks_of(domain, machine)]
    parts = [(-(-disk["size"] // EXTENT) * EXTENT, disk["volume"]) for disk in disks]
    needed = sum(size for size, _volume in parts)
    if needed > machine.volume_group_size:
        yield _fault(
            machine.name,
            "machine_volume_group_size",
            machine.volume_group_size,
            f"does not hold the disks of its domains: {_sum(parts)} = {needed} MiB, "
            f"{needed - machine.volume_group_size} MiB too many",
            f"enlarge {machine.volume_group} to {needed} MiB, or lower a domain_root_size or domain_scratch_size",
        )


def _serial_faults(machine: Machine, tenants: list[Domain]) -> Iterator[Fault]:
    if machine.storage != "lun":
        return
    shown: dict[str | None, str] = {}
    for domain in tenants:
        for disk in disks_of(domain, machine):
            other = shown.setdefault(disk["path"], disk["volume"])
            if other != disk["volume"]:
                yield _fault(
                    domain.name,
                    "inventory_hostname",
                    domain.name,
                    f"has a disk {disk['volume']} that {machine.name} shows as {disk['path']}, as it does {other}",
                    "keep short names to 12 characters, so that no disk's name is cut off",
                )


def _sum(parts: Iterable[tuple[int, str]]) -> str:
    return " + ".join(f"{size} ({name})" for size, name in parts if size)
