# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent of a VM between prologues, which wait for an answer, and a master that may be slow, forgetful or away."""

from __future__ import annotations

import typing as t

import pytest
from magrathea.agent import Agent
from magrathea.outbox import LIVE, STARTING, UNBOOKED, Held
from magrathea.sim.memory import MemoryOutbox


class Jobs:
    """A test double: does at once what it is asked, and remembers it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def suspend(self, jobs: list[Held], report: t.Callable[[str], None]) -> None:
        self.done += [f"suspend {held.id}" for held in jobs]
        report("")

    def resume(self, jobs: list[Held], report: t.Callable[[str], None]) -> None:
        self.done += [f"resume {held.id}" for held in jobs]
        report("")


class Desk:
    """An agent, the master's end of its connection, and what prologues were told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.jobs, self.outbox = Jobs(), MemoryOutbox("epoch")
        self.agent = Agent(self.outbox, self.jobs, lambda: self.now, "boot", patience=60.0, compare=30.0)
        self.sent: list[dict[str, t.Any]] = []
        self.told: list[tuple[str, bool, str]] = []

    def connect(self, **reply: t.Any) -> None:
        self.agent.connected(self.sent.append)
        self.answer(**{"ok": True, **reply})

    def answer(self, **reply: t.Any) -> None:
        """The master's reply to what it was asked last."""
        self.agent.received({"id": self.sent[-1]["id"], **reply})
        self.agent.flush()

    def command(self, **message: t.Any) -> dict[str, t.Any]:
        self.agent.received({"id": 99, **message})
        self.agent.flush()
        return self.sent[-1]

    def start(self, job: str, state: str = STARTING) -> None:
        held = Held(job, state, "normal", 1, f"request-{job}")
        self.agent.start(held, lambda ok, text: self.told.append((job, ok, text)))
        self.agent.flush()

    def running(self, *jobs: str) -> Desk:
        self.connect()
        for job in jobs:
            self.start(job)
            self.answer(ok=True)
        self.told.clear()
        return self

    def stop(self, job: str) -> None:
        self.agent.stop(job, lambda ok, text: self.told.append((f"stop {job}", ok, text)))
        self.agent.flush()

    def asked(self) -> tuple[str, ...]:
        return tuple(str(self.sent[-1].get(key, "")) for key in ("op", "job", "request"))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_job_runs_when_the_master_says_so(desk: Desk) -> None:
    desk.connect()
    desk.start("1")
    assert desk.asked() == ("start", "1", "request-1") and desk.told == []
    desk.answer(ok=True)
    assert desk.told == [("1", True, "")]
    assert desk.agent.held["1"].state == LIVE


def test_a_job_that_is_refused_is_forgotten(desk: Desk) -> None:
    desk.connect()
    desk.start("1")
    desk.answer(ok=False, text="no room")
    assert (desk.told, desk.agent.held) == ([("1", False, "no room")], {})


def test_a_prologue_that_is_run_again_hears_what_is_true(desk: Desk) -> None:
    desk.connect()
    desk.start("1")
    desk.start("1")
    assert desk.told == [("1", False, "1: its start is under way already")]
    desk.answer(ok=True)
    desk.start("1")
    assert desk.told[-1] == ("1", True, "runs already")


def test_a_prologue_waits_no_longer_than_its_patience_and_the_stop_follows_the_start(desk: Desk) -> None:
    desk.connect()
    desk.start("1")
    desk.now += 60
    desk.agent.wake()
    desk.agent.flush()
    assert desk.told == [("1", False, "1: no answer from the master within 60 s")]
    desk.answer(ok=True)  # too late: nobody waits for it, and it is taken back
    assert (desk.asked()[:2], desk.agent.held) == (("stop", "1"), {})


def test_an_end_is_true_at_once_and_told_when_there_is_somebody_to_tell(desk: Desk) -> None:
    desk.running("1")
    desk.agent.lost()
    desk.stop("1")
    assert desk.told == [("stop 1", True, "queued: the master is not there")]
    desk.connect()
    assert desk.asked()[:2] == ("stop", "1")


def test_a_job_that_ends_while_it_is_asked_for_does_not_start(desk: Desk) -> None:
    desk.connect()
    desk.start("1")
    desk.stop("1")
    assert ("1", False, "ended before it was started") in desk.told
    desk.answer(ok=True)
    assert desk.asked()[:2] == ("stop", "1") and desk.agent.held == {}


def test_no_job_runs_any_more(desk: Desk) -> None:
    desk.running("1", "2")
    desk.start("3")
    desk.agent.stop_all(lambda ok, text: desk.told.append(("all", ok, text)))
    desk.agent.flush()
    assert desk.told == [("3", False, "ended before it was started"), ("all", True, "")]
    assert desk.agent.held == {}
    desk.answer(ok=True)
    assert desk.asked()[0] == "stop-all"


def test_what_the_batch_system_does_not_know_has_ended(desk: Desk) -> None:
    desk.running("1", "2")
    desk.start("3")
    desk.agent.listed({"2"})
    assert set(desk.agent.held) == {"2", "3"}


def test_a_master_that_owes_an_answer_for_long_is_better_called_again(desk: Desk) -> None:
    desk.running()
    desk.start("1")
    desk.now += 180
    assert not desk.agent.stuck
    desk.now += 1
    assert desk.agent.stuck
    desk.agent.lost()
    assert not desk.agent.stuck and not desk.agent.registered


@pytest.mark.parametrize("reply", [{"error": "unregistered"}, {"text": "n1: unregistered; register first"}])
def test_a_master_that_has_forgotten_the_vm_is_told_again_who_it_is(desk: Desk, reply: dict[str, str]) -> None:
    desk.running("1")
    desk.start("2")
    desk.answer(ok=False, **reply)
    assert desk.sent[-1]["op"] == "register"
    assert (desk.sent[-1]["jobs"], desk.sent[-1]["pending"]) == (["1"], ["2"])
    desk.answer(ok=True)
    assert desk.asked() == ("start", "2", "request-2")


def test_jobs_that_the_master_does_not_know_are_asked_into_its_books(desk: Desk) -> None:
    desk.running("1")
    desk.agent.lost()
    desk.connect(unknown=["1", "gone"])
    assert desk.asked() == ("start", "1", "request-1+")
    desk.answer(ok=False, text="no room")
    assert desk.agent.held["1"].state == UNBOOKED
    # Notes are compared now and then, and it is asked once more.
    desk.now += 30
    desk.agent.wake()
    assert desk.asked() == ("start", "1", "request-1++")
    desk.answer(ok=True)
    assert desk.agent.held["1"].state == LIVE
    assert (desk.sent[-1]["op"], desk.sent[-1]["jobs"]) == ("sync", ["1"])


def test_a_master_that_holds_the_vm_stopped_says_so_when_they_meet(desk: Desk) -> None:
    desk.running("1")
    desk.agent.lost()
    desk.connect(stopped=True)
    assert desk.jobs.done == ["suspend 1"]


def test_the_master_stops_and_starts_jobs_that_are_there(desk: Desk) -> None:
    desk.running("1")
    assert desk.command(op="suspend", jobs=["1", "gone"], lost={"1": 2.5})["ok"]
    assert desk.agent.held["1"].lost == 2.5
    assert desk.command(op="resume", jobs=["1"])["ok"]
    assert desk.jobs.done == ["suspend 1", "resume 1"]
    assert desk.command(op="explode")["text"] == "no such command: explode"


def test_requests_wait_for_the_master(desk: Desk) -> None:
    desk.agent.ask({"op": "freeze"}, lambda ok, text: desk.told.append(("freeze", ok, text)))
    desk.agent.flush()
    assert desk.told == [("freeze", True, "queued: the master is not there")]
    desk.connect()
    assert desk.sent[-1]["op"] == "freeze"


def test_who_waited_when_the_agent_died_is_not_started(desk: Desk) -> None:
    desk.running("1")
    desk.start("2")
    again = Agent(desk.outbox, desk.jobs, lambda: desk.now, "boot")
    assert set(again.held) == {"1"}
    again.connected(desk.sent.append)
    again.received({"id": desk.sent[-1]["id"], "ok": True})
    assert desk.asked()[0] == "start"  # its number may have counted, and the stop comes after it
    again.received({"id": desk.sent[-1]["id"], "ok": True})
    assert desk.asked()[:2] == ("stop", "2")
