# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTCondor's commands and its event log."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wms_jobs import parse_events

SHOWN = (
    "ClusterId,JobStatus,EgeeJobId,RoutedFromJobId,HoldReason,EnteredCurrentStatus"
    ",GridResourceUnavailableTime,GridJobId"
)
# Seconds that a command may take.
PATIENCE = 120
# Bytes of the log that are read at once.
CHUNK = 1 << 20


class CondorError(Exception):
    """A command that failed, and what it said."""


def condor(*argv: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        raise CondorError(f"{argv[0]}: no end after {PATIENCE} s") from error
    if done.returncode != 0:
        raise CondorError(f"{argv[0]}: {' '.join((done.stderr or done.stdout).split()) or 'failed'}")
    return done.stdout


def submit(place: Path, name: str) -> int:
    """The number of the cluster that the queue gave the job."""
    return int(condor("condor_submit", "-terse", name, cwd=place).split(".")[0])


def queue() -> dict[int, dict[str, Any]]:
    """The jobs in the queue, by their clusters: each has one."""
    said = condor("condor_q", "-allusers", "-json", "-attributes", SHOWN).strip()
    return {row["ClusterId"]: row for row in (json.loads(said) if said else [])}


def remove(cluster: int) -> None:
    condor("condor_rm", str(cluster))


def forget(cluster: int) -> None:
    """Take a removed job out of the queue though its CE has not answered."""
    condor("condor_rm", "-forcex", str(cluster))


def avoid(cluster: int, ces: list[str]) -> None:
    condor("condor_qedit", str(cluster), "AvoidedCE", json.dumps(",".join(ces)) if ces else "undefined")


class EventLog:
    """HTCondor's event log, read from where it was left, also when it has been rotated meanwhile."""

    def __init__(self, log: Path, mark: Path) -> None:
        self.log, self.mark = log, mark
        self.inode, self.offset = 0, 0
        if mark.exists():
            self.inode, self.offset = json.loads(mark.read_text())

    def generations(self) -> list[Path]:
        """The files that are still to be read, the oldest first."""
        files = sorted(self.log.parent.glob(f"{self.log.name}.*"), key=lambda file: file.stat().st_mtime)
        files = [file for file in [*files, self.log] if file.exists() and not file.name.endswith(".lock")]
        known = [number for number, file in enumerate(files) if file.stat().st_ino == self.inode]
        return files[known[0] :] if known else files

    def new(self) -> Iterator[dict[str, Any]]:
        """The events since last time. Once they are dealt with, keep() says so."""
        for file in self.generations():
            inode = file.stat().st_ino
            if inode != self.inode:
                self.inode, self.offset = inode, 0
            while True:
                with file.open("rb") as source:
                    source.seek(self.offset)
                    read = source.read(CHUNK)
                # Nothing but ASCII: HTCondor escapes the rest.
                events, taken = parse_events(read.decode("latin-1"))
                self.offset += taken
                yield from events
                if taken == 0:
                    break

    def keep(self) -> None:
        fresh = self.mark.with_suffix(".new")
        fresh.write_text(json.dumps([self.inode, self.offset]))
        fresh.rename(self.mark)
