# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan, and what is wrong with one, as a person reads them. Private to this collection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath

from ansible_collections.egee.box.plugins.module_utils._plan_model import (
    DomainPlan,
    Fault,
    MachinePlan,
    Plan,
    State,
)

HEADINGS = (
    "order", "name", "services", "memory", "vcpus", "weight", "cap", "release", "root", "scratch", "address",
    "address6", "mac", "elsewhere",
)  # fmt: skip
NUMBERS = {"memory", "vcpus", "weight", "cap", "root", "scratch"}
NONE = "-"


def table(plan: Plan) -> str:
    """The plan, one table a machine, its domains in start order, and what it can come to. Sizes are MiB."""
    return "\n\n".join(_machine(machine, plan) for machine in plan["machines"].values())


def faults(found: Iterable[Fault]) -> str:
    """All faults as one message."""
    entries = [_fault(fault) for fault in found]
    count = "is 1 fault" if len(entries) == 1 else f"are {len(entries)} faults"
    return "\n".join([f"There {count} in the inventory; nothing has been touched.", *entries])


def _fault(fault: Fault) -> str:
    # YAML's own words: what stands here is what stands in the inventory.
    value = "" if fault["value"] is None else f" = {json.dumps(fault['value'], default=str, ensure_ascii=False)}"
    return f"- {fault['host']}: {fault['variable']}{value}\n    {fault['fault']}\n    cure: {fault['cure']}"


def _machine(machine: MachinePlan, plan: Plan) -> str:
    memory = machine["memory"]
    domains = [plan["domains"][name] for name in machine["domains"]]
    addresses = [
        f"{address}/{prefix}"
        for address, prefix in ((machine["address"], machine["prefix"]), (machine["address6"], machine["prefix6"]))
        if address
    ]
    plural = "" if len(domains) == 1 else "s"
    shared = "" if machine["sharing"] == "none" else f", shared {machine['sharing']}"
    return "\n".join(
        [
            f"{machine['name']}: {machine['hypervisor']}, cpus {machine['cpus']}, "
            f"bridge {machine['bridge']} {' '.join(addresses)}",
            *_columns([HEADINGS, *(_row(domain, plan["moves"][domain["name"]]) for domain in domains)]),
            f"{len(domains)} domain{plural} {memory['domains']} + dom0 {memory['dom0']} + free {memory['free']}"
            f" = {memory['total']} MiB{shared}",
            *(_state(state) for state in plan["states"] if state["machine"] == machine["name"]),
            *_loss(plan["losses"][machine["name"]]),
        ]
    )


def _state(state: State) -> str:
    roles = {state["frozen"]: " (frozen)", state["runs"]: " (runs)"}
    parts = " + ".join(f"{_short(name)}{roles.get(name, '')} {memory}" for name, memory in state["memory"].items())
    waits = "" if state["total"] <= state["limit"] else f", so jobs in {_short(state['runs'])} wait"
    return f"{parts} = {state['total']} of {state['limit']} MiB{waits}"


def _loss(places: Mapping[str, str | None]) -> Iterator[str]:
    """Where a machine's domains would go if it were lost."""
    targets = dict.fromkeys(places.values())
    if targets:
        named = {
            target: ", ".join(_short(name) for name, place in places.items() if place == target) for target in targets
        }
        yield "if lost, " + "; ".join(
            f"{names} to {target}" if target else f"no room for {names}" for target, names in named.items()
        )


def _short(name: str) -> str:
    return name.partition(".")[0]


def _row(domain: DomainPlan, homes: Sequence[str]) -> tuple[str, ...]:
    sizes = {disk["name"]: str(disk["size"]) for disk in domain["disks"]}
    shared = " shared" if domain["root_mode"] == "shared" else ""
    return (
        str(domain["start_order"]),
        domain["name"],
        ",".join(domain["services"]) or NONE,
        str(domain["memory"]),
        str(domain["vcpus"]),
        str(domain["weight"]),
        str(domain["cap"] or NONE),
        PurePath(domain["release"]).name + shared,
        sizes["root"],
        sizes.get("scratch", NONE),
        domain["address"] or NONE,
        domain["address6"] or NONE,
        domain["mac"],
        _some(homes),
    )


def _some(homes: Sequence[str]) -> str:
    """The first of them and how many more, for large sites have many alike."""
    more = f"+{len(homes) - 1}" if len(homes) > 1 else ""
    return f"{homes[0]}{more}" if homes else NONE


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if heading in NUMBERS else cell.ljust(width)
            for cell, width, heading in zip(row, widths, HEADINGS, strict=True)
        ).rstrip()
        for row in rows
    ]
