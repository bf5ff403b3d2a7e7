# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine of a simulated site: a master, its VMs with their agents, a batch system that feeds them, misfortune."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable

from ..agent import Agent
from ..checks import faults as wrong_books
from ..events import Event
from ..front import Front, Peer
from ..master import Answer, Limits, Master
from ..model import (
    CLUSTER,
    CPUS,
    DOWN_BOOTABLE,
    FREE,
    FROZEN,
    NORMAL,
    PREEMPTIBLE,
    RUNNING,
    RUNNING_PREEMPTIBLE,
    UP,
    WOULD_PREEMPT,
    Machine,
    Policy,
)
from ..outbox import Held
from ..plan import AGENT_STEPS, Step
from ..wire import AGENT, Message
from .hardware import Box, Faults, Hardware, Process
from .memory import Killed, MemoryStore
from .world import Link, World

LIMITS = Limits(switch=20.0, image=60.0, retry=5.0)
# What a job may be sent to, as the batch system reads it.
TAKING = frozenset({FREE, WOULD_PREEMPT, RUNNING, RUNNING_PREEMPTIBLE})


class Wrong(AssertionError):
    """The simulated machine is not as it must be."""


class Hands:
    """The master's hands here: agents by their connections, the rest by the simulated VMM."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def do(self, machine: Machine, step: Step, report: Callable[[str], None]) -> None:
        node, life = self._node, self._node.lives

        def heard(error: str) -> None:
            if node.lives == life:  # else whoever asked is dead
                node.enter(lambda: report(error))

        if step.kind in AGENT_STEPS:
            node.front.do(step, report)
        else:
            node.hardware.step(step, heard)

    def destroy(self, vm: str) -> None:
        node = self._node
        node.world.later(0.5, lambda: node.hardware.destroy(node.hardware.boxes[vm]))

    def reachable(self) -> set[str]:
        return self._node.front.reachable()


class Signals:
    """An agent's hold on its jobs."""

    def __init__(self, node: Node, box: Box) -> None:
        self._node, self._box = node, box

    def suspend(self, jobs: list[Held], report: Callable[[str], None]) -> None:
        self._node.hardware.signal(self._box, jobs, True, report)

    def resume(self, jobs: list[Held], report: Callable[[str], None]) -> None:
        self._node.hardware.signal(self._box, jobs, False, report)


class Node:
    def __init__(self, name: str, policy: Policy, boxes: list[Box], seed: str, faults: Faults) -> None:
        self.name, self.policy, self.faults = name, policy, faults
        self.world = World(seed)
        self.hardware = Hardware(self.world, policy, boxes, faults)
        self.hardware.came_up = self._came_up
        self.hardware.went_down = self._went_down
        self.hardware.finished = self._finished
        self.store = MemoryStore(policy)
        self.lives = 0
        self.master: Master | None = None
        self.front: Front
        self._woken: float | None = None
        self._told = 0.0
        self._seen: Machine | None = None
        self._jobs = 0
        self.counts: Counter[str] = Counter()
        self.calmed = False
        # Boxes whose last word the batch system has: what really runs, to be compared with the books.
        self.unstopped: dict[str, list[str]] = {box.name: [] for box in boxes}
        self._begin_master()
        for box in boxes:
            fields: tuple[tuple[str, str | int | bool], ...] = (
                ("priority", box.priority),
                ("memory", box.full),
                ("floor", box.floor),
                ("bootable", True),
            )
            self.submit(Event("define", box.name, fields=fields))
            box.exists, box.memory, box.booted = True, box.floor, 1
            self._came_up(box)
        self._poll()
        self._misfortune()

    # The master

    def _begin_master(self) -> None:
        self.lives += 1
        world = self.world
        self.front = Front(world.clock, world.clock, self.lives)
        self.store.fuse.left = 0
        self.master = Master(self.name, self.policy, self.store, Hands(self), world.clock, limits=LIMITS)
        self.front.master = self.master
        self._woken = None
        for box in self.hardware.boxes.values():
            if box.agent:
                self._connect(box)
        self.enter(self.master.wake)

    def enter(self, act: Callable[[], None]) -> None:
        """Let the master do something, and look what came of it."""
        master = self.master
        if master is None:
            return
        try:
            act()
            master.flush()
            # As the daemon does: what comes close together is told together.
            if self.world.now >= self._told + 1.0:
                self._told = self.world.now
                self.front.publish()
        except Killed:
            self._kill_master()
            return
        self._check(master)
        due = master.next_wake()
        if due is not None and (self._woken is None or due < self._woken):
            self._woken = due
            life = self.lives
            self.world.later(max(due - self.world.now, 0.0), lambda: self._wake(life))

    def _wake(self, life: int) -> None:
        if life == self.lives and self.master:
            self._woken = None
            self.enter(self.master.wake)

    def submit(self, event: Event, reply: Callable[[Answer], None] = lambda _answer: None) -> None:
        master = self.master
        if master:
            self.enter(lambda: master.submit(event, reply))

    def _kill_master(self) -> None:
        if self.master is None:
            return
        self.counts["masters killed"] += 1
        self.master = None
        self.lives += 1
        for box in self.hardware.boxes.values():
            if box.link:
                box.link.cut()
        self.world.later(1 + self.world.random.random() * 10, self._begin_master)

    def _check(self, master: Master) -> None:
        machine = master.machine
        for wrong in self.hardware.wrong(machine):
            raise Wrong(f"{self.name} at {self.world.now:.3f}: {wrong}: {machine}")
        if machine is self._seen or master.busy:
            return
        self._seen = machine
        for wrong in wrong_books(machine, self.world.now):
            if not wrong.startswith("I15"):  # who waits for an agent, or for another try, is resumed later
                raise Wrong(f"{self.name} at {self.world.now:.3f}: {wrong}: {machine}")

    # VMs and agents

    def _came_up(self, box: Box) -> None:
        self._begin_agent(box)

    def _begin_agent(self, box: Box) -> None:
        if box.exists and box.agent is None:
            box.outbox.fuse.left = 0
            box.agent = Agent(
                box.outbox, Signals(self, box), self.world.clock, f"b{box.booted}", patience=40.0, compare=30.0
            )
            self._connect(box)
            self._tend(box, box.agent)

    def _tend(self, box: Box, agent: Agent) -> None:
        """An agent's own clock."""

        def again() -> None:
            if box.agent is agent:
                if box.exists:
                    self._agent(box, agent.wake)
                    if agent.stuck and box.link:
                        box.link.cut()
                self._tend(box, agent)

        self.world.later(10.0, again)

    def _agent(self, box: Box, act: Callable[[], None]) -> None:
        try:
            act()
            if box.agent:
                box.agent.flush()
        except Killed:
            self._kill_agent(box)

    def _kill_agent(self, box: Box) -> None:
        if box.agent:
            self.counts["agents killed"] += 1
            box.agent = None
            if box.link:
                box.link.cut()
            booted = box.booted

            def again() -> None:
                if box.booted == booted and not box.exists and box.image:
                    self.world.later(5.0, again)  # frozen, and whoever restarts it too
                elif box.booted == booted:
                    self._begin_agent(box)
                    self._epilogues(box)

            self.world.later(1 + self.world.random.random() * 5, again)

    def _connect(self, box: Box) -> None:
        agent = box.agent
        if agent is None or not box.exists or (box.link and box.link.alive):
            return
        if self.master is None:
            self.world.later(3.0, lambda: self._connect(box))
            return
        link = box.link = Link(self.world, 0.01, self.faults.twice)
        peer = Peer(AGENT, box.name, lambda message: link.send(message, False), link.cut)
        front, life = self.front, self.lives

        def up(message: Message) -> None:
            if self.lives == life:
                self.enter(lambda: front.received(peer, message))

        def down(message: Message) -> None:
            if box.agent is agent and box.exists and box.link is link:
                self._agent(box, lambda: agent.received(message))

        def gone_above() -> None:
            if self.lives == life:
                self.enter(lambda: front.gone(peer))

        def gone_below() -> None:
            if box.agent is agent and box.link is link:
                agent.lost()
                self._connect(box)

        link.to_master, link.to_agent = up, down
        link.broken = [gone_above, gone_below]
        self._agent(box, lambda: agent.connected(lambda message: link.send(message, True)))

    def _went_down(self, box: Box) -> None:
        self.unstopped[box.name] = []

    # The VMM is asked now and then

    def _poll(self) -> None:
        master = self.master
        if master:
            for box in self.hardware.boxes.values():
                vm = master.machine.vms.get(box.name)
                if vm is None:
                    continue
                there = box.exists or (box.image and vm.life == FROZEN) or (vm.life == FROZEN and master.busy)
                if there == vm.absent or (not there and vm.life != "down"):
                    self.submit(Event("seen", box.name, present=there))
                if box.exists and vm.life == UP and box.link is not None and not box.link.alive:
                    self._connect(box)
        self.world.later(10.0, self._poll)

    # The batch system

    def feed(self) -> None:
        """Send the next job where there is room, as one sees it; sometimes where there is none."""
        rng, master = self.world.random, self.master
        self.world.later(rng.expovariate(1 / 20.0), self.feed)
        if master is None:
            return
        boxes = list(self.hardware.boxes.values())
        willing = [box for box in boxes if box.name in master.machine.vms and self._word(box) in TAKING]
        box = rng.choice(willing if willing and rng.random() < 0.9 else boxes)
        agent = box.agent
        if agent is None or not box.exists:
            return
        self._jobs += 1
        kind = rng.choice([NORMAL, PREEMPTIBLE, PREEMPTIBLE, PREEMPTIBLE, CLUSTER if rng.random() < 0.1 else NORMAL])
        cpus = rng.randint(1, max(1, self.policy.cpus // 2)) if self.policy.mode == CPUS else 1
        job = f"{self._jobs}.{self.name}"
        process = Process(job, kind, cpus, rng.expovariate(1 / 60.0), self.world.now)
        booted = box.booted

        def told(ok: bool, _text: str) -> None:
            self.counts["started" if ok else "refused"] += 1
            if ok and box.exists and box.booted == booted:
                process.since = self.world.now
                self.hardware.run(box, process)
                self._check_now()

        held = Held(job, "starting", kind, cpus, f"r{self._jobs}")
        self._agent(box, lambda: agent.start(held, told))

    def _word(self, box: Box) -> str:
        return self.master.machine.vms[box.name].word if self.master else ""

    def _check_now(self) -> None:
        if self.master:
            for wrong in self.hardware.wrong(self.master.machine):
                raise Wrong(f"{self.name} at {self.world.now:.3f}: {wrong}: {self.master.machine}")

    def _finished(self, box: Box, process: Process) -> None:
        self.counts["finished"] += 1
        self.unstopped[box.name].append(process.job)
        self._epilogues(box)

    def _epilogues(self, box: Box) -> None:
        """An epilogue is tried until an agent took it."""
        agent = box.agent
        if agent is None or not box.exists:
            return
        for job in list(self.unstopped[box.name]):

            def told(ok: bool, _text: str, job: str = job) -> None:
                if ok and job in self.unstopped[box.name]:
                    self.unstopped[box.name].remove(job)

            self._agent(box, lambda job=job, told=told: agent.stop(job, told))  # type: ignore[misc]
            if box.agent is not agent:
                return

    # The administrator, and fate

    def govern(self) -> None:
        """Freeze, defrost, boot and put down, at random."""
        rng, master = self.world.random, self.master
        self.world.later(rng.expovariate(1 / 60.0), self.govern)
        if master is None:
            return
        vm = master.machine.vms[rng.choice(list(master.machine.vms))]
        if vm.life == FROZEN:
            kind = "defrost"
        elif self.calmed:
            return
        elif vm.word == RUNNING and vm.priority and rng.random() < 0.5:
            kind = "freeze"
        elif vm.word == DOWN_BOOTABLE:
            kind = "boot"
        elif rng.random() < 0.2:
            kind = rng.choice(["down", "reboot"])
        else:
            return
        promise = f"boot{rng.randint(1, 99)}" if kind == "boot" and rng.random() < 0.5 else ""
        self.submit(Event(kind, vm.name, force=rng.random() < 0.3, reservation=promise, job_kind=NORMAL))

    def _misfortune(self) -> None:
        rng, faults = self.world.random, self.faults
        self.world.later(5.0, self._misfortune)
        if rng.random() < faults.kill_master:
            if rng.random() < 0.3:
                self._kill_master()
            else:  # between two writes, sometime soon
                self.store.fuse.left = rng.randint(1, 12)
        for box in self.hardware.boxes.values():
            if rng.random() < faults.kill_agent:
                if rng.random() < 0.3:
                    self._kill_agent(box)
                else:
                    box.outbox.fuse.left = rng.randint(1, 8)
            if box.link and rng.random() < faults.cut:
                self.counts["connections cut"] += 1
                box.link.cut()
            if box.exists and rng.random() < faults.vanish:
                self.counts["VMs vanished"] += 1
                self.hardware.destroy(box)

    # The end

    def calm(self) -> None:
        """No misfortune any more, and nobody is frozen any more."""
        self.calmed = True
        self.faults = Faults()
        self.hardware.faults = Faults()
        self.store.fuse.left = 0
        for box in self.hardware.boxes.values():
            box.outbox.fuse.left = 0

    def settled(self) -> str:
        """Why books and machine do not agree, once it has been quiet; nothing, one hopes (I16)."""
        master = self.master
        if master is None:
            return "there is no master"
        for box in self.hardware.boxes.values():
            vm = master.machine.vms[box.name]
            if {job.id for job in vm.jobs} != set(box.processes):
                return f"{box.name}: the books say {[job.id for job in vm.jobs]}, and {list(box.processes)} run"
            if vm.preempted and box.running or (vm.life == UP and not vm.preempted and vm.jobs and not box.running):
                return f"{box.name}: is {vm.word}, and its jobs {'run' if box.running else 'are stopped'}"
            if (vm.life == UP) != box.exists or (vm.life == FROZEN) != box.image:
                return f"{box.name}: is {vm.word}, exists {box.exists}, image {box.image}"
        for wrong in wrong_books(master.machine, self.world.now):
            return wrong
        return ""

    def digest(self) -> str:
        """The whole history in one word."""
        whole = hashlib.sha256()
        for entry in self.store.log:
            whole.update(repr(entry).encode())
        for ended in self.store.done:
            whole.update(repr(ended).encode())
        return whole.hexdigest()
