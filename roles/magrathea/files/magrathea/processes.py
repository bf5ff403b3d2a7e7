# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of jobs: found, stopped and started, whole trees at a time.

A job's processes are those that carry its id in their environment, and all their descendants, whatever session or
group they moved to. Processes are born while one looks, so one looks again until nothing new turns up.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

# Where batch systems put a job's id.
VARIABLES = ("MAGRATHEA_JOB", "PBS_JOBID", "SLURM_JOB_ID", "SLURM_JOBID")
# What watches over jobs is none: stopped, it would seem dead to its server.
WATCHERS = frozenset({"slurmd", "slurmstepd", "pbs_mom", "systemd"})
# So often one looks for processes that were born meanwhile.
ROUNDS = 20


class Process(NamedTuple):
    pid: int
    parent: int
    name: str
    state: str


def processes(proc: Path = Path("/proc")) -> dict[int, Process]:
    """All processes that there are, by what the kernel says of them."""
    found = {}
    for path in proc.iterdir():
        if path.name.isdigit():
            try:
                text = (path / "stat").read_text("utf-8", "replace")
            except OSError:
                continue
            # The name is in brackets, and may contain any of them itself.
            head, _close, tail = text.rpartition(")")
            fields = tail.split()
            found[int(path.name)] = Process(int(path.name), int(fields[1]), head.partition("(")[2], fields[0])
    return found


def jobs_of(pids: Iterable[int], proc: Path = Path("/proc"), known: dict[int, str] | None = None) -> dict[int, str]:
    """Which of these processes carry the id of a job, and of which. `known`: what was read a moment ago."""
    found = {} if known is None else known
    for pid in pids:
        if pid in found:
            continue
        found[pid] = ""
        try:
            environment = (proc / str(pid) / "environ").read_bytes()
        except OSError:
            continue
        for entry in environment.split(b"\0"):
            name, _equals, value = entry.partition(b"=")
            if value and name.decode("ascii", "replace") in VARIABLES:
                found[pid] = value.decode("utf-8", "replace")
                break
    return {pid: job for pid, job in found.items() if job}


def tree(
    job: str, roots: Iterable[int] = (), proc: Path = Path("/proc"), known: dict[int, str] | None = None
) -> dict[int, Process]:
    """The processes of a job. `roots`: those that the batch system named."""
    table = processes(proc)
    # PBS gives array jobs and others as 12.server; what runs may carry either.
    names = {job, job.partition(".")[0]} if "." in job else {job}
    marked = {pid for pid, name in jobs_of(table, proc, known).items() if name in names and pid in table}
    wanted = {pid for pid in (*marked, *roots) if pid in table}
    children: dict[int, list[int]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process.pid)
    todo = list(wanted)
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in wanted:
                wanted.add(child)
                todo.append(child)
    return {
        pid: table[pid]
        for pid in wanted
        if pid > 1 and pid != os.getpid() and table[pid].name not in WATCHERS and table[pid].state != "Z"
    }


def send(
    job: str,
    what: signal.Signals,
    roots: Iterable[int] = (),
    *,
    proc: Path = Path("/proc"),
    kill: Callable[[int, int], None] = os.kill,
    known: dict[int, str] | None = None,
) -> int:
    """Stop or start a whole job; returns how many processes it has. Raises if it cannot be brought about."""
    roots = tuple(roots)
    sent: set[int] = set()
    # Reading all environments is what takes time, and between two looks only what is new need be read.
    known = {} if known is None else known
    for _round in range(ROUNDS):
        found = tree(job, roots, proc, known)
        new = found.keys() - sent
        if not new:
            return len(found)
        for pid in new:
            sent.add(pid)
            try:
                kill(pid, what)
            except ProcessLookupError:
                continue  # it ended by itself
            except PermissionError:
                raise PermissionError(f"{job}: process {pid} ({found[pid].name}) may not be signalled") from None
        if what == signal.SIGCONT:
            return len(found)  # what starts again may fork as it likes
    raise RuntimeError(f"{job}: forks faster than it can be stopped")


def stopped(
    job: str, roots: Iterable[int] = (), *, proc: Path = Path("/proc"), known: dict[int, str] | None = None
) -> bool:
    """Whether each of its processes is in state T, or traced, or dead."""
    return all(process.state in "TtXZ" for process in tree(job, roots, proc, known).values())
