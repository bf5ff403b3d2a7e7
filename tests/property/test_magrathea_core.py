# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The core under 100,000 random events in each mode: every invariant of the reference that the core alone answers for.

A driver with a seed, and not hypothesis: shrinking costs more than these events do, and a failure names the seed and
the number of the event, so that it can be played again.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
from magrathea.books import keep
from magrathea.checks import faults
from magrathea.core import settle, step, tick
from magrathea.events import ALL, Event, Outcome
from magrathea.model import CLUSTER, CPUS, FROZEN, NORMAL, PREEMPTIBLE, RUNNING_WORDS, UP, Machine, Policy, booting
from magrathea.words import accepts

EVENTS = 100_000
# So many events on one machine, then another with another policy.
LIFE = 500

KINDS = ["start"] * 8 + ["stop"] * 5 + ["register"] * 3 + ["freeze", "defrost"] * 2
KINDS += ["reserve", "release", "boot", "reboot", "down", "seen", "seen", "sync", "stop-all", "define", "remove"]
KINDS += ["unregister", "tick", "tick", "tick"]


class Driver:
    def __init__(self, mode: str, seed: int) -> None:
        self.random = random.Random(f"{mode} {seed}")
        policy = Policy(
            mode,
            self.random.choice([1, 4, 8, 64]),
            self.random.choice([0, 0, 3000, 8000]),
            reservation=self.random.choice([5.0, 60.0]),
            boot_timeout=20.0,
            starved=self.random.choice([0.0, 0.0, 30.0]),
            min_run=40.0,
            lend_idle=self.random.random() < 0.2,
        )
        self.machine = Machine("node", policy)
        self.now = 0.0
        self.jobs = 0
        # Kept apart from the books: seconds each job was stopped and frozen, added up as they pass.
        self.lost: Counter[tuple[str, str]] = Counter()
        self.frozen: Counter[tuple[str, str]] = Counter()
        for number in range(self.random.randint(1, 5)):
            self.define(f"{self.random.choice('NP')}{number}")
        for name in list(self.machine.vms):
            if self.random.random() < 0.8:
                self.take(Event("register", name, session="1/1"))

    def define(self, name: str) -> None:
        memory = self.random.choice([512, 1024, 2048])
        fields = (("priority", name.startswith("P")), ("bootable", self.random.random() < 0.5), ("memory", memory))
        fields += (("floor", self.random.choice([64, 256, memory])), ("kept", self.random.choice([0, 64])))
        self.take(Event("define", name, fields=fields))

    def event(self) -> Event:
        rng = self.random
        kind = rng.choice(KINDS)
        name = rng.choice([*self.machine.vms, *self.machine.vms, "N9"])
        vm = self.machine.vms.get(name)
        running = [job.id for job in vm.jobs] if vm else []
        if kind == "start":
            self.jobs += rng.random() < 0.9  # now and then an id that was used before
            most = self.machine.policy.cpus
            return Event(
                kind,
                name,
                job=f"job{self.jobs}",
                job_kind=rng.choice([NORMAL, PREEMPTIBLE, PREEMPTIBLE, CLUSTER]),
                cpus=rng.choice([1, rng.randint(1, most), rng.randint(0, most + 1), ALL]),
                request=f"request{self.jobs}",
                reservation=self.promise() if rng.random() < 0.3 else "",
                label=rng.choice(["", "venus"]),
            )
        if kind in ("reserve", "boot"):
            return Event(
                kind,
                name,
                job_kind=rng.choice([NORMAL, PREEMPTIBLE, CLUSTER]),
                cpus=rng.randint(1, self.machine.policy.cpus),
                reservation=rng.choice(["", f"promise{rng.randint(1, 9)}"]),
            )
        if kind == "stop":
            return Event(kind, name, job=rng.choice([*running, *running, "nobody"]))
        if kind == "release":
            return Event(kind, reservation=self.promise())
        if kind in ("register", "sync"):
            known = tuple(job for job in running if rng.random() < 0.9)
            session = rng.choice([vm.session or "1/1", f"{rng.randint(1, 3)}/1"]) if vm else "1/1"
            return Event(kind, name, jobs=rng.choice([None, known]), session=session if kind == "register" else "")
        return Event(kind, name, force=rng.random() < 0.3, present=rng.random() < 0.6)

    def promise(self) -> str:
        held = [reservation.id for reservation in self.machine.reservations]
        return self.random.choice([*held, "promise0"])

    def one(self) -> None:
        passed = self.random.choice([0.0, 0.0, 0.5, 3.0, 15.0])
        self.now += passed
        for vm in self.machine.vms.values():
            for job in vm.jobs:
                if vm.preempted:
                    self.lost[vm.name, job.id] += passed
                elif vm.life == FROZEN:
                    self.frozen[vm.name, job.id] += passed
        event = self.event()
        if event.kind == "define":
            self.define(event.vm if event.vm != "N9" else f"{self.random.choice('NP')}{self.random.randint(0, 6)}")
        else:
            self.take(event)

    def take(self, event: Event) -> None:
        before = self.machine
        outcome = tick(before, self.now) if event.kind == "tick" else step(before, event, self.now)
        after = self.machine = settle(outcome.machine, self.now)
        told = f"{event} on {before}"
        if outcome.refused:
            assert outcome.machine is before, f"I13: {told}"
        self.books_of_jobs(before, outcome, event, told)
        for fault in faults(after, self.now):
            raise AssertionError(f"{fault} after {told}: {after}")
        if booting(before) and booting(after):
            newly = [
                vm.name
                for vm in after.vms.values()
                if vm.word in RUNNING_WORDS and vm.name in before.vms and before.vms[vm.name].word not in RUNNING_WORDS
            ]
            assert not newly, f"I14: {newly} after {told}"
        for name, vm in outcome.machine.vms.items():
            if name in before.vms and before.vms[name].word == vm.word:
                assert before.vms[name].changed == vm.changed, f"D3: {told}"

    def books_of_jobs(self, before: Machine, outcome: Outcome, event: Event, told: str) -> None:
        """I7, I8: jobs leave by their own end alone, and their lost time is what passed."""
        had = Counter((vm.name, job.id, job.kind, job.cpus) for vm in before.vms.values() for job in vm.jobs)
        has = Counter((vm.name, job.id, job.kind, job.cpus) for vm in self.machine.vms.values() for job in vm.jobs)
        gone = Counter((ended.vm, ended.id) for ended in outcome.ended)
        assert Counter((vm, job) for vm, job, _kind, _cpus in (had - has).elements()) == gone, f"I7: {told}"
        new = list((has - had).elements())
        assert len(new) <= (event.kind == "start"), f"I7: {told}"
        for vm, job, _kind, _cpus in new:
            self.lost.pop((vm, job), None)
            self.frozen.pop((vm, job), None)
        for ended in outcome.ended:
            assert ended.lost == pytest.approx(self.lost[ended.vm, ended.id]), f"I8: {told}"
            assert ended.frozen == pytest.approx(self.frozen[ended.vm, ended.id]), f"I8: {told}"
        for vm in self.machine.vms.values():
            for job in vm.jobs:
                running = self.now - vm.since if vm.preempted else 0.0
                assert job.lost + running == pytest.approx(self.lost[vm.name, job.id]), f"I8: {told}"

    def shown_is_true(self) -> None:
        """I10: what is shown to be accepted is accepted, and nothing else; I5: what is frozen can come back."""
        books = keep(self.machine)
        for vm in self.machine.vms.values():
            leaving = any(other.lent for other in self.machine.vms.values())
            if vm.life == FROZEN and not booting(self.machine) and not leaving:
                assert not step(self.machine, Event("defrost", vm.name), self.now).refused, f"I5: {self.machine}"
            may = accepts(self.machine, books, vm)
            if vm.life != UP or may.cluster:
                continue
            for kind, most in ((NORMAL, may.priority or may.normal), (PREEMPTIBLE, may.priority or may.preemptible)):
                for cpus in (1, most, most + 1):
                    event = Event("start", vm.name, job="trial", job_kind=kind, cpus=cpus)
                    accepted = not step(self.machine, event, self.now).refused
                    assert accepted == (1 <= cpus <= most), f"I10: {event} with {may} on {self.machine}"
            if may.at_once:
                after = step(self.machine, Event("start", vm.name, job="trial", cpus=may.at_once), self.now).machine
                assert [v.preempted for v in after.vms.values()] == [v.preempted for v in self.machine.vms.values()]
        reverse = self.machine._replace(vms=dict(reversed(self.machine.vms.items())))
        assert keep(reverse) == books, "I11: the order of VMs counts"


@pytest.mark.parametrize("mode", ["whole", CPUS])
def test_a_hundred_thousand_events(mode: str) -> None:
    words: Counter[str] = Counter()
    for seed in range(EVENTS // LIFE):
        driver = Driver(mode, seed)
        for number in range(LIFE):
            try:
                driver.one()
                if number % 10 == 0:
                    driver.shown_is_true()
            except AssertionError as error:
                error.add_note(f"seed {seed}, event {number}")
                raise
            words.update(vm.word for vm in driver.machine.vms.values())
    # Where the events never lead, nothing was tested.
    assert min(words.values()) > 100
    assert len(words) == 12, words
