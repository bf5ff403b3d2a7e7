# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a plan: plain data, as playbooks and roles read it. Private to this collection.

Sizes are MiB; an address stands without its prefix; what a host does not have is null.
"""

from __future__ import annotations

from typing import Any, TypedDict


class Fault(TypedDict):
    """One thing wrong with a site, and what to do about it."""

    host: str
    variable: str
    value: Any
    fault: str
    cure: str


def fault_of(host: str, variable: str, value: Any, fault: str, cure: str) -> Fault:
    return {"host": host, "variable": variable, "value": value, "fault": fault, "cure": cure}


class State(TypedDict):
    """What the worker nodes of a shared machine have while one of them runs jobs, and maybe another is frozen."""

    machine: str
    runs: str
    frozen: str | None
    memory: dict[str, int]
    total: int
    limit: int


class Memory(TypedDict):
    total: int
    dom0: int
    domains: int
    free: int


class MachinePlan(TypedDict):
    name: str
    hypervisor: str
    cpus: int
    memory: Memory
    bridge: str
    address: str | None
    prefix: int | None
    network: str | None
    gateway: str | None
    address6: str | None
    prefix6: int | None
    network6: str | None
    gateway6: str | None
    storage: str | None
    volume_group: str | None
    sharing: str
    domains: list[str]


class Disk(TypedDict):
    name: str
    device: str
    volume: str
    size: int
    path: str | None


class Port(TypedDict):
    port: int
    protocol: str
    service: str


class DomainPlan(TypedDict):
    name: str
    short: str
    machine: str
    hypervisor: str
    services: list[str]
    roles: list[str]
    forks: bool
    memory: int
    vcpus: int
    weight: int
    cap: int
    mac: str
    bridge: str
    address: str | None
    prefix: int | None
    gateway: str | None
    address6: str | None
    prefix6: int | None
    gateway6: str | None
    release: str
    release_kind: str
    root_mode: str
    disks: list[Disk]
    ports: list[Port]
    start_order: int


class HostName(TypedDict):
    name: str
    short: str
    address: str | None
    address6: str | None


class Plan(TypedDict):
    machines: dict[str, MachinePlan]
    domains: dict[str, DomainPlan]
    hosts: list[HostName]
    # What its shared machines can come to.
    states: list[State]
    # The machines that each domain could move to as it is.
    moves: dict[str, list[str]]
    # By machine, where each of its domains would go if it were lost; null if nowhere.
    losses: dict[str, dict[str, str | None]]
    faults: list[Fault]
