# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan would change of what was deployed, and what to remember of that. Private to this collection.

Of each host, a record keeps what EFFECTS names. A field that an older record does not have is not compared.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias

from ansible_collections.egee.box.plugins.module_utils._plan_model import DomainPlan, MachinePlan, Plan
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._xen_plan import LIVE_ACTIONS

Fields: TypeAlias = dict[str, Any]
# Machines and domains, each by name.
Record: TypeAlias = dict[str, dict[str, Fields]]

# What a change needs: nothing, as it is made while the host runs; its restart, of a machine with all its domains; or a
# root filesystem made anew, of a machine those of its domains.
LIVE, RESTART, REBUILD = "live", "restart", "rebuild"
NEVER = "never deployed: all of it is new"

# By kind and hypervisor, what is compared of a host. What stands here for Xen only means nothing to a container.
EFFECTS = {
    "machines": {
        "xen": {
            "hypervisor": REBUILD,
            # What domains can be given later is a part of how they were built.
            "cpus": RESTART,
            "dom0_memory": RESTART,
            "bridge": RESTART,
            "address": RESTART,
            "address6": RESTART,
            "gateway": RESTART,
            "gateway6": RESTART,
            "storage": REBUILD,
            "volume_group": REBUILD,
            "sharing": LIVE,
        },
        "docker": {
            "hypervisor": REBUILD,
            "bridge": REBUILD,
            "address": REBUILD,
            "address6": REBUILD,
            "sharing": LIVE,
        },
    },
    "domains": {
        "xen": {
            "machine": REBUILD,
            "services": LIVE,
            **dict.fromkeys(LIVE_ACTIONS, LIVE),
            "bridge": RESTART,
            # Its root filesystem knows the network card by it.
            "mac": REBUILD,
            "address": REBUILD,
            "address6": REBUILD,
            "gateway": REBUILD,
            "gateway6": REBUILD,
            "release": REBUILD,
            "root_mode": REBUILD,
            "root": REBUILD,
            "scratch": REBUILD,
        },
        "docker": {
            "machine": REBUILD,
            "services": LIVE,
            "memory": LIVE,
            "vcpus": LIVE,
            "weight": LIVE,
            "cap": LIVE,
            "bridge": LIVE,
            "address": LIVE,
            "address6": LIVE,
            "release": REBUILD,
            "scratch": REBUILD,
        },
    },
}


def read_record(text: str) -> Record | None:
    """What was remembered, from the text of a file; None if there is none."""
    if not text:
        return None
    try:
        record: Record = json.loads(text)
        return {kind: dict(record[kind]) for kind in EFFECTS}
    except (ValueError, TypeError, KeyError):
        raise BoxError(
            "the record of what is deployed is damaged; remove plan.json in site_state_dir, and run site.yml"
        ) from None


def remember(record: Record | None, plan: Plan, done: Collection[str], gone: Collection[str] = ()) -> Record:
    """The record after a run that came to its end on some hosts, or has removed some.

    A domain counts as done only if its machine is, too. What is not in the inventory any more is forgotten when all of
    the site is done.
    """
    planned = _record_of(plan)
    new = {
        "machines": {name: fields for name, fields in planned["machines"].items() if name in done},
        "domains": {
            name: fields for name, fields in planned["domains"].items() if name in done and fields["machine"] in done
        },
    }
    kept = {kind: {} for kind in EFFECTS} if record is None or new == planned else record
    return {
        kind: {name: fields for name, fields in {**kept[kind], **new[kind]}.items() if name not in gone}
        for kind in EFFECTS
    }


def changes(record: Record | None, plan: Plan) -> list[str]:
    """A line for each thing that is otherwise than it was deployed, with what it needs; none if nothing is."""
    if record is None:
        return [NEVER]
    planned = _record_of(plan)
    return [
        f"{name}: {line}"
        for kind in EFFECTS
        for name in sorted({*record[kind], *planned[kind]})
        for line in _host_changes(record, planned, kind, name)
    ]


def _host_changes(record: Record, planned: Record, kind: str, name: str) -> Iterator[str]:
    before, after = record[kind].get(name), planned[kind].get(name)
    place = f", on {(after or before or {})['machine']}" if kind == "domains" else ""
    if before is None:
        yield f"new{place}"
    elif after is None:
        yield f"not in the inventory any more{place}; it stays until somebody removes it"
    else:
        machine = planned["machines"][after["machine"] if kind == "domains" else name]
        effects = EFFECTS[kind][machine["hypervisor"]]
        for field in after:
            if field in before and before[field] != after[field]:
                need = _need(effects[field], field, before, after, record)
                yield f"{field} {_shown(before[field])} -> {_shown(after[field])}, {need}"


def _need(effect: str, field: str, before: Fields, after: Fields, record: Record) -> str:
    if before.get("machine") != after.get("machine"):
        return REBUILD
    if field == "services" and set(before[field]) - set(after[field]):
        # No role takes away what it has set up.
        return REBUILD
    machine = record["machines"].get(before.get("machine", ""), {})
    if field == "vcpus" and "cpus" in machine and after[field] > max(machine["cpus"], before[field]):
        # It was built for as many as its machine had.
        return RESTART
    return effect


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value) or "-"
    return "-" if value is None else str(value)


def _record_of(plan: Plan) -> Record:
    return {
        "machines": {
            name: _known(_machine(machine), EFFECTS["machines"][machine["hypervisor"]])
            for name, machine in plan["machines"].items()
        },
        "domains": {
            name: _known(_domain(domain), EFFECTS["domains"][domain["hypervisor"]])
            for name, domain in plan["domains"].items()
        },
    }


def _known(fields: Mapping[str, Any], effects: Mapping[str, str]) -> Fields:
    return {name: fields[name] for name in effects if name in fields}


def _machine(machine: MachinePlan) -> Fields:
    return {**machine, "dom0_memory": machine["memory"]["dom0"], **_addresses(machine)}


def _domain(domain: DomainPlan) -> Fields:
    # Nobody limits the sizes of a container's.
    disks = {disk["name"]: disk["size"] if disk["path"] else "there" for disk in domain["disks"]}
    return {**domain, "scratch": None, **disks, **_addresses(domain)}


def _addresses(host: MachinePlan | DomainPlan) -> Fields:
    pairs = {"address": (host["address"], host["prefix"]), "address6": (host["address6"], host["prefix6"])}
    return {name: address and f"{address}/{prefix}" for name, (address, prefix) in pairs.items()}
