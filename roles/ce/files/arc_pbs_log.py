# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the log of a PBS server on a host that has none: the ends of jobs, as A-REX looks for them.

A-REX learns that a job has ended from the server's log alone; what it does without one never finds an end. The server
is asked for its finished jobs, and each is written once: arc_pbs_log.py QSTAT DIRECTORY SECONDS.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

KEPT = 14  # days of logs; the server's own history is as long
USED = ("cput", "mem", "vmem", "walltime")


def finished(qstat: str) -> dict[str, dict]:
    """The jobs that have ended and are still in the server's history."""
    run = subprocess.run([qstat, "-x", "-f", "-F", "json"], capture_output=True, text=True, timeout=60, check=True)
    jobs = json.loads(run.stdout).get("Jobs", {})
    return {name: job for name, job in jobs.items() if job.get("job_state") == "F"}


def line(name: str, job: dict) -> str:
    used = job.get("resources_used", {})
    said = [f"Exit_status={job.get('Exit_status', -1)}"]
    said += [f"resources_used.{resource}={used[resource]}" for resource in USED if resource in used]
    return f"{time.strftime('%m/%d/%Y %H:%M:%S')};0010;Server;Job;{name};{' '.join(said)}\n"


def told(directory: Path) -> set[str]:
    return {entry.split(";")[4] for log in directory.iterdir() for entry in log.read_text().splitlines()}


def tell(qstat: str, directory: Path) -> None:
    known = told(directory)
    lines = [line(name, job) for name, job in finished(qstat).items() if name not in known]
    if lines:
        with (directory / time.strftime("%Y%m%d")).open("a") as log:
            log.writelines(lines)
    for old in sorted(directory.iterdir())[:-KEPT]:
        old.unlink()


def main() -> None:
    qstat, directory, pause = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    while True:
        try:
            tell(qstat, directory)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            # The server is away: its history keeps what ends meanwhile.
            sys.stderr.write(f"{error}\n")
        time.sleep(pause)


if __name__ == "__main__":
    main()
