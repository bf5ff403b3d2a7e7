# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a site: all that follows from its inventory, and all that is wrong with it. Private to this collection.

Pure functions on plain data. A site with faults has no plan: the rest stays empty, so that nothing is built on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._plan_checks import cross_faults
from ansible_collections.egee.box.plugins.module_utils._plan_disks import disks_of
from ansible_collections.egee.box.plugins.module_utils._plan_hosts import (
    DOMAIN_VARIABLES,
    MACHINE_VARIABLES,
    Domain,
    Machine,
    read_domain,
    read_machine,
    short,
)
from ansible_collections.egee.box.plugins.module_utils._plan_model import (
    DomainPlan,
    Fault,
    HostName,
    MachinePlan,
    Plan,
    Port,
)
from ansible_collections.egee.box.plugins.module_utils._plan_moves import homes, losses
from ansible_collections.egee.box.plugins.module_utils._plan_read import Reader
from ansible_collections.egee.box.plugins.module_utils._plan_room import domain_faults, machine_faults
from ansible_collections.egee.box.plugins.module_utils._plan_site import SITE_VARIABLES, check_site
from ansible_collections.egee.box.plugins.module_utils._plan_states import lending, running, sharers
from ansible_collections.egee.box.plugins.module_utils._services import (
    COMMON,
    SHARING,
    Service,
    roles_of,
    services_of,
    start_order,
)

# All that a plan hangs on; nothing else of a host needs to be read.
VARIABLES = (*MACHINE_VARIABLES, *DOMAIN_VARIABLES, *SITE_VARIABLES)


def plan(
    hosts: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]], exists: Callable[[str], bool]
) -> Plan:
    """The plan of a site from its hosts' VARIABLES and its groups.

    Whether a file to make a domain of is there, exists must tell: the plan itself looks at nothing.
    """
    faults: list[Fault] = []
    machines = {name: read_machine(Reader(name, hosts[name], faults)) for name in sorted(groups.get("dom0s", ()))}
    domains = {
        name: read_domain(
            Reader(name, hosts[name], faults),
            services_of(name, groups),
            sorted(machines),
            bool(groups.get("batch")),
            exists,
        )
        for name in sorted(groups.get("domains", ()))
    }
    in_order = sorted(domains.values(), key=lambda domain: domain.rank)
    tenants = {name: [domain for domain in in_order if domain.dom0 == name] for name in machines}
    nodes = {name: sharers(machine, tenants[name]) for name, machine in machines.items()}
    check_site(hosts, groups, [node for some in nodes.values() for node in some], faults)
    faults += cross_faults(machines, domains, groups)
    for name, machine in machines.items():
        faults += machine_faults(machine, tenants[name], partial(homes, machines=machines, tenants=tenants))
        faults += (fault for domain in tenants[name] for fault in domain_faults(machine, domain))
    if faults:
        nothing = Plan(machines={}, domains={}, hosts=[], states=[], moves={}, losses={}, faults=[])
        return {**nothing, "faults": sorted(faults, key=_place)}
    shared = any(machine.sharing != "none" for machine in machines.values())
    moves = {name: homes(domain, machines, tenants) for name, domain in domains.items()}
    return {
        "machines": {name: _machine_plan(machine, tenants[name]) for name, machine in machines.items()},
        "domains": {name: _domain_plan(domain, machines[domain.dom0], shared) for name, domain in domains.items()},
        "hosts": [*map(_host_name, machines.values()), *map(_host_name, domains.values())],
        "states": [
            state
            for name, machine in machines.items()
            for state in (*running(machine, nodes[name]), *lending(machine, nodes[name]))
        ],
        "moves": moves,
        "losses": losses(machines, tenants, moves),
        "faults": [],
    }


def _place(fault: Fault) -> tuple[bool, str, str]:
    return fault["host"] != "all", fault["host"], fault["variable"]


def _ports(services: list[Service], shared: bool) -> list[Port]:
    return [
        *(Port(port=port, protocol="tcp", service=name) for name, port in COMMON.items()),
        *(
            Port(port=port, protocol=service.protocol, service=service.group)
            for service in services
            if service.role
            for port in service.ports
        ),
        *(
            Port(port=SHARING[service.group], protocol="tcp", service=service.group)
            for service in services
            if shared and service.group in SHARING
        ),
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _machine_plan(machine: Machine, tenants: list[Domain]) -> MachinePlan:
    of_domains = sum(domain.memory for domain in tenants)
    ipv4, ipv6 = machine.interfaces[4], machine.interfaces[6]
    return {
        "name": machine.name,
        "hypervisor": machine.hypervisor,
        "cpus": machine.cpus,
        "memory": {
            "total": machine.memory,
            "dom0": machine.dom0_memory,
            "domains": of_domains,
            "free": machine.memory - machine.dom0_memory - of_domains,
        },
        "bridge": machine.bridge,
        "address": str(ipv4.ip) if ipv4 else None,
        "prefix": ipv4.network.prefixlen if ipv4 else None,
        "network": str(ipv4.network) if ipv4 else None,
        "gateway": _text(machine.gateways[4]),
        "address6": str(ipv6.ip) if ipv6 else None,
        "prefix6": ipv6.network.prefixlen if ipv6 else None,
        "network6": str(ipv6.network) if ipv6 else None,
        "gateway6": _text(machine.gateways[6]),
        "storage": machine.storage,
        "volume_group": machine.volume_group if machine.storage == "lvm" else None,
        "sharing": machine.sharing,
        "domains": [domain.name for domain in tenants],
    }


def _domain_plan(domain: Domain, machine: Machine, shared: bool) -> DomainPlan:
    ipv4, ipv6 = domain.interfaces[4], domain.interfaces[6]
    return {
        "name": domain.name,
        "short": domain.short,
        "machine": machine.name,
        "hypervisor": machine.hypervisor,
        "services": [service.group for service in domain.services],
        "roles": roles_of(domain.services, domain.forks),
        "forks": domain.forks,
        "memory": domain.memory,
        "vcpus": domain.vcpus,
        "weight": domain.weight,
        "cap": domain.cap,
        "mac": domain.mac,
        "bridge": machine.bridge,
        "address": str(ipv4.ip) if ipv4 else None,
        "prefix": ipv4.network.prefixlen if ipv4 else None,
        "gateway": _text(machine.gateways[4]) if ipv4 else None,
        "address6": str(ipv6.ip) if ipv6 else None,
        "prefix6": ipv6.network.prefixlen if ipv6 else None,
        "gateway6": _text(machine.gateways[6]) if ipv6 else None,
        "release": domain.release,
        "release_kind": domain.release_kind,
        "root_mode": domain.root_mode,
        "disks": disks_of(domain, machine),
        "ports": _ports(domain.services, shared),
        "start_order": start_order(domain.services),
    }


def _host_name(host: Machine | Domain) -> HostName:
    ipv4, ipv6 = host.interfaces[4], host.interfaces[6]
    return {
        "name": host.name,
        "short": short(host.name),
        "address": str(ipv4.ip) if ipv4 else None,
        "address6": str(ipv6.ip) if ipv6 else None,
    }
