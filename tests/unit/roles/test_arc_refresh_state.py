# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that A-REX calls when a job's state has changed."""

from __future__ import annotations

import re
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


PROVIDED = """<ComputingActivity xmlns="http://schemas.ogf.org/glue/2009/03/spec_2.0_r1" BaseType="Activity">
  <ID>urn:caid:ce.site.test:org.nordugrid.arcrest:3b73361d9869</ID>
  <State>nordugrid:INLRMS:R</State>
  <State>arcrest:RUNNING</State>
  <WaitingPosition>0</WaitingPosition>
  <Owner>/DC=test/CN=Alice</Owner>
</ComputingActivity>
"""


@pytest.mark.parametrize("known", [PROVIDED, None])
@pytest.mark.parametrize(
    ("files", "told"),
    [
        pytest.param(
            {"diag": "nodename=wn\nexitcode=0\n"},
            {"State": ["nordugrid:FINISHED", "arcrest:FINISHED"], "ExitCode": ["0"]},
            id="well",
        ),
        pytest.param(
            {"diag": "exitcode=3\n", "failed": "Exit code <3> & more\nsecond line\n"},
            {
                "State": ["nordugrid:FAILED", "arcrest:FAILED"],
                "ExitCode": ["3"],
                "Error": ["Exit code &lt;3&gt; &amp; more"],
            },
            id="with another exit code",
        ),
        pytest.param(
            {"failed": "The batch system lost it\n"},
            {"State": ["nordugrid:FAILED", "arcrest:FAILED"], "Error": ["The batch system lost it"]},
            id="never run",
        ),
    ],
)
def test_the_document_of_an_ended_job_tells_how(
    tmp_path: Path, known: str | None, files: dict[str, str], told: dict[str, list[str]]
) -> None:
    directory = job(tmp_path, "3b7/336/1d9/869")
    (directory / "xml").unlink()
    for name, content in {**files, **({"xml": known} if known else {})}.items():
        (directory / name).write_text(content)

    done = refresh(str(tmp_path), "3b73361d9869", "FINISHED")

    assert (done.returncode, done.stderr) == (0, "")
    written = (directory / "xml").read_text()
    for element in ("State", "ExitCode", "Error", "WaitingPosition"):
        assert re.findall(f"<{element}>(.*)</{element}>", written) == told.get(element, [])
    assert (written.count("<ComputingActivity "), written.count("</ComputingActivity>")) == (1, 1)
    assert ("<Owner>" in written) == (known is not None)
    assert not (directory / "xml.new").exists()


def test_it_says_so_when_it_is_called_wrongly() -> None:
    assert refresh("/nowhere").returncode != 0
