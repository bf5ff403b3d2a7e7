# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The master of one machine: events in, answers out, and between them the switch of the machine.

It owns no socket, thread or clock: those are handed in, so that the very same code runs in the daemon and in the
simulator. One switch at a time; what comes meanwhile waits, but questions never do (they read `machine`).

An event that can be refused is committed only when the machine is as it says: intent written, steps done, new books
written, answer given. Where a step fails or the deadline passes, the machine goes back to the books as they were,
and the answer says why. What cannot be refused (a job that ended, a VM that vanished) is committed at once, and the
machine follows.
"""

from __future__ import annotations

import typing as t
from collections import deque
from collections.abc import Callable

from .core import deadline, resume_one, step, tick
from .events import Event, Outcome
from .model import DOWN, STOPPING, UP, Machine, Policy
from .plan import AGENT_STEPS, RESTORE, SAVE, START_JOBS, UNKNOWN, Actual, Shares, Step, begun, done, plan, stage
from .store import Entry, Store
from .times import Times

# What takes hold of the machine, and so is only true once it is done.
SWITCHING = frozenset({"start", "freeze", "defrost", "boot", "reboot"})


class Answer(t.NamedTuple):
    ok: bool
    text: str = ""
    unknown: tuple[str, ...] = ()
    # Seconds by kind of step, and what was predicted for all.
    took: dict[str, float] = {}
    predicted: float = 0.0


class Limits(t.NamedTuple):
    """Seconds."""

    # For a switch, beyond thrice its prediction; for one that moves images of VMs.
    switch: float = 30.0
    image: float = 600.0
    # After a failure, before the next try on its own account.
    retry: float = 10.0


SHARES, LIMITS = Shares(), Limits()


class Hands(t.Protocol):
    """What can be done to the machine. `report` is called once, maybe later, with an error or an empty string."""

    def do(self, machine: Machine, step: Step, report: Callable[[str], None]) -> None: ...

    def destroy(self, vm: str) -> None: ...

    def reachable(self) -> set[str]: ...


Reply = Callable[[Answer], None]


class Switch:
    """A move of the machine from what it is to what some books say."""

    def __init__(self, what: str, goal: Machine, steps: list[Step], predicted: float, until: float) -> None:
        self.what = what
        self.goal = goal
        self.steps = steps
        self.predicted = predicted
        self.until = until
        self.running: dict[Step, float] = {}
        self.took: dict[str, float] = {}
        self.error = ""
        self.outcome: Outcome | None = None
        self.event: Event | None = None
        self.reply: Reply | None = None
        # Whether it leads to new books, or to those that hold already: after a failure, or a crash.
        self.leads_on = False


class Master:
    def __init__(
        self,
        name: str,
        policy: Policy,
        store: Store,
        hands: Hands,
        clock: Callable[[], float],
        *,
        shares: Shares = SHARES,
        limits: Limits = LIMITS,
    ) -> None:
        self._store, self._hands, self._clock = store, hands, clock
        self._shares, self._limits = shares, limits
        self.machine, actual, self.aside = store.load(name, policy)
        # After a restart nobody knows whether the machine is still as it was made: its shares are given again, which
        # does no harm. Jobs that were stopped are so still, whoever watched.
        self._actual = {vm: was._replace(weight=UNKNOWN, cap=UNKNOWN) for vm, was in actual.items()}
        self._times = Times(store.times())
        self._queue: deque[tuple[Event, Reply]] = deque()
        self._switch: Switch | None = None
        self._answers: list[tuple[Reply, Answer]] = []
        self._retry = 0.0
        self._working = False
        # Books that the machine is in accord with, as far as is known: what did not change since needs no second look.
        self._calm: Machine | None = None
        self._deadline: tuple[Machine, float | None] | None = None
        for line in self.aside:
            store.entry(Entry("restart", "", line))

    # What the world calls

    def submit(self, event: Event, reply: Reply) -> None:
        """Take an event; the answer comes when it is safe, maybe much later."""
        self._queue.append((event, reply))
        self._work()

    def wake(self) -> None:
        """Let time take effect: expiry, deadlines, further tries."""
        now = self._clock()
        switch = self._switch
        if switch and now >= switch.until:
            late = ", ".join(f"{step.kind} of {step.vm}" for step in switch.running) or "its steps"
            self._fail(f"{switch.what}: {late} not done after {switch.until - self._began(switch):.0f} s")
        self._work()

    def next_wake(self) -> float | None:
        times = [self._switch.until] if self._switch else []
        if self._retry > self._clock():
            times.append(self._retry)
        due = self._due()
        if due is not None and not self._switch:
            # Overdue is only what was tried and did not help.
            times.append(due if due > self._clock() else max(self._retry, self._clock() + 1))
        return min(times, default=None)

    def _due(self) -> float | None:
        """When the clock alone has something to do: worked out once for each machine."""
        if self._deadline is None or self._deadline[0] is not self.machine:
            self._deadline = (self.machine, deadline(self.machine))
        return self._deadline[1]

    def agent_came(self, vm: str) -> None:
        """Whoever speaks for a VM is there anew: tell it once more whether its jobs are to be stopped."""
        self._ask_anew(vm)
        self._retry = 0.0
        self._work()

    def _ask_anew(self, vm: str) -> None:
        """Processes that were stopped stay so without their agent; whether they run, nobody can say."""
        now = self._actual.get(vm, Actual())
        self._calm = None
        if vm in self.machine.vms and not self.machine.vms[vm].jobs:
            self._actual[vm] = now._replace(stopped=0)
        elif not (now.stopped == 1 and vm in self.machine.vms and self.machine.vms[vm].preempted):
            self._actual[vm] = now._replace(stopped=UNKNOWN)

    def predict(self, machine: Machine) -> float:
        return self._times.predict(plan(machine, self._actual, self._shares))

    @property
    def switching(self) -> str:
        """What is under way, for people."""
        return self._switch.what if self._switch else ""

    @property
    def busy(self) -> bool:
        return self._switch is not None or bool(self._queue)

    # Work

    def _work(self) -> None:
        """One thing after another, until there is nothing to do or something to wait for."""
        if self._working:  # called from within, by a step that was done at once
            return
        self._working = True
        try:
            while self._one():
                pass
        finally:
            self._working = False

    def _one(self) -> bool:
        switch = self._switch
        if switch:
            return self._advance(switch)
        now = self._clock()
        due = self._due()
        if due is not None and due <= now and self._tick(now):
            return True
        if self._retry <= now and self._follow(now):
            return True
        if not self._queue:
            return False
        event, reply = self._queue.popleft()
        self._take(event, reply, now)
        return True

    def _tick(self, now: float) -> bool:
        for vm in self.machine.vms.values():
            if vm.life == STOPPING and now - vm.since >= self.machine.policy.stop_timeout and self._retry <= now:
                self._hands.destroy(vm.name)
                self._retry = now + self._limits.retry
        outcome = tick(self.machine, now)
        if outcome.machine is self.machine:
            return False
        self._commit(outcome)
        if outcome.text:
            self._store.entry(Entry("timeout", "", outcome.text))
        return True

    def _follow(self, now: float) -> bool:
        """Make the machine as its books say, then resume whoever can be. What fails is tried again later."""
        if self._calm is not self.machine:
            steps = plan(self.machine, self._actual, self._shares, calm=self._calm)
            if not steps:
                self._calm = self.machine
            reachable = self._hands.reachable()
            steps = [each for each in steps if each.kind not in AGENT_STEPS or each.vm in reachable]
        else:
            steps = []
        if steps:
            self._begin(Switch("follow the books", self.machine, steps, 0.0, 0.0), now)
            return True
        after = resume_one(self.machine, now)
        if after is None:
            return False
        steps = self._plan_for(after)
        if any(each.kind in AGENT_STEPS and each.vm not in self._hands.reachable() for each in steps):
            self._retry = now + self._limits.retry
            return False
        switch = Switch("resume", after, steps, 0.0, 0.0)
        switch.leads_on = True
        self._begin(switch, now)
        return True

    def _take(self, event: Event, reply: Reply, now: float) -> None:
        outcome = step(self.machine, event, now)
        answer = Answer(not outcome.refused, outcome.text, outcome.unknown)
        if outcome.refused or outcome.machine is self.machine:
            if outcome.machine is not self.machine:
                self._store.machine(self.machine, outcome.machine)
                self.machine = outcome.machine
            if outcome.refused and event.kind != "seen":
                self._store.entry(Entry(f"{event.kind} refused", event.vm, outcome.text))
            self._answer(reply, answer)
            return
        if event.kind not in SWITCHING:
            self._commit(outcome, event)
            self._answer(reply, answer)
            if event.kind == "register":
                self._ask_anew(event.vm)
            return
        steps = self._plan_for(outcome.machine)
        if not steps:
            self._commit(outcome, event)
            self._answer(reply, answer)
            return
        switch = Switch(f"{event.kind} {event.job or event.vm}", outcome.machine, steps, 0.0, 0.0)
        switch.outcome, switch.event, switch.reply, switch.leads_on = outcome, event, reply, True
        if event.kind == "freeze" and event.session:
            # Who asks is about to be frozen itself: it is told before, and not whether it came off.
            switch.reply = None
            self._answer(reply, answer)
        self._begin(switch, now)

    def _plan_for(self, machine: Machine) -> list[Step]:
        """The steps to new books, without what an absent agent has owed since before: it hinders nobody else.

        Unless it owes that jobs are stopped: nobody else may run until they are.
        """
        steps = plan(machine, self._actual, self._shares, calm=self._calm)
        reachable = self._hands.reachable()
        if all(each.vm in reachable for each in steps if each.kind in AGENT_STEPS):
            return steps
        owed = set(plan(self.machine, self._actual, self._shares))
        return [each for each in steps if each.kind != START_JOBS or each.vm in reachable or each not in owed]

    def _began(self, switch: Switch) -> float:
        return switch.until - self._limit(switch.steps, switch.predicted)

    def _limit(self, steps: list[Step], predicted: float) -> float:
        images = any(step.kind in (SAVE, RESTORE) for step in steps)
        return (self._limits.image if images else self._limits.switch) + 3 * predicted

    def _begin(self, switch: Switch, now: float) -> None:
        switch.predicted = self._times.predict(switch.steps)
        switch.until = now + self._limit(switch.steps, switch.predicted)
        self._store.intent(f"{switch.what}, {len(switch.steps)} steps")
        self._switch = switch

    def _advance(self, switch: Switch) -> bool:
        """Set off the next stage once the last is done. False: wait."""
        if switch.running:
            return False
        if switch.error:
            self._turn_back(switch)
            return True
        todo = [step for step in switch.steps if not self._is_done(switch, step)]
        if not todo:
            self._arrive(switch)
            return True
        now = self._clock()
        first = stage(todo[0])
        switch.running = {step: now for step in todo if stage(step) == first}
        for each in switch.running:
            self._note(each.vm, begun(self._actual.get(each.vm, Actual()), each))
        # Answers first: whoever was told that its job runs must know before it is told to stop it.
        self.flush()
        for each in list(switch.running):
            self._hands.do(switch.goal, each, lambda error, each=each: self._report(switch, each, error))  # type: ignore[misc]
        return not switch.running

    def _is_done(self, switch: Switch, step: Step) -> bool:
        return f"{step.kind} {step.vm}" in switch.took

    def _report(self, switch: Switch, step: Step, error: str) -> None:
        if switch is not self._switch or step not in switch.running:
            return  # too late: the machine has turned back since
        seconds = self._clock() - switch.running.pop(step)
        if error:
            switch.error = switch.error or f"{step.kind} of {step.vm}: {error}"
        else:
            switch.took[f"{step.kind} {step.vm}"] = seconds
            self._note(step.vm, done(self._actual.get(step.vm, Actual()), step))
            self._store.time(*self._times.learn(step, seconds))
        self._work()

    def _arrive(self, switch: Switch) -> None:
        self._switch = None
        self._store.intent("")
        # What brought it back from a failure does not mend what failed.
        rollback = switch.what.startswith("back from")
        goal = switch.goal if rollback or not switch.goal.fault else switch.goal._replace(fault="")
        took = {key: round(value, 6) for key, value in switch.took.items()}
        if switch.outcome:
            self._commit(switch.outcome._replace(machine=goal), switch.event, took)
        elif switch.leads_on:
            self._commit(Outcome(goal), Event("resume"), took)
        else:
            self.machine = goal
        if switch.reply and switch.outcome:
            text = switch.outcome.text
            self._answer(switch.reply, Answer(True, text, switch.outcome.unknown, took, switch.predicted))

    def _fail(self, error: str) -> None:
        """The deadline passed: what is still under way is left to itself, and counts as unknown."""
        if self._switch:
            self._switch.running.clear()
            self._switch.error = self._switch.error or error

    def _turn_back(self, switch: Switch) -> None:
        """Back to the books as they are; if that fails too, the machine is at fault, and tried again."""
        now = self._clock()
        self._switch = None
        self._store.intent("")
        self.machine = self.machine._replace(fault=switch.error)
        self._store.entry(Entry("failed", switch.event.vm if switch.event else "", f"{switch.what}: {switch.error}"))
        if switch.reply:
            self._answer(switch.reply, Answer(False, f"{switch.what}: {switch.error}; all is as it was before"))
        self._retry = now + self._limits.retry
        back = plan(self.machine, self._actual, self._shares, reachable=self._hands.reachable())
        if back and switch.leads_on:
            self._begin(Switch(f"back from {switch.what}", self.machine, back, 0.0, 0.0), now)

    def _commit(self, outcome: Outcome, event: Event | None = None, took: dict[str, float] | None = None) -> None:
        before, after = self.machine, outcome.machine
        self._store.machine(before, after)
        self._store.ended(outcome.ended)
        if event and event.kind not in ("seen", "sync"):
            what = " ".join(f"{key}={value}" for key, value in _telling(event)) or event.kind
            split = " ".join(f"[{key}: {value:.3f} s]" for key, value in (took or {}).items())
            self._store.entry(Entry(event.kind, event.vm, f"{what} {split}".strip()))
        for name, vm in after.vms.items():
            old = before.vms.get(name)
            if old is vm:
                continue
            if not vm.jobs and self._actual.get(name, Actual()).stopped:
                # Nothing is stopped where nothing runs, and what starts next starts running.
                self._note(name, self._actual.get(name, Actual())._replace(stopped=0))
            if old and old.life != vm.life and (vm.life == DOWN or (vm.life == UP and old.life == DOWN)):
                self._note(name, Actual(stopped=0))
        for name in before.vms.keys() - after.vms.keys():
            self._actual.pop(name, None)
        self.machine = after

    def _note(self, vm: str, actual: Actual) -> None:
        self._calm = None
        self._actual[vm] = actual
        self._store.actual(vm, actual)

    def _answer(self, reply: Reply, answer: Answer) -> None:
        self._answers.append((reply, answer))

    def flush(self) -> None:
        """Make all safe, then give the answers: many requests, one write to the disk."""
        while self._answers:
            self._store.flush()
            answers, self._answers = self._answers, []
            for reply, answer in answers:
                reply(answer)
        self._store.flush()

    # For reports

    def actual(self) -> dict[str, Actual]:
        return dict(self._actual)


def _telling(event: Event) -> list[tuple[str, t.Any]]:
    """The fields of an event that say something, for the history."""
    fields = event._asdict()
    fields.pop("kind")
    fields.pop("vm")
    default = Event("")._asdict()
    return [
        (key, value) for key, value in fields.items() if value != default[key] and key not in ("session", "request")
    ]
