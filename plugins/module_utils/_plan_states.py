# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a shared machine can come to, as its memory moves between its worker nodes. Private to this collection.

Whoever runs jobs has all its memory, and every other worker node is left with its floor. So much the machine must have,
whoever it is: a priority job may ask for it at any moment, and so may a frozen service that comes back. While one is
frozen, its memory is lent to the others as far as it goes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.egee.box.plugins.module_utils._plan_hosts import Domain, Machine
from ansible_collections.egee.box.plugins.module_utils._plan_model import State


def sharers(machine: Machine, tenants: Sequence[Domain]) -> list[Domain]:
    """The worker nodes that share the machine."""
    return [domain for domain in tenants if machine.sharing != "none" and domain.works]


def running(machine: Machine, nodes: Sequence[Domain]) -> list[State]:
    """Each worker node at work, the others idle or stopped; none where memory stays."""
    if not machine.sharing_memory:
        return []
    return [_state(machine, nodes, node) for node in nodes]


def lending(machine: Machine, nodes: Sequence[Domain]) -> list[State]:
    """Each priority node frozen, and each other at work that its memory may be lent to."""
    if not machine.sharing_memory:
        return []
    return [
        _state(machine, nodes, node, asleep)
        for asleep in nodes
        for node in nodes
        if asleep.priority and not node.priority
    ]


def _state(machine: Machine, nodes: Sequence[Domain], runs: Domain, frozen: Domain | None = None) -> State:
    memory = {node.name: node.floor for node in nodes} | {runs.name: runs.memory}
    if frozen:
        # The image of a Xen domain is on disk; a container that is frozen stays in memory.
        memory[frozen.name] = 0 if machine.hypervisor == "xen" else frozen.memory
    return {
        "machine": machine.name,
        "runs": runs.name,
        "frozen": frozen.name if frozen else None,
        "memory": memory,
        "total": sum(memory.values()),
        "limit": machine.sharing_memory,
    }
