# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ends of jobs that A-REX reads: each once, whatever becomes of the writer, its logs and the server's history."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import arc_pbs_log
import pytest

COMMANDS = Path("/pbs/bin")


class History:
    """A server's finished jobs, as qselect and qstat tell of them, and how often it was asked for details."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict] = {}
        self.described: list[list[str]] = []
        self.away = False
        self.hidden: set[str] = set()

    def asked(self, *argv: str | Path) -> str:
        if self.away:
            raise subprocess.TimeoutExpired("qselect", 60)
        if argv == (COMMANDS / "qselect", "-x", "-s", "F"):
            return "".join(f"{name}\n" for name in self.jobs)
        assert argv[:5] == (COMMANDS / "qstat", "-x", "-f", "-F", "json")
        names = [str(name) for name in argv[5:]]
        self.described.append(names)
        return json.dumps({"Jobs": {name: self.jobs[name] for name in names if name not in self.hidden}})

    def end(self, *names: str, status: int = 0) -> None:
        self.jobs.update((name, {"Exit_status": status, "resources_used": {"walltime": "00:01:00"}}) for name in names)


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> History:
    found = History()
    monkeypatch.setattr(arc_pbs_log, "asked", found.asked)
    return found


def written(directory: Path) -> list[str]:
    """All that the logs say, without when."""
    return [line.partition(";")[2] for log in sorted(directory.iterdir()) for line in log.read_text().splitlines()]


def test_each_end_is_told_once_and_only_what_is_new_is_asked_for(history: History, tmp_path: Path) -> None:
    known: set[str] = set()
    history.end("1.pbs", "2.pbs")
    arc_pbs_log.tell(COMMANDS, tmp_path, known)
    history.end("3.pbs", status=271)
    for _round in range(2):
        arc_pbs_log.tell(COMMANDS, tmp_path, known)
    assert written(tmp_path) == [
        "0010;Server;Job;1.pbs;Exit_status=0 resources_used.walltime=00:01:00",
        "0010;Server;Job;2.pbs;Exit_status=0 resources_used.walltime=00:01:00",
        "0010;Server;Job;3.pbs;Exit_status=271 resources_used.walltime=00:01:00",
    ]
    assert history.described == [["1.pbs", "2.pbs"], ["3.pbs"]]


def test_one_that_was_restarted_goes_on_where_it_was(history: History, tmp_path: Path) -> None:
    (tmp_path / "20260101").write_text(
        "01/01/2026 10:00:00;0010;Server;Job;1.pbs;Exit_status=0\n01/01/2026 10:00:00;0010;Server;Job;2.p"
    )
    history.end("1.pbs", "2.pbs")
    known = arc_pbs_log.told(tmp_path)
    arc_pbs_log.tell(COMMANDS, tmp_path, known)
    assert history.described == [["2.pbs"]]
    assert known == {"1.pbs", "2.pbs"}


def test_old_logs_go_and_what_the_server_still_remembers_is_not_told_again(history: History, tmp_path: Path) -> None:
    for day in range(arc_pbs_log.KEPT):
        (tmp_path / f"202601{day:02}").write_text(f"01/01/2026 10:00:00;0010;Server;Job;{day}.pbs;Exit_status=0\n")
    known = arc_pbs_log.told(tmp_path)
    history.end("0.pbs", "13.pbs", "99.pbs")
    for _round in range(2):
        arc_pbs_log.tell(COMMANDS, tmp_path, known)
    assert len(list(tmp_path.iterdir())) == arc_pbs_log.KEPT
    assert not (tmp_path / "20260100").exists()
    assert history.described == [["99.pbs"]]
    assert known == set(history.jobs)


def test_what_could_not_be_asked_is_told_later(history: History, tmp_path: Path) -> None:
    known: set[str] = set()
    history.end("1.pbs")
    history.away = True
    with pytest.raises(subprocess.SubprocessError):
        arc_pbs_log.tell(COMMANDS, tmp_path, known)
    history.away = False
    arc_pbs_log.tell(COMMANDS, tmp_path, known)
    assert len(written(tmp_path)) == 1


def test_what_an_answer_leaves_out_is_asked_for_again(history: History, tmp_path: Path) -> None:
    known: set[str] = set()
    history.end("1.pbs", "2.pbs")
    history.hidden = {"2.pbs"}
    arc_pbs_log.tell(COMMANDS, tmp_path, known)
    history.hidden = set()
    arc_pbs_log.tell(COMMANDS, tmp_path, known)
    assert history.described == [["1.pbs", "2.pbs"], ["2.pbs"]]
    assert len(written(tmp_path)) == 2


def test_thousands_of_ends_are_asked_for_in_turns(history: History, tmp_path: Path) -> None:
    history.end(*(f"{number}.pbs" for number in range(arc_pbs_log.AT_ONCE + 1)))
    arc_pbs_log.tell(COMMANDS, tmp_path, set())
    assert [len(names) for names in history.described] == [arc_pbs_log.AT_ONCE, 1]
    assert len(written(tmp_path)) == arc_pbs_log.AT_ONCE + 1
