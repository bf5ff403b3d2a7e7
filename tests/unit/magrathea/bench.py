# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bench for the core: one machine, a clock that the test turns, and every invariant checked at every event."""

from __future__ import annotations

from magrathea.books import keep
from magrathea.checks import faults
from magrathea.core import settle, step, tick
from magrathea.events import Event, Outcome
from magrathea.model import Machine, Policy, Vm
from magrathea.words import accepts


class Bench:
    def __init__(self, policy: Policy, *names: str) -> None:
        self.machine = Machine("node", policy)
        self.now = 1000.0
        self.ended: dict[str, float] = {}
        self.requests = 0
        for name in names:
            self.define(name)
            self.do("register", name, session="boot/box")

    def define(self, name: str, **fields: str | int | bool) -> None:
        fields.setdefault("priority", name.startswith("P"))
        if self.machine.policy.memory:
            fields.setdefault("memory", 1024)
            fields.setdefault("floor", 128)
        self.do("define", name, fields=tuple(fields.items()))

    def do(self, kind: str, vm: str = "", **fields: object) -> Outcome:
        before = self.machine
        outcome = step(before, Event(kind, vm, **fields), self.now)  # type: ignore[arg-type]
        self.after(outcome)
        if outcome.refused:
            assert self.machine == before, "I13: a refused request changed something"
        return outcome

    def after(self, outcome: Outcome) -> None:
        self.machine = settle(outcome.machine, self.now)
        self.ended.update({job.id: job.lost for job in outcome.ended})
        assert not list(faults(self.machine, self.now))

    def ok(self, kind: str, vm: str = "", **fields: object) -> Outcome:
        outcome = self.do(kind, vm, **fields)
        assert not outcome.refused, outcome.text
        return outcome

    def refused(self, kind: str, vm: str = "", **fields: object) -> str:
        outcome = self.do(kind, vm, **fields)
        assert outcome.refused
        return outcome.text

    def start(self, vm: str, job: str, cpus: int = 1, kind: str = "normal", **fields: object) -> Outcome:
        self.requests += 1
        return self.ok("start", vm, job=job, cpus=cpus, job_kind=kind, request=str(self.requests), **fields)

    def start_refused(self, vm: str, job: str, cpus: int = 1, kind: str = "normal", **fields: object) -> str:
        self.requests += 1
        return self.refused("start", vm, job=job, cpus=cpus, job_kind=kind, request=str(self.requests), **fields)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.after(tick(self.machine, self.now))

    def vm(self, name: str) -> Vm:
        return self.machine.vms[name]

    def word(self, name: str) -> str:
        return self.vm(name).word

    def words(self, *names: str) -> tuple[str, ...]:
        return tuple(self.word(name) for name in names)

    def shown(self, name: str) -> str:
        """As the original published it: state:allocated:available."""
        vm = self.vm(name)
        may = accepts(self.machine, keep(self.machine), vm)
        idle = max(keep(self.machine).idle.cpus, 0) if not keep(self.machine).waiting else 0
        available = may.priority if vm.priority else idle
        return f"{vm.word}:{sum(job.cpus for job in vm.jobs)}:{available}"

    def boot(self, name: str, **fields: object) -> None:
        self.ok("boot", name, **fields)

    def down(self, name: str) -> None:
        """Put it down and let the VMM confirm it."""
        self.do("down", name, force=True)
        self.do("seen", name, present=False)


def whole(*names: str, **policy: object) -> Bench:
    return Bench(Policy("whole", 8, **policy), *names)  # type: ignore[arg-type]


def cpus(*names: str, **policy: object) -> Bench:
    return Bench(Policy("cpus", 8, **policy), *names)  # type: ignore[arg-type]
