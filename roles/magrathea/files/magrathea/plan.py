# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be done to a machine so that it is as its books say: a plan of steps, from what it was last made to be.

A plan is made from the actual state alone, never from what led there. So the same function plans a switch, its
rollback (a plan towards the books as they were) and the recovery after a crash. Each step may be done twice.
"""

from __future__ import annotations

from typing import NamedTuple

from .books import memory_of
from .model import BOOTING, CPUS, DOWN, FROZEN, INNER, STOPPING, UP, Machine, Vm

# In the order of a switch: take from the one, then give to the other. Steps of a stage run at once.
STOP_JOBS, TAKE_CPU, TAKE_MEMORY, SAVE, SHUTDOWN = "stop-jobs", "take-cpu", "take-memory", "save", "shutdown"
RESTORE, CREATE, REBOOT = "restore", "create", "reboot"
GIVE_MEMORY, GIVE_CPU, START_JOBS = "give-memory", "give-cpu", "start-jobs"
STAGES = (
    (STOP_JOBS,),
    (TAKE_CPU,),
    (TAKE_MEMORY,),
    (SAVE, SHUTDOWN),
    (RESTORE, CREATE, REBOOT),
    (GIVE_MEMORY,),
    (GIVE_CPU,),
    (START_JOBS,),
)
# What an agent does; the rest is the VMM's.
AGENT_STEPS = frozenset({STOP_JOBS, START_JOBS})
CPU_STEPS = frozenset({TAKE_CPU, GIVE_CPU})
MEMORY_STEPS = frozenset({TAKE_MEMORY, GIVE_MEMORY})

UNKNOWN = -1


class Shares(NamedTuple):
    """Weights that running and waiting VMs get of the CPUs. A waiting one must still answer."""

    running: int = 1024
    waiting: int = 16


class Actual(NamedTuple):
    """What a VM was last made to be; UNKNOWN where nobody can say, as in the middle of a step."""

    weight: int = UNKNOWN
    cap: int = UNKNOWN
    memory: int = UNKNOWN
    # Whether its jobs are stopped: 0, 1 or UNKNOWN.
    stopped: int = UNKNOWN
    saved: int = 0
    # The boot and the stop (by their `since`) that the VMM was told of last.
    booted: float = -1.0
    ended: float = -1.0


class Step(NamedTuple):
    kind: str
    vm: str
    # MiB, or the weight, or which boot or stop.
    value: float = 0.0
    cap: int = 0
    # MiB that move.
    size: int = 0


def cap_of(machine: Machine, vm: Vm) -> int:
    """In percent of a CPU; 0 is no cap."""
    if machine.policy.mode != CPUS:
        return 0
    return 100 * sum(job.cpus for job in vm.jobs if job.kind != INNER)


def plan(
    machine: Machine,
    actual: dict[str, Actual],
    shares: Shares,
    *,
    reachable: set[str] | None = None,
    calm: Machine | None = None,
) -> list[Step]:
    """The steps, in order. `reachable`: leave out what needs an agent that is not there.

    `calm`: books that the machine is known to be in accord with; then only VMs that differ need be looked at.
    """
    steps: list[Step] = []
    known = calm.vms if calm else {}
    for vm in machine.vms.values():
        if vm.life != DOWN and known.get(vm.name) is not vm:
            steps.extend(_steps(machine, vm, actual.get(vm.name, Actual()), shares))
    if machine.policy.memory and steps:
        steps.extend(_reclaim(machine, actual, steps))
    if reachable is not None:
        steps = [step for step in steps if step.kind not in AGENT_STEPS or step.vm in reachable]
    steps.sort(key=lambda step: _STAGE[step.kind])
    return steps


_STAGE = {kind: number for number, kinds in enumerate(STAGES) for kind in kinds}


def stage(step: Step) -> int:
    return _STAGE[step.kind]


def _steps(machine: Machine, vm: Vm, now: Actual, shares: Shares) -> list[Step]:
    if vm.life == STOPPING:
        return [] if now.ended == vm.since else [Step(SHUTDOWN, vm.name, vm.since)]
    if vm.life == FROZEN:
        return [] if now.saved == 1 else [Step(SAVE, vm.name)]
    if vm.life == BOOTING:
        if now.booted == vm.since:
            return []
        return [Step(REBOOT if vm.rebooting else CREATE, vm.name, vm.since, size=vm.memory)]
    steps = []
    if now.saved:
        # Its memory and its running jobs are in the image, its share of the CPUs is not.
        steps.append(Step(RESTORE, vm.name, size=vm.memory))
        now = now._replace(weight=UNKNOWN, memory=vm.memory, stopped=0)
    return steps + _share(machine, vm, now, shares) + _jobs(vm, now)


def _share(machine: Machine, vm: Vm, now: Actual, shares: Shares) -> list[Step]:
    steps = []
    runs = bool(vm.jobs) and not vm.preempted
    weight, cap = (shares.running, cap_of(machine, vm)) if runs else (shares.waiting, 0)
    if (now.weight, now.cap) != (weight, cap):
        steps.append(Step(GIVE_CPU if runs else TAKE_CPU, vm.name, weight, cap))
    if vm.memory and runs and now.memory != vm.memory:
        have = vm.floor if now.memory == UNKNOWN else now.memory
        steps.append(Step(GIVE_MEMORY, vm.name, vm.memory, size=vm.memory - have))
    elif vm.memory and vm.preempted and now.memory != vm.floor:
        have = vm.memory if now.memory == UNKNOWN else now.memory
        steps.append(Step(TAKE_MEMORY, vm.name, vm.floor, size=have - vm.floor))
    return steps


def _jobs(vm: Vm, now: Actual) -> list[Step]:
    if vm.preempted:
        return [] if now.stopped == 1 else [Step(STOP_JOBS, vm.name)]
    # A VM without jobs has none stopped.
    return [Step(START_JOBS, vm.name)] if vm.jobs and now.stopped != 0 else []


def _reclaim(machine: Machine, actual: dict[str, Actual], steps: list[Step]) -> list[Step]:
    """An idle VM keeps its memory until somebody needs it; then the one with most to give comes first."""
    if not any(step.kind in (GIVE_MEMORY, RESTORE, CREATE) for step in steps):
        return []
    used = 0
    idle: list[tuple[int, str, int]] = []
    for vm in machine.vms.values():
        if vm.life != UP or vm.jobs:
            used += memory_of(vm)
            continue
        has = actual.get(vm.name, Actual()).memory
        has = vm.memory if has == UNKNOWN else has
        used += has
        if has > vm.floor:
            idle.append((has - vm.floor, vm.name, vm.floor))
    taken = []
    for size, name, floor in sorted(idle, key=lambda entry: -entry[0]):
        if used <= machine.policy.memory:
            break
        taken.append(Step(TAKE_MEMORY, name, floor, size=size))
        used -= size
    return taken


def begun(now: Actual, step: Step) -> Actual:
    """From here until it is done, nobody can say how this is."""
    if step.kind in CPU_STEPS:
        return now._replace(weight=UNKNOWN)
    if step.kind in MEMORY_STEPS:
        return now._replace(memory=UNKNOWN)
    if step.kind in AGENT_STEPS:
        return now._replace(stopped=UNKNOWN)
    if step.kind in (SAVE, RESTORE):
        return now._replace(saved=UNKNOWN)
    return now


def done(now: Actual, step: Step) -> Actual:
    if step.kind in CPU_STEPS:
        return now._replace(weight=int(step.value), cap=step.cap)
    if step.kind in MEMORY_STEPS:
        return now._replace(memory=int(step.value))
    if step.kind in AGENT_STEPS:
        return now._replace(stopped=int(step.kind == STOP_JOBS))
    if step.kind == SAVE:
        return now._replace(saved=1)
    if step.kind == RESTORE:
        return now._replace(saved=0, memory=step.size, weight=UNKNOWN, stopped=0)
    if step.kind in (CREATE, REBOOT):
        return Actual(memory=step.size or UNKNOWN, booted=step.value)
    return now._replace(ended=step.value)
