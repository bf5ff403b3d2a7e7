# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the log of a PBS server on a host that has none: the ends of jobs, as A-REX looks for them.

A-REX learns that a job has ended from the server's log alone; what it does without one never finds an end. The server
is asked which jobs have finished, and only for those that are new how they did; each is written once:
arc_pbs_log.py COMMANDS DIRECTORY SECONDS.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

KEPT = 14  # days of logs; the server's own history is as long
AT_ONCE = 1000  # jobs on a command line
USED = ("cput", "mem", "vmem", "walltime")


def asked(*argv: str | Path) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout


def described(commands: Path, names: list[str]) -> dict[str, dict]:
    """How these jobs did."""
    found: dict[str, dict] = {}
    for start in range(0, len(names), AT_ONCE):
        said = asked(commands / "qstat", "-x", "-f", "-F", "json", *names[start : start + AT_ONCE])
        found.update(json.loads(said).get("Jobs", {}))
    return found


def line(name: str, job: dict) -> str:
    used = job.get("resources_used", {})
    said = [f"Exit_status={job.get('Exit_status', -1)}"]
    said += [f"resources_used.{resource}={used[resource]}" for resource in USED if resource in used]
    return f"{time.strftime('%m/%d/%Y %H:%M:%S')};0010;Server;Job;{name};{' '.join(said)}\n"


def told(directory: Path) -> set[str]:
    """The jobs that the logs already tell of; a line that was cut short tells of none."""
    entries = (entry.split(";") for log in directory.iterdir() for entry in log.read_text().splitlines())
    return {fields[4] for fields in entries if len(fields) > 5}


def tell(commands: Path, directory: Path, known: set[str]) -> None:
    """Write what has ended and is not yet known to be told, and know it from now on."""
    finished = asked(commands / "qselect", "-x", "-s", "F").split()
    new = [name for name in finished if name not in known]
    if not new:
        return
    ended = described(commands, new)
    with (directory / time.strftime("%Y%m%d")).open("a") as log:
        log.writelines(line(name, job) for name, job in ended.items())
    known.update(ended)
    for old in sorted(directory.iterdir())[:-KEPT]:
        old.unlink()
        # What the server has forgotten as well will not come back.
        known.intersection_update(finished)


def main() -> None:
    commands, directory, pause = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    known = told(directory)
    while True:
        try:
            tell(commands, directory, known)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            # The server is away: its history keeps what ends meanwhile.
            sys.stderr.write(f"{error}\n")
        time.sleep(pause)


if __name__ == "__main__":
    main()
