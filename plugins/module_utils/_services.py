# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a grid site, one row each. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# What is open on every host: the way in, and what the monitoring host reads.
COMMON = {"ssh": 22, "metrics": 9100}


@dataclass(frozen=True)
class Service:
    """What an inventory group of this name means for its hosts."""

    group: str
    # A rank with gaps, not a count: a new host or service must not renumber its neighbours.
    order: int
    ports: tuple[int, ...] = ()
    # The grid role that sets the service up; a port opens only where a role puts a service behind it.
    role: str | None = None
    protocol: str = "tcp"
    # Whether the host runs a BDII of its own, which tells the site's about the service.
    tells: bool = False
    # Whether the host tells the LB what happens to jobs.
    books: bool = False
    # Whether jobs run on the host; on a CE they do if it has no batch system behind it.
    works: bool = False
    # Services that the site must have too, for this one is nothing without them.
    needs: tuple[str, ...] = ()


# Whoever is asked comes before whoever asks: credentials and books first, then the batch system
# from its server outwards, then what publishes the site, and last the two that users submit through.
SERVICES: dict[str, Service] = {
    service.group: service
    for service in (
        Service("voms", 10, (15000,), role="voms"),
        Service("myproxy", 15, (7512,), role="myproxy"),
        Service("lb", 20, (6514, 9003), role="lb"),
        Service("mon", 25, (443,), role="mon"),
        Service("se", 30, (1094, 8443, 2170), role="se", tells=True),
        Service("batch", 40, (6817, 6819), role="batch_server", books=True, needs=("wn",)),
        Service("wn", 45, (6818,), role="worker_node", books=True, works=True, needs=("batch",)),
        Service("ce", 50, (443, 2022, 2135), role="ce", books=True),
        Service("bdii", 60, (2170,), role="bdii"),
        Service("topbdii", 65, (2170,), role="bdii"),
        Service("wms", 70, (2170, 7443), role="wms", books=True, tells=True, needs=("topbdii",)),
        Service("ui", 80, role="ui", needs=("ce",)),
    )
}

# What is open beside that where machines are shared: the batch server hears from them what their nodes take.
SHARING = {"batch": 7878}

# Hosts that carry no service start when all others have.
LAST = 90


def services_of(host: str, groups: Mapping[str, Iterable[str]]) -> list[Service]:
    """The services that a host's groups give it, in start order."""
    return [service for service in SERVICES.values() if host in groups.get(service.group, ())]


def start_order(services: Iterable[Service]) -> int:
    """A host with several services starts in time for the first that others wait for."""
    return min((service.order for service in services), default=LAST)


def roles_of(services: Iterable[Service], forks: bool) -> list[str]:
    """The roles of a host with these services, which is a CE that runs jobs itself, or is not."""
    roles = ["grid_host", "mon_client"]
    for service in services:
        roles += [service.role] if service.role else []
        roles += ["bdii"] if service.tells else []
        roles += ["lb_client"] if service.books else []
        roles += ["job_tools"] if service.works or forks else []
    return list(dict.fromkeys(roles))
