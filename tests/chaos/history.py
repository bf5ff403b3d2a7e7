# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of a campaign of faults, told by its history: what was done, and what was seen at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

OVER = ("done", "aborted", "cancelled")
# What the WMS tells the LB of each job that is done, and of these what it tells once whatever happened meanwhile.
WHOLE = ("Accepted", "Matched", "Transferred", "Done")
ONCE = ("Accepted", "Done")
# Each attempt to run a job is begun with it, so no job can have started more often.
ATTEMPT = "Matched"


def violations(history: Iterable[dict[str, Any]]) -> list[str]:
    """Each invariant that did not hold, for whom and with what was seen."""
    records = list(history)
    ends = {one["job"]: one for one in records if one["what"] == "end"}
    found = [
        f"{one['job']}: lost, it was submitted and at the end nobody knew it"
        for one in records
        if one["what"] == "submitted" and one["job"] not in ends
    ]
    for end in ends.values():
        found += of_job(end)
    open_faults: dict[tuple[str, str], bool] = {}
    for one in records:
        if one["what"] in ("fault", "undone"):
            open_faults[one["fault"], one["host"]] = one["what"] == "fault"
        if one["what"] == "stays broken":
            found.append(f"{one['host']}: {one['fault']} was undone, and {one['seen']}")
        if one["what"] == "converged" and one["changed"]:
            found.append(f"{', '.join(one['changed'])}: a second run of services.yml changed something")
    return found + [f"{host}: {fault} was never undone" for (fault, host), is_open in open_faults.items() if is_open]


def of_job(end: dict[str, Any]) -> list[str]:
    job, state, events, starts = end["job"], end["state"], end["events"], end["starts"]
    found = []
    if state not in OVER:
        found.append(f"{job}: not over, but {state}")
    if starts > events.count(ATTEMPT):
        found.append(f"{job}: started {starts} times, and the LB knows of {events.count(ATTEMPT)} attempts")
    if state == "done":
        if not starts:
            found.append(f"{job}: done, and never started")
        found += [f"{job}: done, and the LB lacks {kind}" for kind in WHOLE if kind not in events]
    found += [f"{job}: the LB has {kind} {events.count(kind)} times" for kind in ONCE if events.count(kind) > 1]
    return found
