# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a job, whatever the order in which it is told; and the scripts that tell."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import lb_state
import pytest
from hypothesis import given
from hypothesis import strategies as st

TELLERS = Path(__file__).parents[3] / "roles/lb_client/files"


def event(number: int, kind: str, source: str = "wms", **more: Any) -> lb_state.Event:
    names = {key: more.pop(key) for key in ("ce_job", "batch_job") if key in more}
    return lb_state.Event(f"{number:04}", 100 + number, f"{source}.test", source, kind, data=more, **names)


FIRST = [
    event(1, "Accepted", attempt=1),
    event(2, "Matched", attempt=1, ce="ce/q"),
    event(3, "Transferred", attempt=1, ce="ce/q", ce_job="a"),
    event(4, "Received", "ce", ce_job="a"),
    event(5, "Queued", "ce", ce_job="a", batch_job="7"),
    event(6, "Started", "wn", batch_job="7"),
    event(7, "Ended", "ce", ce_job="a", batch_job="7"),
]
AGAIN = [
    event(8, "Failed", attempt=1, reason="the CE burnt down", ce_job="a"),
    event(9, "Resubmitted", attempt=2, reason="the CE burnt down"),
    event(10, "Matched", attempt=2, ce="other/q"),
    event(11, "Transferred", attempt=2, ce="other/q", ce_job="b"),
]
DONE = event(12, "Done", attempt=2, exit_code=3)
CLEARED = event(13, "Cleared", attempt=2)


@pytest.mark.parametrize(
    ("events", "state", "since"),
    [
        pytest.param([], "unknown", 0, id="nothing was told"),
        pytest.param(FIRST[:1], "waiting", 101, id="accepted"),
        pytest.param(FIRST[:2], "ready", 102, id="matched"),
        pytest.param(FIRST[:5], "scheduled", 103, id="in the batch system"),
        pytest.param(FIRST, "running", 106, id="the worker node says so"),
        pytest.param(FIRST + AGAIN[:2], "waiting", 109, id="begun anew"),
        pytest.param(FIRST + AGAIN, "scheduled", 111, id="at another CE"),
        pytest.param([*FIRST, *AGAIN, DONE], "done", 112, id="done"),
        pytest.param([*FIRST, *AGAIN, DONE, CLEARED], "cleared", 113, id="cleared"),
        pytest.param([*FIRST, event(9, "Aborted", reason="no")], "aborted", 109, id="aborted"),
        pytest.param(
            [*FIRST, event(9, "Cancelled"), event(10, "Done")], "cancelled", 109, id="cancelled is the last word"
        ),
        pytest.param([*FIRST, event(9, "Done", "wn", batch_job="7")], "running", 106, id="others cannot end it"),
        pytest.param(
            [*FIRST, *AGAIN, event(14, "Started", "wn", batch_job="7")], "scheduled", 111, id="an old part runs on"
        ),
    ],
)
def test_the_state_is_how_far_the_last_attempt_has_come(events: list[lb_state.Event], state: str, since: float) -> None:
    found = lb_state.state_of(events)
    assert (found.state, found.since) == (state, since)


def test_what_is_known_with_the_state() -> None:
    found = lb_state.state_of([*FIRST, *AGAIN, DONE])
    assert (found.attempt, found.ce, found.exit_code, found.reason) == (2, "other/q", 3, "the CE burnt down")


ALL = [*FIRST, *AGAIN, DONE, CLEARED, event(14, "Renewed", attempt=2), event(15, "Nonsense", "wn")]
told = st.lists(st.sampled_from(ALL), max_size=40)


@given(told, st.randoms())
def test_neither_order_nor_repetition_matters(events: list[lb_state.Event], order: Any) -> None:
    shuffled = [*events, *events]
    order.shuffle(shuffled)
    assert lb_state.state_of(events) == lb_state.state_of(shuffled)


@given(told, st.sampled_from(ALL))
def test_a_late_event_takes_nothing_back(events: list[lb_state.Event], late: lb_state.Event) -> None:
    before, after = lb_state.state_of(events), lb_state.state_of([*events, late])
    if after.attempt == before.attempt or before.state in lb_state.LAST_WORD:
        order = (*lb_state.ORDER, *lb_state.LAST_WORD)
        assert order.index(after.state) >= order.index(before.state)


def tell(place: Path, script: str, *arguments: str, **environment: str) -> list[dict[str, Any]]:
    file = place / "events"
    file.touch()
    given_ = {**os.environ, "EGEE_LB_EVENTS": str(file), **environment}
    done = subprocess.run(
        ["sh", str(TELLERS / script), *arguments], env=given_, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize(
    "value", ["plain", 'a "quote"', "back\\slash", "two\nlines", "tab\there", "é", "$HOME `id`", "a=b"]
)
def test_a_told_event_is_one_line_of_json(tmp_path: Path, value: str) -> None:
    (one,) = tell(tmp_path, "egee-lb-event", "wn", "Started", f"reason={value}", "empty=")
    assert one["reason"] == "".join(char for char in value if ord(char) >= 32)
    assert (one["source"], one["type"], "empty" in one, len(one["id"])) == ("wn", "Started", False, 36)


def test_telling_never_fails(tmp_path: Path) -> None:
    nowhere = {**os.environ, "EGEE_LB_EVENTS": str(tmp_path / "nowhere")}
    script = str(TELLERS / "egee-lb-event")
    assert subprocess.run(["sh", script, "wn", "Started"], env=nowhere, check=False).returncode == 0


@pytest.mark.parametrize(
    ("state", "kinds"),
    [("ACCEPTED", ["Received"]), ("INLRMS", ["Queued", "Started"]), ("FINISHED", ["Ended"]), ("SUBMIT", [])],
)
def test_a_ce_that_runs_the_job_itself_tells_of_its_start_and_names_no_batch_job(
    tmp_path: Path, state: str, kinds: list[str]
) -> None:
    place = tmp_path / "jobs/3b7/336/1d9/869"
    place.mkdir(parents=True)
    (place / "local").write_text("lrms=fork\nlocalid=77\nqueue=egee\n")
    said = [tell(tmp_path, "egee-lb-arc", str(tmp_path), "3b73361d9869", state) for _time in range(2)][-1]
    assert [(one["source"], one["type"]) for one in said] == [("ce", kind) for kind in kinds] * 2
    # Told again, they have the same names.
    assert len({one["id"] for one in said}) == len(kinds)
    assert not any("batch_job" in one for one in said)


@pytest.mark.parametrize(
    ("state", "kind", "details"),
    [
        ("ACCEPTED", "Received", {}),
        ("INLRMS", "Queued", {}),
        ("FINISHED", "Ended", {"exit_code": "3", "reason": "it broke"}),
    ],
)
def test_the_ce_tells_of_a_job(tmp_path: Path, state: str, kind: str, details: dict[str, str]) -> None:
    place = tmp_path / "jobs/3b7/336/1d9/869"
    place.mkdir(parents=True)
    (place / "local").write_text("lrms=SLURM\nlocalid=77\nqueue=egee\nlocalaccount=voce001\n")
    if details:
        (place / "diag").write_text("exitcode=3\n")
        (place / "failed").write_text("it broke\nmore\n")
    (one,) = tell(tmp_path, "egee-lb-arc", str(tmp_path), "3b73361d9869", state)
    told_ = {key: one[key] for key in ("type", "ce_job", "batch_job", "account", "queue")}
    assert told_ == {
        "type": kind,
        "ce_job": "3b73361d9869",
        "batch_job": "77",
        "account": "voce001",
        "queue": "egee",
    }
    assert {key: one.get(key) for key in details} == details
