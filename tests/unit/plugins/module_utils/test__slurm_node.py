# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm's nodes: what scontrol is told, whose nodes are left alone, and how long jobs are waited for."""

from __future__ import annotations

import pytest
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._slurm_node import SlurmNodes, result
from ansible_collections.egee.box.tests.unit.scripted_runner import Expected, ScriptedRunner

OURS, THEIRS = "egee.box: shut down", "magrathea: taken"
SINFO = "sinfo --noheader --Node --nodes=wn1,wn2 --format=%N|%T|%E"
SQUEUE = (
    "squeue --noheader --nodelist=wn1,wn2 --states=CONFIGURING,RUNNING,SUSPENDED,STOPPED,COMPLETING --format=%i|%u|%N"
)
JOB = Expected(SQUEUE, "12|voce001|wn1\n")
NONE = Expected(SQUEUE)
DRAIN = f"state=drain reason={OURS}"


def states(first: str, second: str) -> Expected:
    """A node stands there once for each of its partitions."""
    return Expected(SINFO, f"wn1|{first}\nwn1|{first}\nwn2|{second}\n")


def nodes(runner: ScriptedRunner, state: str, timeout: float = 0) -> SlurmNodes:
    return SlurmNodes(runner, ["wn1", "wn2"], state, OURS, timeout)


@pytest.mark.parametrize(
    ("found", "state", "command", "after"),
    [
        pytest.param(("idle|none", "mixed|none"), "offline", f"wn1,wn2 {DRAIN}", (OURS, OURS), id="both serve"),
        pytest.param((f"drained|{OURS}", "idle|none"), "offline", f"wn2 {DRAIN}", (OURS, OURS), id="one is left"),
        pytest.param((f"draining|{OURS}", f"drained*|{THEIRS}"), "offline", "", (OURS, THEIRS), id="none is left"),
        pytest.param((f"drained|{OURS}", f"drained|{THEIRS}"), "online", "wn1 state=resume", ("", THEIRS), id="back"),
        pytest.param(("idle|none", "down*|none"), "online", "", ("", ""), id="none was offline"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_only_what_is_missing_is_done(
    found: tuple[str, str], state: str, command: str, after: tuple[str, str], check: bool
) -> None:
    commands = [f"scontrol update nodename={command}"] if command else []
    script = [] if check else [Expected(line) for line in commands]
    runner = ScriptedRunner(states(*found), *script, JOB, check_mode=check)
    told = result(nodes(runner, state))
    runner.finish()
    assert (told["changed"], told["actions"]) == (bool(commands), commands)
    assert told["jobs"] == [{"id": "12", "user": "voce001", "nodes": "wn1"}]
    lines = [f"wn{n}: offline, {why}" if why else f"wn{n}: online" for n, why in enumerate(after, 1)]
    assert told["diff"]["after"].splitlines() == lines
    assert (told["diff"]["before"] != told["diff"]["after"]) == bool(commands)


def test_jobs_are_waited_for() -> None:
    runner = ScriptedRunner(states(f"draining|{OURS}", f"drained|{OURS}"), JOB, JOB, NONE)
    assert result(nodes(runner, "drained", 60))["jobs"] == []
    runner.finish()
    assert runner.slept == 10


def test_check_mode_waits_for_nobody() -> None:
    runner = ScriptedRunner(states("mixed|none", "idle|none"), JOB, check_mode=True)
    assert result(nodes(runner, "drained", 60))["changed"]
    runner.finish()


def test_nodes_whose_jobs_outlast_the_time_stay_offline() -> None:
    runner = ScriptedRunner(states(f"draining|{OURS}", f"drained|{OURS}"), JOB, JOB, JOB)
    with pytest.raises(BoxError) as told:
        result(nodes(runner, "drained", 10))
    runner.finish()
    assert told.value.message == (
        "wn1, wn2: jobs still run after 10 s: 12 of voce001 on wn1; the nodes take no more: wait longer by "
        "drain_timeout, or let them serve again by state=online"
    )


def test_a_node_that_slurm_has_not_is_named() -> None:
    runner = ScriptedRunner(Expected(SINFO, "wn2|idle|none\n"))
    with pytest.raises(BoxError) as told:
        result(nodes(runner, "offline"))
    assert told.value.message == "wn1: Slurm has no such node in a partition; name nodes as sinfo does"


@pytest.mark.parametrize("reason", ["", "a|b", "a\nb"])
def test_a_reason_that_tells_nothing_is_refused(reason: str) -> None:
    with pytest.raises(BoxError) as told:
        SlurmNodes(ScriptedRunner(), ["wn1"], "offline", reason)
    assert told.value.message == f"reason '{reason}': nobody could tell these nodes by it; write a line without '|'"


def test_a_silent_controller_is_said() -> None:
    runner = ScriptedRunner(Expected(SINFO, rc=1, stderr="Unable to contact slurm controller"))
    with pytest.raises(BoxError) as told:
        result(nodes(runner, "offline"))
    assert told.value.message == (
        "Slurm: slurmctld does not answer (Unable to contact slurm controller); see whether it runs"
    )
