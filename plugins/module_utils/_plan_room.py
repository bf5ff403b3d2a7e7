# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a machine holds its domains: their memory in each state, their CPUs, disks and addresses.

Private to this collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from ansible_collections.egee.box.plugins.module_utils._plan_disks import disks_of
from ansible_collections.egee.box.plugins.module_utils._plan_hosts import (
    EXTENT,
    MINIMUM_MEMORY,
    SUFFIXES,
    Domain,
    Machine,
)
from ansible_collections.egee.box.plugins.module_utils._plan_model import Fault, fault_of
from ansible_collections.egee.box.plugins.module_utils._plan_states import running, sharers

# The machines that a domain could move to.
Homes = Callable[[Domain], list[str]]


def nowhere(domain: Domain) -> list[str]:
    return []


def machine_faults(machine: Machine, tenants: list[Domain], homes: Homes = nowhere) -> Iterator[Fault]:
    """What is wrong with a machine's domains together."""
    yield from _memory_faults(machine, tenants, homes)
    yield from _sharing_faults(machine, tenants)
    yield from _volume_group_faults(machine, tenants)
    yield from _serial_faults(machine, tenants)


def domain_faults(machine: Machine, domain: Domain) -> Iterator[Fault]:
    """What is wrong with one domain on a machine."""
    yield from _cpu_faults(machine, domain)
    yield from _network_faults(machine, domain)


def fits(machine: Machine, tenants: list[Domain], domain: Domain) -> bool:
    """Whether a machine would hold one more domain, as it is."""
    # What most machines of a large site fail by, before all is worked out that there is to say.
    if machine.memory < machine.dom0_memory + domain.memory + sum(tenant.memory for tenant in tenants):
        return False
    found = chain(domain_faults(machine, domain), machine_faults(machine, [*tenants, domain]))
    return next(found, None) is None


def _memory_faults(machine: Machine, tenants: list[Domain], homes: Homes) -> Iterator[Fault]:
    parts = [(machine.dom0_memory, "dom0"), *((domain.memory, domain.short) for domain in tenants)]
    needed = sum(memory for memory, _name in parts)
    if not machine.memory or needed <= machine.memory:
        return
    excess = needed - machine.memory
    cures = [f"raise it to {needed} MiB", *_lower_memory(tenants, excess)]
    for domain in sorted(tenants, key=lambda domain: domain.memory):
        if domain.memory >= excess and (found := homes(domain)):
            cures.append(f"move {domain.name} to {found[0]}")
            break
    yield fault_of(
        machine.name,
        "machine_memory",
        machine.memory,
        f"does not hold what it is split into: {_sum(parts)} = {needed} MiB, {excess} MiB too many",
        ", or ".join([", ".join(cures[:-1]), cures[-1]] if cures[1:] else cures),
    )


def _lower_memory(tenants: list[Domain], excess: int) -> Iterator[str]:
    """The domain that can best do without some memory, if one can alone; or that it is some together."""
    for domain in sorted(tenants, key=lambda domain: -domain.memory):
        left = domain.memory - excess
        if left >= MINIMUM_MEMORY and (domain.floor == domain.memory or domain.floor <= left):
            yield f"lower the domain_memory of {domain.name} to {left} MiB"
            return
    if sum(max(domain.memory - MINIMUM_MEMORY, 0) for domain in tenants) >= excess:
        yield f"lower the domain_memory of some by {excess} MiB together"


def _sharing_faults(machine: Machine, tenants: list[Domain]) -> Iterator[Fault]:
    nodes = sharers(machine, tenants)
    if machine.sharing != "none" and not nodes:
        yield fault_of(
            machine.name,
            "machine_sharing",
            machine.sharing,
            "is said of a machine without worker nodes",
            "set the domain_dom0 of some worker nodes to it, or leave machine_sharing out",
        )
    worst = max(running(machine, nodes), key=lambda state: state["total"], default=None)
    if worst is None:
        return
    names = {node.name: node.short for node in nodes}
    left = machine.memory - machine.dom0_memory - sum(domain.memory for domain in tenants if domain.name not in names)
    if worst["total"] > worst["limit"]:
        parts = _sum((memory, names[name]) for name, memory in worst["memory"].items())
        yield fault_of(
            machine.name,
            "machine_sharing_memory",
            worst["limit"],
            f"cannot be handed to {names[worst['runs']]}: {parts} = {worst['total']} MiB, "
            f"{worst['total'] - worst['limit']} MiB too many",
            f"raise it to {worst['total']} MiB, or lower the domain_memory_floor of the others by "
            f"{worst['total'] - worst['limit']} MiB together",
        )
    elif sum(node.memory for node in nodes) <= left < worst["limit"]:
        yield fault_of(
            machine.name,
            "machine_sharing_memory",
            worst["limit"],
            f"is more than dom0 and other domains leave of {machine.memory} MiB, {left} MiB",
            f"make it {left} MiB at most",
        )


def _cpu_faults(machine: Machine, domain: Domain) -> Iterator[Fault]:
    if machine.cpus and domain.vcpus > machine.cpus:
        yield fault_of(
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
            yield fault_of(
                domain.name,
                variable,
                value,
                f"has no network to lie in: {machine.name} has no IPv{version} address",
                f"set machine_address{suffix} of {machine.name}, or leave {variable} out",
            )
        elif interface.ip not in bridge.network:
            yield fault_of(
                domain.name,
                variable,
                value,
                f"lies outside {bridge.network}, the bridge's network on {machine.name}",
                f"choose an address in {bridge.network}, or correct the machine_address{suffix} of {machine.name}",
            )
        elif interface.network != bridge.network:
            yield fault_of(
                domain.name,
                variable,
                value,
                f"has another prefix length than {bridge.network}, the bridge's network",
                f"write it as {interface.ip}/{bridge.network.prefixlen}",
            )
        elif interface.ip == machine.gateways[version] != bridge.ip:
            yield fault_of(
                domain.name,
                variable,
                value,
                f"is the address of the gateway of {bridge.network}",
                f"choose another address in {bridge.network}",
            )


def _volume_group_faults(machine: Machine, tenants: list[Domain]) -> Iterator[Fault]:
    if machine.storage != "lvm" or not machine.volume_group_size:
        return
    disks = [(_extents(disk["size"]), disk, domain) for domain in tenants for disk in disks_of(domain, machine)]
    parts = [(size, disk["volume"]) for size, disk, _domain in disks]
    needed = sum(size for size, _volume in parts)
    if needed > machine.volume_group_size:
        excess = _extents(needed - machine.volume_group_size)
        # Scratch may go as a whole; nobody knows what a root can do without.
        scratch = ((size, domain) for size, disk, domain in disks if disk["name"] == "scratch" and size >= excess)
        size, domain = max(scratch, key=lambda found: found[0], default=(0, None))
        yield fault_of(
            machine.name,
            "machine_volume_group_size",
            machine.volume_group_size,
            f"does not hold the disks of its domains: {_sum(parts)} = {needed} MiB, "
            f"{needed - machine.volume_group_size} MiB too many",
            f"enlarge {machine.volume_group} to {needed} MiB, or "
            + (
                f"lower the domain_scratch_size of {domain.name} to {size - excess} MiB"
                if domain
                else f"lower the domain_root_size or domain_scratch_size of some by {excess} MiB together"
            ),
        )


def _extents(size: int) -> int:
    """What the volume group needs for it."""
    return -(-size // EXTENT) * EXTENT


def _serial_faults(machine: Machine, tenants: list[Domain]) -> Iterator[Fault]:
    if machine.storage != "lun":
        return
    shown: dict[str | None, str] = {}
    for domain in tenants:
        for disk in disks_of(domain, machine):
            other = shown.setdefault(disk["path"], disk["volume"])
            if other != disk["volume"]:
                yield fault_of(
                    domain.name,
                    "inventory_hostname",
                    domain.name,
                    f"has a disk {disk['volume']} that {machine.name} shows as {disk['path']}, as it does {other}",
                    "keep short names to 12 characters, so that no disk's name is cut off",
                )


def _sum(parts: Iterable[tuple[int, str]]) -> str:
    return " + ".join(f"{size} ({name})" for size, name in parts if size)
