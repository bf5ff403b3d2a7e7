# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be broken in passing: a queue with jobs, a node at work, a resource in use. Private to the collection.

Each guard looks at the planned changes and at what is there, and names what is in the way. `force` goes on all the
same; what that costs is written beside each obstacle, as the lines and deeds that come first.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.egee.box.plugins.module_utils._pbs import attributes
from ansible_collections.egee.box.plugins.module_utils._pbs.client import Pbs, Snapshot
from ansible_collections.egee.box.plugins.module_utils._pbs.plan import Change, Directive, called


@dataclass(frozen=True)
class Obstacle:
    """Something in the way of a change, and what `force` does about it before the change."""

    object: str
    text: str
    first: tuple[Directive, ...] = ()
    deed: t.Callable[[Pbs], None] | None = None
    done: tuple[str, ...] = field(default=())


Guard = t.Callable[[t.Sequence[Change], Snapshot, Pbs], t.Iterator[Obstacle]]


def nothing(planned: t.Sequence[Change], snapshot: Snapshot, pbs: Pbs) -> t.Iterator[Obstacle]:
    """For objects that nothing depends on."""
    yield from ()


def _some(names: t.Sequence[str]) -> str:
    shown = ", ".join(names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"


def queues(planned: t.Sequence[Change], snapshot: Snapshot, pbs: Pbs) -> t.Iterator[Obstacle]:
    """Queues that hold jobs or nodes, that jobs fall into, or that are the last way out of a routing queue."""
    there = snapshot.of(attributes.QUEUE)
    gone = {change.name for change in planned if change.action == "delete"}
    closed = {change.name for change in planned if _closes(change)}
    default = snapshot.server.get("default_queue", "")
    if default in gone | closed:
        yield Obstacle(default, "it is the server's default_queue, into which jobs without a queue fall")
    for name in sorted(gone):
        yield from _inhabited(name, there[name], snapshot, pbs)
    for name, route in there.items():
        if name in gone or route.get("queue_type") != "Route" or route.get("enabled") != "True":
            continue
        ways = _destinations(name, route, planned)
        opened = {change.name for change in planned if change.moves.get("enabled") == "True"}
        open_before = [way for way in route.get("route_destinations", "").split(",") if _is_open(way, there)]
        open_after = [way for way in ways if (_is_open(way, there) or way in opened) and way not in gone | closed]
        if open_before and not open_after:
            yield Obstacle(name, f"no enabled destination would be left to it (now: {_some(open_before)})")


def _closes(change: Change) -> bool:
    return change.action == "change" and "enabled" in change.moves and change.moves["enabled"] != "True"


def _is_open(way: str, there: t.Mapping[str, t.Mapping[str, str]]) -> bool:
    """Another server's queue is beyond our sight, and taken to be open."""
    return "@" in way or there.get(way, {}).get("enabled") == "True"


def _destinations(name: str, route: t.Mapping[str, str], planned: t.Sequence[Change]) -> list[str]:
    for change in planned:
        if change.name == name and "route_destinations" in change.moves:
            return (change.moves["route_destinations"] or "").split(",")
    return route.get("route_destinations", "").split(",")


def _inhabited(name: str, queue: t.Mapping[str, str], snapshot: Snapshot, pbs: Pbs) -> t.Iterator[Obstacle]:
    if queue.get("total_jobs", "0") != "0":
        jobs = pbs.jobs_in(name)
        yield Obstacle(
            name,
            f"it holds {len(jobs)} jobs: {_some(jobs)}",
            deed=lambda pbs: pbs.remove_jobs(jobs),
            done=tuple(f"removed job {job}" for job in jobs),
        )
    bound = [node for node, has in snapshot.of(attributes.NODE).items() if has.get("queue") == name]
    if bound:
        line = f"unset node {','.join(called(attributes.NODE, node) for node in bound)} queue"
        yield Obstacle(name, f"nodes are bound to it: {_some(bound)}", first=(Directive(line, tuple(bound)),))


def nodes(planned: t.Sequence[Change], snapshot: Snapshot, pbs: Pbs) -> t.Iterator[Obstacle]:
    """Nodes that run jobs or are reserved."""
    there = snapshot.of(attributes.NODE)
    for change in planned:
        if change.action != "delete":
            continue
        # A job is there once for each of its slots: 71.pbs1/0, 71.pbs1/1.
        jobs = list(
            dict.fromkeys(job.strip().partition("/")[0] for job in there[change.name].get("jobs", "").split(","))
        )
        if jobs != [""]:
            yield Obstacle(
                change.name,
                f"it runs {_some(jobs)}",
                # Offline first, or the scheduler sends the jobs straight back.
                first=(Directive(f"set node {called(attributes.NODE, change.name)} state += offline", (change.name,)),),
                deed=lambda pbs, jobs=jobs: pbs.requeue_jobs(jobs),  # type: ignore[misc]
                done=tuple(f"requeued job {job}" for job in jobs),
            )
        if reserved := there[change.name].get("resv"):
            yield Obstacle(change.name, f"it is reserved by {reserved}")


def resources(planned: t.Sequence[Change], snapshot: Snapshot, pbs: Pbs) -> t.Iterator[Obstacle]:
    """Resources with values: PBS drops them without a word with the resource, and refuses another type."""
    for change in planned:
        retyped = change.action == "change" and "type" in change.moves
        if change.action != "delete" and not retyped:
            continue
        uses = _uses(change.name, snapshot)
        if uses:
            where = _some([f"{use.line.removeprefix('unset ')}" for use in uses])
            yield Obstacle(change.name, f"it has values: {where}", first=tuple(uses) if retyped else ())


def _uses(resource: str, snapshot: Snapshot) -> list[Directive]:
    found = []
    for kind in (attributes.SERVER, attributes.QUEUE, attributes.NODE):
        for name, has in snapshot.of(kind).items():
            for attribute in has:
                base, dot, which = attribute.partition(".")
                if dot and which == resource and base not in kind.computed:
                    owner = "" if kind is attributes.SERVER else called(kind, name)
                    line = " ".join(filter(None, ("unset", kind.word, owner, attribute)))
                    found.append(Directive(line, (name,)))
    return found
