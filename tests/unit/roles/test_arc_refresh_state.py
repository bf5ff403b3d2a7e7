# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that A-REX calls when a job's state has changed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "roles/ce/files/arc-refresh-state"


def refresh(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", str(SCRIPT), *arguments], check=False, capture_output=True, text=True)


def job(control: Path, place: str) -> Path:
    """A job's directory in A-REX's control directory, with the document and its neighbour."""
    directory = control / "jobs" / place
    directory.mkdir(parents=True)
    for name in ("xml", "local"):
        (directory / name).touch()
    return directory


@pytest.mark.parametrize(
    ("identifier", "place"),
    [
        pytest.param("3b73361d9869", "3b7/336/1d9/869", id="today's identifiers have twelve characters"),
        pytest.param("abcdefghijKLMNOP", "abc/def/ghi/jKLMNOP", id="what is longer stays together at the end"),
    ],
)
def test_the_outdated_document_goes_and_nothing_else(tmp_path: Path, identifier: str, place: str) -> None:
    directory, other = job(tmp_path, place), job(tmp_path, "999/999/999/999")

    done = refresh(str(tmp_path), identifier)

    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in directory.iterdir()] == ["local"]
    assert sorted(path.name for path in other.iterdir()) == ["local", "xml"]


def test_a_job_without_document_is_no_error(tmp_path: Path) -> None:
    assert refresh(str(tmp_path), "3b73361d9869").returncode == 0


def test_it_says_so_when_it_is_called_wrongly() -> None:
    assert refresh("/nowhere").returncode != 0
