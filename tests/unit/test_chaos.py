# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checker of campaigns of faults: it must see each thing that must not be."""

from __future__ import annotations

from typing import Any

import pytest
from history import violations

EVENTS = ["Accepted", "Matched", "Transferred", "Running", "Done"]
SUBMITTED = {"what": "submitted", "job": "j1"}
FAULT = {"what": "fault", "fault": "network cut", "host": "lb"}
UNDONE = {**FAULT, "what": "undone"}


def end(**other: Any) -> dict[str, Any]:
    return {"what": "end", "job": "j1", "state": "done", "events": EVENTS, "starts": 1, **other}


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([SUBMITTED, FAULT, UNDONE, end(), {"what": "converged", "changed": []}], id="all is well"),
        pytest.param([SUBMITTED, end(events=["Matched", *EVENTS], starts=2)], id="a second attempt is on record"),
        pytest.param([SUBMITTED, end(state="aborted", events=["Accepted"], starts=0)], id="aborted before it ran"),
        pytest.param([{"what": "refused", "tag": "r0b"}], id="what was refused is no job"),
    ],
)
def test_what_may_be(history: list[dict[str, Any]]) -> None:
    assert violations(history) == []


@pytest.mark.parametrize(
    ("history", "message"),
    [
        pytest.param([SUBMITTED], "j1: lost, it was submitted and at the end nobody knew it", id="a job is lost"),
        pytest.param([end(state="running")], "j1: not over, but running", id="a job hangs"),
        pytest.param([end(starts=2)], "j1: started 2 times, and the LB knows of 1 attempts", id="a job ran twice"),
        pytest.param([end(starts=0)], "j1: done, and never started", id="a job is done by nobody"),
        pytest.param([end(events=EVENTS[:-1])], "j1: done, and the LB lacks Done", id="an event is lost"),
        pytest.param([end(events=[*EVENTS, "Done"])], "j1: the LB has Done 2 times", id="an event is told twice"),
        pytest.param([FAULT], "lb: network cut was never undone", id="a fault is left"),
        pytest.param(
            [{"what": "stays broken", "fault": "network cut", "host": "lb", "seen": "it does not answer"}],
            "lb: network cut was undone, and it does not answer",
            id="a host stays broken",
        ),
        pytest.param(
            [{"what": "converged", "changed": ["lb.egee.test"]}],
            "lb.egee.test: a second run of services.yml changed something",
            id="the site does not converge",
        ),
    ],
)
def test_what_must_not_be(history: list[dict[str, Any]], message: str) -> None:
    assert violations(history) == [message]
