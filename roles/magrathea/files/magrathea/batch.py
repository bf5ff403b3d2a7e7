# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The batch system is told, in bulk, what may start where: OpenPBS by qmgr, Slurm by scontrol.

One writer for the whole site, so that nobody overwrites anybody. Pure planning first, then a few commands.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable, Iterable, Mapping

from .publish import Record, format_line, line_of

# Said in a drained node's reason, so that only what was drained here is ever put back.
REASON = "magrathea:"
# What jobs are; the other words are of VMs that would have to boot, or hold a cluster.
CLASSES = frozenset({"normal", "preemptible", "priority"})


class Node(t.NamedTuple):
    """What a scheduler is to know of a node."""

    accept: tuple[str, ...]
    line: str
    state: str


def nodes(machines: Mapping[str, Mapping[str, Record | None]], *, short: bool) -> dict[str, Node | None]:
    """By node name; None for a VM that is no more."""
    found: dict[str, Node | None] = {}
    for vms in machines.values():
        for name, shown in vms.items():
            node = name.partition(".")[0] if short else name
            found[node] = node_of(shown) if shown else None
    return found


def node_of(shown: Record) -> Node:
    accept = tuple(word.replace(":", "_") for word in shown["accept"])
    return Node(accept, format_line(line_of(shown)), shown["state"])


def news(before: Mapping[str, Node | None], after: Mapping[str, Node | None]) -> dict[str, Node | None]:
    return {name: node for name, node in after.items() if name not in before or before[name] != node}


def qmgr(changed: Mapping[str, Node | None]) -> str:
    """Directives, all for one qmgr. Nodes of the same word are set together: one directive takes many names."""
    lines = []
    for accept, names in _grouped(changed, lambda node: node.accept):
        verb = f"set node {','.join(names)} resources_available.mag_accept"
        # Nothing is accepted: an empty value matches no request, where an unset one is not asked at all by some.
        lines.append(f'{verb} = "{",".join(accept) or "none"}"')
    for name, node in changed.items():
        if node:
            lines.append(f'set node {name} resources_available.mag_state = "{node.line}"')
    return "\n".join(lines) + "\n" if lines else ""


def scontrol(changed: Mapping[str, Node | None], before: Mapping[str, Node | None]) -> list[list[str]]:
    """argv lists. A node that takes nothing is drained, its jobs stay; which classes may ever come, its features say.

    They stay as they are: Slurm refuses a job whose feature no node has just now, instead of letting it wait.
    """
    told = {name: drained(node) for name, node in before.items() if node}
    new = {name: node for name, node in changed.items() if node and drained(node) != told.get(name)}
    commands = []
    for state, names in _grouped(new, drained):
        nodes = f"nodename={','.join(names)}"
        if state:
            commands.append(["scontrol", "update", nodes, "state=drain", f"reason={REASON}{state}"])
        else:
            commands.append(["scontrol", "update", nodes, "state=undrain"])
    return commands


def drained(node: Node) -> str:
    """Why a node takes no jobs; empty if it does."""
    return "" if CLASSES.intersection(node.accept) else node.state


K = t.TypeVar("K", tuple[str, ...], str)


def _grouped(changed: Mapping[str, Node | None], key: Callable[[Node], K]) -> Iterable[tuple[K, list[str]]]:
    groups: dict[K, list[str]] = {}
    for name, node in changed.items():
        if node:
            groups.setdefault(key(node), []).append(name)
    return groups.items()


def not_ours(text: str) -> set[str]:
    """Nodes that somebody else drained, from `scontrol --json show nodes`: they are left alone."""
    found = set()
    for node in json.loads(text).get("nodes", ()):
        state, reason = node.get("state", ()), node.get("reason", "")
        if "DRAIN" in state and not str(reason).startswith(REASON):
            found.add(str(node["name"]))
    return found
