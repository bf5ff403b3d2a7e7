# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preemption story, on a real batch system and real processes; and what is left of it when daemons are killed."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from conftest import BATCH, PATIENCE, STANDARD, URGENT, clear, inside, machine, slurm, wait_for

# What a standard job does: it fills the memory that it may have with what can be dropped, counts, beside a child in a
# session of its own that looks at the clock, and says how far it got.
LOW = """
dd if=/dev/zero of=/var/tmp/filled bs=1M count=250 status=none
setsid sh -c 'while :; do date +%s; sleep 0.3; done' > /var/tmp/clock &
child=$!
count=0
while [ $count -lt {count} ]; do count=$((count + 1)); sleep 0.2; done
pkill -KILL -P $child; kill -KILL $child
rm -f /var/tmp/filled
echo "result $count"
"""
HIGH = "sleep {seconds}; echo result high"


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def result(vm: str, number: str) -> str:
    """What a job said last; its shell may have told before what became of its children."""
    return inside(vm, "cat", f"/var/tmp/{number}.out").splitlines()[-1]


def test_a_priority_job_has_the_machine_for_a_while(idle: None) -> None:
    low = slurm.submit("jan", "local", LOW.format(count=150), "--time=10")
    wait_for(lambda: machine.word(STANDARD) == "running-preemptible", "the standard job runs")
    wait_for(lambda: machine.memory(STANDARD)[1] > 300, "it has more memory than its VM's floor")
    assert slurm.job(low)["Features"] == "mag_preemptible"
    assert machine.word(URGENT) == "occupied-would-preempt"

    high = slurm.submit("voce001", "egee", HIGH.format(seconds=15))
    wait_for(lambda: slurm.state(high) == "RUNNING", "the priority job runs")
    assert slurm.job(high)["Features"] == "mag_priority"
    # Every process of the standard job is stopped, that of its own session too; weight and memory are the other's.
    assert machine.states(STANDARD, "jan") == {"T"}
    assert (machine.weight(STANDARD), machine.weight(URGENT)) == (16, 1024)
    limit, usage = machine.memory(STANDARD)
    assert limit == 256
    assert usage <= 256
    assert machine.memory(URGENT)[0] == 512
    wait_for(lambda: slurm.state(low) == "SUSPENDED", "Slurm's clock for it stands still")
    assert wait_for(lambda: "magrathea:preempted" in slurm.node(STANDARD), "the node takes no jobs")
    stopped = inside(STANDARD, "cat", "/var/tmp/clock")
    time.sleep(3)
    assert inside(STANDARD, "cat", "/var/tmp/clock") == stopped
    # The node is alive, and nobody has given up on its job.
    assert slurm.node(STANDARD).startswith(("drained ", "draining "))
    assert slurm.job(low)["Restarts"] == "0"

    wait_for(lambda: slurm.state(high) == "COMPLETED", "the priority job is done")
    wait_for(lambda: machine.word(STANDARD) == "running-preemptible", "the standard job has the machine again")
    assert "T" not in machine.states(STANDARD, "jan")
    assert (machine.weight(STANDARD), machine.memory(STANDARD)[0]) == (1024, 512)
    wait_for(lambda: slurm.state(low) == "RUNNING", "Slurm's clock for it goes on")
    # It may run for as long as it might have without having been stopped.
    job = slurm.job(low)
    more = seconds(job["EndTime"]) - seconds(job["StartTime"]) - 600
    assert more >= 12
    wait_for(lambda: slurm.state(low) == "COMPLETED", "the standard job is done")
    assert result(STANDARD, low) == "result 150"
    assert result(URGENT, high) == "result high"
    wait_for(lambda: slurm.account(low)[0] == "COMPLETED", "the accounts know")
    _state, elapsed, suspended, start, end = slurm.account(low)
    hours, minutes, rest = (int(part) for part in suspended.split(":"))
    lost = 3600 * hours + 60 * minutes + rest
    assert abs(lost - more) <= 3
    assert abs(int(elapsed) + lost - (seconds(end) - seconds(start))) <= 3
    wait_for(lambda: slurm.node(STANDARD) == "idle none", "the node takes jobs")
    assert machine.disagrees() == ""


def test_a_normal_job_is_not_stopped(idle: None) -> None:
    low = slurm.submit("jan", "local", "sleep 15", "--constraint=mag_normal")
    wait_for(lambda: machine.word(STANDARD) == "running", "the normal job runs")
    high = slurm.submit("voce001", "egee", HIGH.format(seconds=1))
    wait_for(lambda: "magrathea:occupied" in slurm.node(URGENT), "the other node takes no jobs")
    assert slurm.state(high) == "PENDING"
    assert machine.states(STANDARD, "jan") == {"S"}
    wait_for(lambda: slurm.state(low) == "COMPLETED", "the normal job is done")
    # Where it was sent before its node was known to be taken, it went back into the queue, for two minutes.
    wait_for(lambda: slurm.state(high) == "COMPLETED", "the priority job has run", 2 * PATIENCE)


@pytest.fixture(scope="module")
def low() -> str:
    """A standard job that lives through all that follows."""
    clear()
    number = slurm.submit("jan", "local", LOW.format(count=600))
    wait_for(lambda: slurm.state(number) == "RUNNING", "the standard job runs")
    return number


@pytest.mark.parametrize("daemon", ["master", "agent"])
@pytest.mark.parametrize("point", ["runs", "is asked", "hands over", "is stopped", "comes back"])
def test_books_and_machine_agree_after_a_kill(low: str, daemon: str, point: str) -> None:
    vm = "" if daemon == "master" else STANDARD
    high = ""
    if point != "runs":
        high = slurm.submit("voce001", "egee", HIGH.format(seconds=300))
        if point == "hands over":
            time.sleep(0.5)
        elif point in ("is stopped", "comes back"):
            wait_for(lambda: machine.states(STANDARD, "jan") == {"T"}, "the standard job is stopped")
    if point == "comes back":
        wait_for(lambda: machine.states(URGENT, "voce001"), "the priority job has begun")
        slurm.ask("scancel", high)
    machine.kill(daemon, vm)
    # A second until it is started again, and ten from then on.
    wait_for(lambda: not machine.disagrees(), f"agreement: {machine.disagrees()}", 11.0)
    if high:
        slurm.ask("scancel", high)
        wait_for(lambda: machine.word(STANDARD) == "running-preemptible", "the standard job has the machine again")
        wait_for(lambda: not machine.disagrees(), f"agreement: {machine.disagrees()}", 11.0)
    assert slurm.job(low)["Restarts"] == "0"
    assert slurm.state(low) in ("RUNNING", "SUSPENDED")


def test_slurm_hears_of_it_after_the_cache_was_killed(low: str) -> None:
    high = slurm.submit("voce001", "egee", HIGH.format(seconds=300))
    wait_for(lambda: machine.states(URGENT, "voce001"), "the priority job has begun")
    wait_for(lambda: "magrathea:preempted" in slurm.node(STANDARD), "the node takes no jobs")
    machine.kill("cache", BATCH)
    slurm.ask("scancel", high)
    wait_for(lambda: machine.word(STANDARD) == "running-preemptible", "the standard job has the machine again")
    # The cache is started again, the master comes back to it, and whoever tells Slurm starts anew.
    wait_for(lambda: slurm.node(STANDARD).endswith(" none"), "the node takes jobs", 15.0)
    assert machine.disagrees() == ""


def test_what_lived_through_kills_has_the_right_result(low: str) -> None:
    wait_for(lambda: slurm.state(low) == "COMPLETED", "the standard job is done", 2 * PATIENCE)
    assert result(STANDARD, low) == "result 600"
    wait_for(lambda: not machine.disagrees(), f"agreement: {machine.disagrees()}", 11.0)
