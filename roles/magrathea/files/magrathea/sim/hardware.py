# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated machine: what is really so, whatever the books say. Memory that exists, processes that run.

The master sees it through its hands and its agents alone; the truth is checked at every event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..agent import Agent
from ..model import CPUS, Machine, Policy
from ..outbox import Held
from ..plan import CREATE, GIVE_MEMORY, REBOOT, RESTORE, SAVE, SHUTDOWN, TAKE_MEMORY, Step
from .memory import MemoryOutbox
from .world import Link, World


class Faults(NamedTuple):
    """How likely each misfortune is, each time there is occasion for it."""

    kill_master: float = 0.0
    kill_agent: float = 0.0
    cut: float = 0.0
    twice: float = 0.0
    step_fails: float = 0.0
    step_hangs: float = 0.0
    vanish: float = 0.0

    @classmethod
    def all(cls, rate: float) -> Faults:
        return cls(rate, rate, rate, 5 * rate, 5 * rate, rate, rate / 4)


class Process:
    """A job that really runs, or is really stopped."""

    def __init__(self, job: str, kind: str, cpus: int, work: float, now: float) -> None:
        self.job, self.kind, self.cpus, self.left = job, kind, cpus, work
        self.since = now
        self.stopped = False
        self.lost = 0.0
        # Grows whenever it stops, starts or ends, so that an old date for its end is known to be old.
        self.turn = 0


class Box:
    """A VM as the VMM has it."""

    def __init__(self, name: str, priority: bool, memory: int, floor: int) -> None:
        self.name, self.priority, self.full, self.floor = name, priority, memory, floor
        self.exists = False
        self.image = False
        self.booted = 0
        self.memory = 0
        self.processes: dict[str, Process] = {}
        self.outbox = MemoryOutbox(f"{name}.1")
        self.agent: Agent | None = None
        self.link: Link | None = None

    @property
    def running(self) -> bool:
        return self.exists and any(not process.stopped for process in self.processes.values())


class Hardware:
    """The VMM, and processes: steps take time, fail and hang."""

    def __init__(self, world: World, policy: Policy, boxes: list[Box], faults: Faults) -> None:
        self.world, self.policy, self.faults = world, policy, faults
        self.boxes = {box.name: box for box in boxes}
        self.came_up: Callable[[Box], None] = lambda _box: None
        self.went_down: Callable[[Box], None] = lambda _box: None
        self.finished: Callable[[Box, Process], None] = lambda _box, _process: None

    # The VMM's half of the hands

    def step(self, step: Step, report: Callable[[str], None]) -> None:
        luck = self.world.random.random()
        if luck < self.faults.step_hangs:
            return
        fails = luck < self.faults.step_hangs + self.faults.step_fails
        seconds = 0.02 + self.world.random.random() * 0.05 + step.size / 1024 * 0.2

        def act() -> None:
            report("the VMM refused" if fails else self._act(step))

        self.world.later(seconds, act)

    def _act(self, step: Step) -> str:
        box = self.boxes[step.vm]
        if step.kind in (TAKE_MEMORY, GIVE_MEMORY):
            return self._move(box, int(step.value))
        if step.kind == SAVE:
            return self._save(box)
        if step.kind == RESTORE:
            return self._restore(box)
        if step.kind in (CREATE, REBOOT):
            if box.exists and step.kind == REBOOT:
                self.destroy(box)
            return self._create(box)
        if step.kind == SHUTDOWN:
            # A guest that is asked to shut down does so some time later.
            self.world.later(1.0, lambda: self.destroy(box))
            return ""
        return "" if box.exists else "no such VM"

    def _used(self) -> int:
        return sum(box.memory for box in self.boxes.values())

    def _move(self, box: Box, memory: int) -> str:
        if not box.exists:
            return "no such VM"
        if self.policy.memory and self._used() - box.memory + memory > self.policy.memory:
            return "not enough memory"
        box.memory = memory
        return ""

    def _save(self, box: Box) -> str:
        if box.image:
            return ""
        if not box.exists:
            return "no such VM"
        box.image, box.exists, box.memory = True, False, 0
        for process in box.processes.values():
            self._halt(process)
        if box.link:
            box.link.cut()
        return ""

    def _restore(self, box: Box) -> str:
        if not box.image:
            return "" if box.exists else "no image"
        if self.policy.memory and self._used() + box.full > self.policy.memory:
            return "not enough memory"
        box.image, box.exists, box.memory = False, True, box.full
        for process in box.processes.values():
            self._go(box, process)
        return ""

    def _create(self, box: Box) -> str:
        if box.exists:
            return ""
        if self.policy.memory and self._used() + box.full > self.policy.memory:
            return "not enough memory"
        box.exists, box.memory = True, box.full
        box.booted += 1
        boot = box.booted
        self.world.later(2 + self.world.random.random() * 20, lambda: self._up(box, boot))
        return ""

    def _up(self, box: Box, boot: int) -> None:
        if box.exists and box.booted == boot:
            self.came_up(box)

    def destroy(self, box: Box) -> None:
        if box.exists or box.image:
            box.exists, box.image, box.memory = False, False, 0
            for process in box.processes.values():
                process.turn += 1
            box.processes.clear()
            box.agent = None
            if box.link:
                box.link.cut()
            self.went_down(box)

    # Processes

    def run(self, box: Box, process: Process) -> None:
        box.processes[process.job] = process
        self._schedule(box, process)

    def _schedule(self, box: Box, process: Process) -> None:
        process.turn += 1
        turn = process.turn
        self.world.later(process.left, lambda: self._end(box, process, turn))

    def _end(self, box: Box, process: Process, turn: int) -> None:
        if process.turn == turn:
            del box.processes[process.job]
            self.finished(box, process)

    def _halt(self, process: Process) -> None:
        if not process.stopped:
            process.left -= self.world.now - process.since
            process.since, process.stopped = self.world.now, True
            process.turn += 1

    def _go(self, box: Box, process: Process) -> None:
        if process.stopped:
            process.lost += self.world.now - process.since
            process.since, process.stopped = self.world.now, False
            self._schedule(box, process)

    def signal(self, box: Box, jobs: list[Held], stop: bool, report: Callable[[str], None]) -> None:
        """What an agent does to its jobs: it takes a moment."""

        def act() -> None:
            for held in jobs:
                process = box.processes.get(held.id)
                if process:
                    if stop:
                        self._halt(process)
                    else:
                        self._go(box, process)
            report("")

        self.world.later(0.005, act)

    # The truth

    def wrong(self, machine: Machine) -> Iterator[str]:
        """What must never be so on the real machine, whatever is under way."""
        running = [box for box in self.boxes.values() if box.running]
        if self.policy.mode == CPUS:
            cpus = sum(p.cpus for box in running for p in box.processes.values() if not p.stopped)
            if cpus > self.policy.cpus:
                yield f"{cpus} CPUs of jobs really run on {self.policy.cpus}"
        elif len(running) > 1:
            yield f"{', '.join(box.name for box in running)} really run jobs at once"
        if self.policy.memory and self._used() > self.policy.memory:
            yield f"{self._used()} MiB are really used of {self.policy.memory}"
