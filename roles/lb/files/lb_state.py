# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a job, from what has been told of it: a pure function of a set of events.

Events come late, twice, and in any order; so the state depends on none of that. It is how far the last attempt
has come, and an end is an end:

    waiting ──> ready ──> scheduled ──> running ──> done ──> cleared
    Accepted,   Matched   Transferred,  Running,    Done     Cleared
    Resubmitted           Received,     Started,
                          Queued        Ended (at the CE: its output is not here yet)
    at any time: aborted (Aborted), cancelled (Cancelled)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

# How far an attempt has come.
STEPS = {
    "Accepted": "waiting",
    "Resubmitted": "waiting",
    "Matched": "ready",
    "Transferred": "scheduled",
    "Received": "scheduled",
    "Queued": "scheduled",
    "Running": "running",
    "Started": "running",
    "Ended": "running",
}
ORDER = ("unknown", "waiting", "ready", "scheduled", "running")
# How the job ended, the last word last. Only the WMS can say.
ENDS = {"Done": "done", "Aborted": "aborted", "Cancelled": "cancelled", "Cleared": "cleared"}
LAST_WORD = ("done", "aborted", "cancelled", "cleared")


@dataclass(frozen=True)
class Event:
    """Something that was told of a job."""

    id: str
    # Seconds since the epoch.
    at: float
    host: str
    source: str
    type: str
    ce_job: str | None = None
    batch_job: str | None = None
    data: dict[str, Any] = field(default_factory=dict, compare=False, hash=False)


@dataclass(frozen=True)
class State:
    state: str
    # When it began, and what is known with it.
    since: float = 0
    attempt: int = 1
    ce: str = ""
    exit_code: int | None = None
    reason: str = ""


def attempt_of(event: Event, attempts: dict[str, int], batch: dict[str, int]) -> int:
    """The attempt that an event belongs to; those at the CE know it by the job's name there."""
    said = event.data.get("attempt")
    if isinstance(said, int):
        return said
    return attempts.get(event.ce_job or "") or batch.get(event.batch_job or "") or 1


def state_of(events: Iterable[Event]) -> State:
    """The state of the job that all these events are of."""
    # Told twice is told once; and from here on there is one order, that of the ids where clocks agree.
    known = sorted({event.id: event for event in events}.values(), key=lambda event: (event.at, event.id))
    attempts = {e.ce_job: int(e.data.get("attempt") or 1) for e in known if e.source == "wms" and e.ce_job}
    batch = {e.batch_job: attempts[e.ce_job] for e in known if e.batch_job and e.ce_job in attempts}
    best: tuple[Any, ...] = (False, 0, 0, 0.0)
    state, ce, exit_code, reason = State("unknown"), "", None, ""
    for event in known:
        attempt = attempt_of(event, attempts, batch)
        if event.source == "wms" and event.type in ENDS:
            name = ENDS[event.type]
            rank: tuple[Any, ...] = (True, LAST_WORD.index(name), attempt, -event.at)
        elif event.type in STEPS:
            name = STEPS[event.type]
            rank = (False, attempt, ORDER.index(name), -event.at)
        else:
            continue
        # The earliest of those that say the same is when it began.
        if rank > best:
            best, state = rank, State(name, event.at, attempt)
    for event in known:
        if event.source == "wms":
            ce = event.data.get("ce") or ce
            reason = event.data.get("reason") or reason
            exit_code = event.data.get("exit_code", exit_code)
    return State(state.state, state.since, state.attempt, ce, exit_code, reason)
