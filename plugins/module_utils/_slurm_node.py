# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm's nodes: which take jobs, and what runs on them. Private to this collection."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError, CommandError, Runner

# Seconds between two looks at nodes that are draining.
PAUSE = 5
# Whatever holds a node: a job that is on its way there or off it, or that stands still, as well as one that runs.
HOLDING = "CONFIGURING,RUNNING,SUSPENDED,STOPPED,COMPLETING"


@dataclass(frozen=True)
class Node:
    """What Slurm says of a node."""

    state: str
    reason: str

    @property
    def offline(self) -> bool:
        return "drain" in self.state


class SlurmNodes:
    """Some of a cluster's nodes."""

    def __init__(self, runner: Runner, names: Sequence[str], state: str, reason: str, drain_timeout: float = 0) -> None:
        if not reason or {"|", "\n"} & set(reason):
            raise BoxError(f"reason '{reason}': nobody could tell these nodes by it; write a line without '|'")
        self.runner = runner
        self.names = names
        self.state = state
        self.reason = reason
        self.drain_timeout = drain_timeout
        self.found: dict[str, Node] = {}
        self.jobs: list[dict[str, str]] = []

    def apply(self) -> list[str]:
        """Do what is missing; returns the commands, also those that check mode holds back."""
        self.found = self._read()
        due = self._due()
        done = []
        if due:
            how = ["state=resume"] if self.state == "online" else ["state=drain", f"reason={self.reason}"]
            argv = ["scontrol", "update", f"nodename={','.join(due)}", *how]
            if not self.runner.check_mode:
                self.runner.write(argv)
            done = [" ".join(argv)]
        self.jobs = self._holding()
        if self.state == "drained" and not self.runner.check_mode:
            self._wait()
        return done

    def before(self) -> list[str]:
        return [self._line(name, node.offline, node.reason) for name, node in self.found.items()]

    def after(self) -> list[str]:
        due, offline = self._due(), self.state != "online"
        return [
            self._line(name, offline, self.reason) if name in due else self._line(name, node.offline, node.reason)
            for name, node in self.found.items()
        ]

    @staticmethod
    def _line(name: str, offline: bool, reason: str) -> str:
        return f"{name}: offline, {reason}" if offline else f"{name}: online"

    def _due(self) -> list[str]:
        """Who took a node offline for another reason knows when it may serve again."""
        if self.state == "online":
            return [name for name, node in self.found.items() if node.offline and node.reason == self.reason]
        return [name for name, node in self.found.items() if not node.offline]

    def _read(self) -> dict[str, Node]:
        answer = self._ask("sinfo", "--noheader", "--Node", f"--nodes={','.join(self.names)}", "--format=%N|%T|%E")
        rows = [line.split("|") for line in answer.splitlines() if line]
        known = {name: Node(state, "|".join(reason)) for name, state, *reason in rows}
        missing = [name for name in self.names if name not in known]
        if missing:
            raise BoxError(f"{', '.join(missing)}: Slurm has no such node in a partition; name nodes as sinfo does")
        return {name: known[name] for name in self.names}

    def _holding(self) -> list[dict[str, str]]:
        where = f"--nodelist={','.join(self.names)}"
        answer = self._ask("squeue", "--noheader", where, f"--states={HOLDING}", "--format=%i|%u|%N")
        return [dict(zip(("id", "user", "nodes"), line.split("|"), strict=True)) for line in answer.splitlines()]

    def _wait(self) -> None:
        left = self.drain_timeout
        while self.jobs:
            if left <= 0:
                jobs = ", ".join(f"{job['id']} of {job['user']} on {job['nodes']}" for job in self.jobs)
                raise BoxError(
                    f"{', '.join(self.names)}: jobs still run after {self.drain_timeout:g} s: {jobs}; the nodes take "
                    "no more: wait longer by drain_timeout, or let them serve again by state=online",
                    jobs=self.jobs,
                )
            self.runner.sleep(PAUSE)
            left -= PAUSE
            self.jobs = self._holding()

    def _ask(self, *argv: str) -> str:
        try:
            return self.runner.read(argv).stdout
        except CommandError as error:
            raise BoxError(
                f"Slurm: slurmctld does not answer ({error.run.last_words}); see whether it runs", **error.details
            ) from error


def result(nodes: SlurmNodes) -> dict[str, t.Any]:
    """What the module tells of them."""
    actions = nodes.apply()
    diff = {"before": "\n".join([*nodes.before(), ""]), "after": "\n".join([*nodes.after(), ""])}
    return {"changed": bool(actions), "actions": actions, "jobs": nodes.jobs, "diff": diff}
