# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine that is shared, asked from outside: its control groups and processes, Magrathea's books, and Slurm."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

BATCH, STANDARD, URGENT = "batch.shared.test", "metacenter.shared.test", "egee.shared.test"
USERS = {"jan": 6001, "voce001": 5001}
GROUPS = Path("/sys/fs/cgroup")
MIB = 1024 * 1024
# Seconds for whatever Slurm and a busy machine may take.
PATIENCE = 120.0


def run(*argv: str, check: bool = True) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0 or not check, f"{argv}: {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


@cache
def container(name: str) -> str:
    """The whole id of a domain's container, whatever it is called."""
    return run("docker", "ps", "--quiet", "--no-trunc", "--filter", f"label=egee.box.domain={name}")


def inside(name: str, *argv: str, check: bool = True) -> str:
    return run("docker", "exec", "--workdir", "/var/tmp", container(name), *argv, check=check)


def wait_for(true: Callable[[], Any], what: str, limit: float = PATIENCE) -> Any:
    end = time.monotonic() + limit
    while True:
        # To look takes time itself, on a busy machine.
        began = time.monotonic()
        if seen := true():
            return seen
        assert began < end, f"not within {limit:g} s: {what}; {machine.books()}"
        time.sleep(0.3)


class Machine:
    """What the books say, and what the kernel does."""

    def books(self) -> dict[str, dict[str, Any]]:
        said = run("magrathea", "--json", "status", check=False)
        vms: dict[str, dict[str, Any]] = json.loads(said)["vms"] if said else {}
        return vms

    def word(self, vm: str) -> str:
        return str(self.books().get(vm, {}).get("state", ""))

    def weight(self, vm: str) -> int:
        """As of control groups' first version."""
        old = GROUPS / "cpu" / "docker" / container(vm) / "cpu.shares"
        if old.exists():
            return int(old.read_text("ascii"))
        new = next(GROUPS.glob(f"**/*{container(vm)}*/cpu.weight"))
        return int(new.read_text("ascii")) * 1024 // 100

    def memory(self, vm: str) -> tuple[int, int]:
        """What it may have, and what it has, in MiB."""
        old = GROUPS / "memory" / "docker" / container(vm)
        if old.exists():
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            old = next(GROUPS.glob(f"**/*{container(vm)}*/memory.high")).parent
            names = ("memory.high", "memory.current")
        limit, usage = ((old / name).read_text("ascii").strip() for name in names)
        return 0 if limit == "max" else int(limit) // MIB, int(usage) // MIB

    def states(self, vm: str, user: str) -> set[str]:
        """In what states somebody's processes are, as this machine sees them."""
        place = GROUPS / "memory" / "docker" / container(vm)
        groups = [place] if place.exists() else list(GROUPS.glob(f"**/*{container(vm)}*/**/"))
        found = set()
        for number in {line for group in groups for line in (group / "cgroup.procs").read_text("ascii").split()}:
            try:
                status = Path("/proc", number, "status").read_text("utf-8")
            except OSError:
                continue  # it has ended
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            if int(fields["Uid"].split()[0]) == USERS[user]:
                found.add(fields["State"][0])
        return found - {"Z", "X"}

    def kill(self, daemon: str, vm: str = "") -> None:
        argv = ["pkill", "--signal", "KILL", "--full", f"[-]m magrathea {daemon}$"]
        if vm:
            inside(vm, *argv)
        else:
            run(*argv)

    def disagrees(self) -> str:
        """Where the machine is not as its books say."""
        books = self.books()
        if set(books) != {STANDARD, URGENT}:
            return "the books cannot be read"
        for vm, user in ((STANDARD, "jan"), (URGENT, "voce001")):
            shown = books[vm]
            runs = shown["state"].startswith("running")
            stopped = shown["state"] == "preempted"
            if (self.weight(vm) > 512) != runs:
                return f"{vm} is {shown['state']} and has a weight of {self.weight(vm)}"
            limit, _usage = self.memory(vm)
            if (runs and limit != 512) or (stopped and limit != 256):
                return f"{vm} is {shown['state']} and may have {limit} MiB"
            states = self.states(vm, user)
            if stopped and states != {"T"}:
                return f"{vm} is preempted, and its processes are {states}"
            if "T" in states and not stopped:
                return f"{vm} is {shown['state']}, and has stopped processes"
        if all(shown["state"].startswith("running") for shown in books.values()):
            return "both have the machine"
        for vm, shown in books.items():
            jobs, (sure, maybe) = set(shown["jobs"]), slurm.jobs(vm)
            if not sure <= jobs <= sure | maybe:
                return f"{vm}: the books have {jobs}, and Slurm has {sure} and maybe {maybe}"
        return ""


class Slurm:
    def ask(self, *argv: str) -> str:
        return inside(BATCH, *argv)

    def submit(self, user: str, queue: str, script: str, *options: str) -> str:
        """The number of the new job."""
        line = f"sbatch --parsable --partition={queue} --output=%j.out {' '.join(options)} --wrap \"$0\""
        return inside(BATCH, "runuser", "--user", user, "--", "sh", "-c", line, script)

    def job(self, number: str) -> dict[str, str]:
        said = self.ask("scontrol", "--oneliner", "show", "job", number)
        return dict(word.split("=", 1) for word in said.split() if "=" in word)

    def state(self, number: str) -> str:
        return self.job(number)["JobState"]

    def jobs(self, vm: str) -> tuple[set[str], set[str]]:
        """The jobs that have started on a node, stopped ones too; and those whose prolog or epilog may be under way."""
        node = vm.partition(".")[0]
        said = self.ask("squeue", "--noheader", "--format=%i %t %r", "--states=R,S,CF,CG", f"--nodelist={node}")
        sure, maybe = set(), set()
        for number, state, reason in (line.split(maxsplit=2) for line in said.splitlines()):
            (sure if state in ("R", "S") and reason != "Prolog" else maybe).add(number)
        return sure, maybe

    def node(self, vm: str) -> str:
        """How a node is, a star for one that does not answer, and why it takes no jobs."""
        name = vm.partition(".")[0]
        return self.ask("sinfo", "--noheader", f"--nodes={name}", "--partition=local", "--format=%T %E")

    def account(self, number: str) -> list[str]:
        fields = "state,elapsedraw,suspended,start,end"
        said = self.ask("sacct", "--noheader", "--parsable2", "--allocations", f"--format={fields}", f"--jobs={number}")
        return said.split("|")


machine, slurm = Machine(), Slurm()


def clear() -> None:
    """Let nobody's job be on the machine, or wait for it."""
    inside(BATCH, "scancel", "--user=jan,voce001", check=False)
    wait_for(lambda: not slurm.ask("squeue", "--noheader"), "an empty queue")
    wait_for(lambda: machine.word(STANDARD) == machine.word(URGENT) == "free", "an idle machine")


@pytest.fixture
def idle() -> None:
    clear()
