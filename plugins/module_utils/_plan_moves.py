# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where domains could be, other than where they are. Private to this collection.

A machine would do for a domain if a plan with the domain there had no fault, and the domain kept all but its dom0.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.egee.box.plugins.module_utils._plan_hosts import Domain, Machine
from ansible_collections.egee.box.plugins.module_utils._plan_room import fits

Tenants = Mapping[str, list[Domain]]


def homes(domain: Domain, machines: Mapping[str, Machine], tenants: Tenants) -> list[str]:
    """The other machines that would do for a domain."""
    here = machines[domain.dom0]
    return [
        machine.name
        for machine in machines.values()
        if machine is not here
        and machine.hypervisor == here.hypervisor
        and fits(machine, tenants[machine.name], domain)
    ]


def losses(
    machines: Mapping[str, Machine], tenants: Tenants, moves: Mapping[str, list[str]]
) -> dict[str, dict[str, str | None]]:
    """By machine that is lost, where each of its domains would go: largest first, each to the first that would do."""
    found: dict[str, dict[str, str | None]] = {}
    for lost in machines:
        now: dict[str, list[Domain]] = {}
        found[lost] = {}
        for domain in sorted(tenants[lost], key=lambda domain: -domain.memory):
            for name in moves[domain.name]:
                there = now.setdefault(name, list(tenants[name]))
                if fits(machines[name], there, domain):
                    there.append(domain)
                    break
            else:
                name = None
            found[lost][domain.name] = name
    return found
