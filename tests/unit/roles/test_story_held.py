# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job that runs while a site is changed: what it computes, what gives it away, and who takes it up again."""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import scene
import stories
import story_ce
import story_held

SEED = "0123456789abcdef"
KEPT = {"seed": SEED, "seen": 1000.0}
SOUND = {"began": "1004", "steps": "3", "sum": story_held.chain(SEED, 3)}


def test_the_job_runs_as_long_as_it_is_held_and_its_sum_is_right(tmp_path: Path) -> None:
    hold, script = tmp_path / "hold", tmp_path / "held.sh"
    hold.touch()
    script.write_text(story_held.SCRIPT)
    begin = time.time()
    with subprocess.Popen(["sh", script, hold, SEED], stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout and [job.stdout.readline().split(":")[0] for _line in range(3)] == [
            "host",
            "account",
            "began",
        ]
        time.sleep(1.5)
        assert job.poll() is None
        hold.unlink()
        told = dict(story_ce.facts(f"began: {int(begin)}\n{job.stdout.read()}"))
    assert job.returncode == 0
    assert int(told["steps"]) >= 1
    assert story_held.flaw(told, {"seed": SEED, "seen": begin}, 5) is None


@pytest.mark.parametrize(
    ("otherwise", "said"),
    [
        ({}, None),
        (
            {"began": "1006"},
            "it began 6 s after the change did: it was started anew, or verify_start is too short for this site",
        ),
        ({"sum": story_held.chain(SEED, 2)}, f"the sum is not that of 3 steps from {SEED}"),
        ({"steps": "0", "sum": SEED}, f"the sum is not that of 0 steps from {SEED}"),
        ({"steps": ""}, "it did not come to its end"),
    ],
)
def test_what_gives_a_job_away(otherwise: dict[str, str], said: str | None) -> None:
    assert story_held.flaw({**SOUND, **otherwise}, KEPT, 5) == said


@pytest.mark.parametrize("missing", ["began", "steps", "sum"])
def test_a_job_that_was_cut_off_is_given_away(missing: str) -> None:
    assert story_held.flaw({key: value for key, value in SOUND.items() if key != missing}, KEPT, 5)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What the tools of the UI are asked for, in place of the tools; the CE takes job after job, and they run."""
    asked: list[str] = []

    def submitted(told: Any, description: Path) -> list[str]:
        told.job = f"https://ce.site.test/job{len(asked)}"
        (told.user.place / "jobs").write_text(told.job)
        asked.append(f"submit {description.name}")
        return [told.job]

    def attempt(person: Any, *argv: str, **_more: Any) -> tuple[int, str]:
        asked.append(" ".join(word for word in argv if word.startswith(("arc", "https:"))))
        return 0, ""

    monkeypatch.setattr(story_held, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(story_ce, "submitted", submitted)
    monkeypatch.setattr(story_ce, "reached", lambda *_told: [])
    monkeypatch.setattr(scene.Person, "attempt", attempt)
    for module in (scene, story_held):
        monkeypatch.setattr(module.os, "chown", lambda *_arguments: None)

    def taken(told: Any) -> list[str]:
        """what is known of the job is the user's again"""
        asked.append(f"known {(told.user.place / 'jobs').read_text()}")
        return []

    begins = [story_held.earlier_ended, story_held.held_submitted, story_held.held_runs]
    monkeypatch.setitem(stories.STORIES, "begins", ("Begins", begins))
    monkeypatch.setitem(stories.STORIES, "ends", ("Ends", [story_held.held_taken_up, taken]))
    return asked


GIVEN = {
    "user": "root", "stranger": "nobody", "vo": "voce", "fqans": ["/voce"], "second": {}, "hold": "/run/egee-hold",
    "start": 0, "ce": "https://ce.site.test:443/arex",
}  # fmt: skip


def tell(story: str) -> int:
    return stories.tell(argparse.Namespace(story=story, **GIVEN))


def test_a_job_that_was_left_to_run_is_taken_up_by_who_ends_it(told: list[str]) -> None:
    assert tell("begins") == 0
    assert told == ["submit held.xrsl"], "a story that has left its job to run does not end it"
    assert tell("ends") == 0
    assert told[1] == "known https://ce.site.test/job0"
    assert tell("ends") == 1, "it is taken up once"


def test_a_job_that_nobody_has_ended_is_ended_before_the_next(told: list[str]) -> None:
    assert tell("begins") == 0
    assert tell("begins") == 0
    first = "https://ce.site.test/job0"
    assert told == ["submit held.xrsl", f"arckill {first}", f"arcclean {first}", "submit held.xrsl"]
