# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host checks what it serves, and how it puts that into metrics."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import grid_check as check
import pytest

BOOKS = """
CREATE TABLE WLCGVOs (ID INTEGER, Name TEXT);
CREATE TABLE Status (ID INTEGER, Name TEXT);
CREATE TABLE JobEvents (RecordID INTEGER, EventKey TEXT, EventTime TEXT);
CREATE TABLE AAR (RecordID INTEGER, VOID INTEGER, StatusID INTEGER, CPUCount INTEGER, UsedWalltime INTEGER,
                  UsedCPUUserTime INTEGER, UsedCPUKernelTime INTEGER);
INSERT INTO WLCGVOs VALUES (1, 'voce'), (2, '');
INSERT INTO Status VALUES (1, 'in-progress'), (2, 'completed'), (3, 'failed');
INSERT INTO AAR VALUES (1, 1, 2, 2, 100, 60, 10), (2, 1, 2, 0, 50, 5, 0), (3, 1, 1, 1, 0, 0, 0), (4, 1, 1, 1, 0, 0, 0),
                       (5, 2, 3, 1, 7, 1, 1);
INSERT INTO JobEvents VALUES (1, 'INLRMS', ''), (3, 'ACCEPTED', ''), (4, 'ACCEPTED', ''), (4, 'INLRMS', '');
"""


def tried(*argv: str, answer: str = "right", timeout: float = 5) -> dict[str, Any]:
    return {
        "service": "ce",
        "name": "it",
        "argv": list(argv),
        "answer": answer,
        "timeout": timeout,
        "env": {"WORD": "right"},
    }


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        pytest.param(tried("sh", "-c", "echo all right"), "", id="the right answer"),
        pytest.param(tried("sh", "-c", "echo all right >&2; exit 1"), "", id="a refusal that is the right answer"),
        pytest.param(tried("sh", "-c", 'echo "$WORD"'), "", id="an environment of its own"),
        pytest.param(tried("sh", "-c", "echo first; echo; echo 'the reason '"), "the reason", id="another answer"),
        pytest.param(tried("sh", "-c", "exit 3"), "no answer, exit code 3", id="no answer"),
        pytest.param(tried("sleep", "5", timeout=0.1), "no answer within 0.1 s", id="too late"),
        pytest.param(
            tried("/no/such/client"), "[Errno 2] No such file or directory: '/no/such/client'", id="no client"
        ),
    ],
)
def test_a_check_is_right_or_says_why(what: dict[str, Any], fault: str) -> None:
    assert check.run(what) == fault


def test_since_when_a_check_fails_is_kept_until_it_does_not() -> None:
    state: dict[str, Any] = {"gone away": {"fault": "", "since": 1}}
    good, bad = tried("echo", "right"), tried("echo", "wrong")
    seen = []
    for now, what in (10, good), (20, bad), (30, bad), (40, good):
        samples = {name: (labels, value) for name, labels, value in check.check_samples([what], state, now)}
        seen.append(
            (samples["grid_check_ok"][1], samples["grid_check_since_seconds"][1], "grid_check_fault" in samples)
        )
    assert seen == [(1, 10, False), (0, 20, True), (0, 20, True), (1, 40, False)]
    assert list(state) == ["ce it"]


def test_the_books_are_summed_by_vo(tmp_path: Path) -> None:
    database = tmp_path / "books.db"
    with sqlite3.connect(database) as books:
        books.executescript(BOOKS)
    samples = {(name, *labels.values()): value for name, labels, value in check.job_samples(str(database))}
    assert samples == {
        ("grid_jobs", "voce", "accepted"): 1,
        ("grid_jobs", "voce", "batch"): 1,
        ("grid_jobs_ended_total", "voce", "completed"): 2,
        ("grid_jobs_wall_seconds_total", "voce", "completed"): 250,
        ("grid_jobs_cpu_seconds_total", "voce", "completed"): 75,
        ("grid_jobs_ended_total", "none", "failed"): 1,
        ("grid_jobs_wall_seconds_total", "none", "failed"): 7,
        ("grid_jobs_cpu_seconds_total", "none", "failed"): 2,
    }
    assert list(check.job_samples(str(tmp_path / "none.db"))) == []


def test_samples_of_a_name_stand_together_and_text_is_escaped() -> None:
    samples = [("a", {"x": 'say "\\"\n'}, 1.0), ("b_total", {}, 2.0), ("a", {"x": "z"}, 3.0)]
    assert check.text(samples) == (
        '# TYPE a gauge\na{x="say \\"\\\\\\" "} 1.0\na{x="z"} 3.0\n# TYPE b_total counter\nb_total{} 2.0\n'
    )
