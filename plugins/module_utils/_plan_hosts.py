# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a site as their variables describe them, each checked by itself. Private to this collection."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.egee.box.plugins.module_utils._plan_read import Address, Interface, Reader
from ansible_collections.egee.box.plugins.module_utils._services import Service, start_order

MACHINE_VARIABLES = (
    "machine_hypervisor",
    "machine_memory",
    "machine_dom0_memory",
    "machine_cpus",
    "machine_sharing",
    "machine_sharing_memory",
    "machine_address",
    "machine_address6",
    "machine_gateway",
    "machine_gateway6",
    "machine_bridge",
    "machine_storage",
    "machine_volume_group",
    "machine_volume_group_size",
)
DOMAIN_VARIABLES = (
    "domain_dom0",
    "domain_memory",
    "domain_memory_floor",
    "domain_priority",
    "domain_bootable",
    "domain_vcpus",
    "domain_weight",
    "domain_cap",
    "domain_address",
    "domain_address6",
    "domain_mac",
    "domain_release",
    "domain_root_size",
    "domain_scratch_size",
    "domain_root_mode",
    "site_lrms",
)

SUITES = ("bookworm", "trixie", "forky", "sid")
FILE_KINDS = ((r"/.+\.tar(\.[a-z0-9]+)?", "tarball"), (r"/.+\.(img|raw)", "image"))
BRIDGES = {"xen": "xenbr0", "docker": "egee0"}
MINIMUM_MEMORY = 100
# What LVM rounds each volume up to.
EXTENT = 4
# The address variable of either family.
SUFFIXES = {4: "", 6: "6"}


@dataclass(frozen=True)
class Machine:
    """A dom0, as its variables describe it."""

    name: str
    hypervisor: str
    cpus: int
    memory: int
    dom0_memory: int
    bridge: str
    interfaces: dict[int, Interface | None]
    gateways: dict[int, Address | None]
    # Null with containers: their files lie in the machine's own file system.
    storage: str | None
    volume_group: str
    volume_group_size: int
    # Whether its worker nodes have it in turns (whole), share its CPUs (cpus), or have each their own part (none).
    sharing: str
    # MiB that they have between them; 0 if each keeps its own.
    sharing_memory: int


@dataclass(frozen=True)
class Domain:
    """A domain, as its variables and groups describe it."""

    name: str
    dom0: str
    services: list[Service]
    memory: int
    # What it is left with while it is idle or stopped, where memory moves.
    floor: int
    priority: bool
    bootable: bool
    vcpus: int
    weight: int
    cap: int
    mac: str
    interfaces: dict[int, Interface | None]
    release: str
    release_kind: str
    root_mode: str
    root_size: int
    scratch_size: int
    # Whether it is a CE that has no batch system behind it and runs jobs itself.
    forks: bool

    @property
    def short(self) -> str:
        return short(self.name)

    @property
    def works(self) -> bool:
        """Whether it runs jobs of a batch system."""
        return any(service.works for service in self.services)

    @property
    def rank(self) -> tuple[int, str]:
        return start_order(self.services), self.name


def short(name: str) -> str:
    return name.partition(".")[0]


def mac_address(name: str) -> str:
    """A domain's own address in Xen's range: from its name alone, so that no other domain's coming or going changes it.

    Its lower half only, as the toolstack itself does when it makes one up.
    """
    digest = hashlib.sha256(name.encode()).digest()
    return f"00:16:3e:{digest[0] & 0x7F:02x}:{digest[1]:02x}:{digest[2]:02x}"


def read_machine(reader: Reader) -> Machine:
    hypervisor = reader.choice("machine_hypervisor", ("xen", "docker"), "xen")
    storage = reader.choice("machine_storage", ("lvm", "lun"), "lvm")
    interfaces = _interfaces(reader, "machine")
    gateways = {version: reader.address(f"machine_gateway{suffix}", version) for version, suffix in SUFFIXES.items()}
    for version, suffix in SUFFIXES.items():
        interface, gateway = interfaces[version], gateways[version]
        if gateway is not None and (interface is None or gateway not in interface.network):
            network = interface.network if interface is not None else f"a network: machine_address{suffix} is not set"
            reader.fault(
                f"machine_gateway{suffix}",
                str(gateway),
                f"is not in {network}",
                "name the router by its address in the bridge's own network",
            )
        if gateway is None and hypervisor == "docker" and interface is not None:
            # A machine of containers is their router.
            gateways[version] = interface.ip
    return Machine(
        name=reader.host,
        hypervisor=hypervisor,
        cpus=reader.number("machine_cpus", 1),
        memory=reader.number("machine_memory", 1, unit=" MiB"),
        dom0_memory=reader.number("machine_dom0_memory", MINIMUM_MEMORY, unit=" MiB"),
        bridge=reader.text("machine_bridge", r"[A-Za-z][A-Za-z0-9._-]{0,14}", "xenbr0", BRIDGES[hypervisor]),
        interfaces=interfaces,
        gateways=gateways,
        storage=storage if hypervisor == "xen" else None,
        volume_group=reader.text("machine_volume_group", r"[A-Za-z0-9+_.][A-Za-z0-9+_.-]*", "vg0", "vg0"),
        volume_group_size=reader.number("machine_volume_group_size", EXTENT, default=0, unit=" MiB"),
        sharing=reader.choice("machine_sharing", ("none", "whole", "cpus"), "none"),
        sharing_memory=reader.number("machine_sharing_memory", 0, default=0, unit=" MiB"),
    )


def read_domain(
    reader: Reader, services: list[Service], dom0s: list[str], batched: bool, exists: Callable[[str], bool]
) -> Domain:
    """A domain of a site whose dom0s are these, and which has a batch system or has not."""
    vcpus = reader.number("domain_vcpus", 1, default=1)
    memory = reader.number("domain_memory", MINIMUM_MEMORY, unit=" MiB")
    release, release_kind = _release(reader, exists)
    return Domain(
        name=reader.host,
        dom0=_dom0(reader, dom0s),
        services=services,
        memory=memory,
        floor=_floor(reader, memory),
        priority=reader.truth("domain_priority"),
        bootable=reader.truth("domain_bootable"),
        vcpus=vcpus,
        weight=reader.number("domain_weight", 1, 65535, default=256),
        cap=reader.number("domain_cap", 0, 100 * vcpus if vcpus else None, default=0, unit=" % of a CPU"),
        mac=reader.text(
            "domain_mac", r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}", "00:16:3e:12:34:56", mac_address(reader.host)
        ),
        interfaces=_interfaces(reader, "domain"),
        release=release,
        release_kind=release_kind,
        root_mode=reader.choice("domain_root_mode", ("dedicated", "shared"), "dedicated"),
        root_size=reader.number("domain_root_size", 1, unit=" MiB"),
        scratch_size=reader.number("domain_scratch_size", 0, default=0, unit=" MiB"),
        forks=any(service.group == "ce" for service in services) and _forks(reader, batched),
    )


def _forks(reader: Reader, batched: bool) -> bool:
    return reader.text("site_lrms", "fork", "fork", "") == "fork" or not batched


def _floor(reader: Reader, memory: int) -> int:
    floor = reader.number("domain_memory_floor", MINIMUM_MEMORY, default=memory, unit=" MiB")
    if memory and floor > memory:
        reader.fault(
            "domain_memory_floor",
            floor,
            f"is more than its domain_memory, {memory} MiB",
            f"make it {memory} MiB at most, or raise domain_memory",
        )
        return 0
    return floor


def _interfaces(reader: Reader, whose: str) -> dict[int, Interface | None]:
    """The addresses of both families: each may be left out, but not both."""
    variables = {version: f"{whose}_address{suffix}" for version, suffix in SUFFIXES.items()}
    if not any(reader.has(variable) for variable in variables.values()):
        reader.fault(
            variables[4], None, f"is not set, nor is {variables[6]}", f"set {variables[4]}, {variables[6]} or both"
        )
    interfaces = {version: reader.interface(variable, version) for version, variable in variables.items()}
    for version, interface in interfaces.items():
        # The two addresses of a network of two hosts are both theirs.
        if interface is not None and interface.network.num_addresses > 2:
            if interface.ip == interface.network.network_address:
                unusable = "network"
            elif version == 4 and interface.ip == interface.network.broadcast_address:
                unusable = "broadcast"
            else:
                continue
            reader.fault(
                variables[version],
                str(interface),
                f"is the {unusable} address of {interface.network}",
                "choose a host's address",
            )
    return interfaces


def _dom0(reader: Reader, dom0s: list[str]) -> str:
    known = " or ".join(dom0s) or "a host of the group dom0s"
    value = reader.value("domain_dom0", known)
    if value is None:
        return ""
    if isinstance(value, list) and len(value) > 1:
        reader.fault("domain_dom0", value, f"is {len(value)} machines, but a domain runs on one", f"keep one: {known}")
    elif not isinstance(value, str) or value not in dom0s:
        reader.fault("domain_dom0", value, "is no host of the group dom0s", f"set it to {known}")
    else:
        return str(value)
    return ""


def _release(reader: Reader, exists: Callable[[str], bool]) -> tuple[str, str]:
    suites = ", ".join(SUITES)
    value = reader.value("domain_release", f"one of {suites}, or the path of a tarball or image")
    if value is None:
        return "", ""
    if isinstance(value, str) and value in SUITES:
        return str(value), "suite"
    for pattern, release_kind in FILE_KINDS:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            if not exists(value):
                reader.fault(
                    "domain_release", value, "is no file on the controller", "put the file there, or correct the path"
                )
            return str(value), release_kind
    reader.fault(
        "domain_release",
        value,
        "is neither a Debian suite that can be had nor a root filesystem's file",
        f"set it to one of {suites}, or to the absolute path of a .tar, .tar.*, .img or .raw",
    )
    return "", ""
