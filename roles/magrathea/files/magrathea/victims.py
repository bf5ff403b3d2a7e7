# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gives way, and who comes back: the choice of victims and of the VM to resume (reference 3.5)."""

from __future__ import annotations

from .books import NOTHING, Amount, Books, held, keep
from .model import PREEMPTIBLE, RUNNING_PREEMPTIBLE, UP, Machine, Vm, booting


def preempt(machine: Machine, need: Amount, now: float, *, shields: bool) -> Machine:
    """Take what is needed from VMs that can be preempted.

    Promises of preemptible jobs go first, for nobody runs on them yet. Then the smallest VM that suffices, else
    the largest; ties by order of creation. A VM that turns out not to be needed is spared.
    """
    victims: list[Vm] = []
    machine, need = _break_promises(machine, need)
    candidates = [vm for vm in machine.vms.values() if _may_give_way(machine, vm) and not (shields and vm.shield)]
    left = need
    while left != NOTHING and candidates:
        vm = _choose(machine, candidates, left)
        candidates.remove(vm)
        victims.append(vm)
        left = left.minus(held(machine, vm)).positive()
    for vm in list(victims):
        others = [held(machine, other) for other in victims if other is not vm]
        if need.within(Amount(sum(each.cpus for each in others), sum(each.memory for each in others))):
            victims.remove(vm)
    for vm in victims:
        machine = machine.with_vm(vm._replace(preempted=True, since=now))
    return machine


def _break_promises(machine: Machine, need: Amount) -> tuple[Machine, Amount]:
    if need == NOTHING or not machine.reservations:
        return machine, need
    before = keep(machine).soft
    kept = []
    for reservation in machine.reservations:
        vm = machine.vms[reservation.vm]
        soft = reservation.kind == PREEMPTIBLE and not vm.priority and vm.life == UP
        freed = before.minus(keep(machine).soft)
        if soft and not need.within(freed):
            machine = machine._replace(reservations=tuple(r for r in machine.reservations if r is not reservation))
        else:
            kept.append(reservation)
    return machine, need.minus(before.minus(keep(machine).soft)).positive()


def _may_give_way(machine: Machine, vm: Vm) -> bool:
    if vm.word != RUNNING_PREEMPTIBLE or vm.preempted or vm.life != UP:
        return False
    # What is promised to a firm job makes the whole VM firm.
    return all(reservation.kind == PREEMPTIBLE for reservation in machine.reserved(vm.name))


def _choose(machine: Machine, candidates: list[Vm], need: Amount) -> Vm:
    enough = [vm for vm in candidates if need.within(held(machine, vm))]
    if enough:
        return min(enough, key=lambda vm: held(machine, vm))
    # Most of what is wanted most: CPUs as long as they are short, then memory.
    if need.cpus:
        return max(candidates, key=lambda vm: held(machine, vm).cpus)
    return max(candidates, key=lambda vm: held(machine, vm).memory)


def resumable(machine: Machine, books: Books, now: float) -> Vm | None:
    """The VM that comes back next, if one fits: whoever has starved, then the largest, then the longest preempted."""
    if not books.waiting or booting(machine):
        return None
    starved = machine.policy.starved
    best: tuple[tuple[bool, int, int, float], Vm] | None = None
    for vm in machine.vms.values():
        if not vm.preempted:
            continue
        size = held(machine, vm)
        if not books.firm.plus(books.soft).plus(size).within(books.total):
            continue
        aged = bool(starved) and now - vm.since >= starved
        rank = (aged, size.cpus, size.memory, -vm.since)
        if best is None or rank > best[0]:
            best = (rank, vm)
    return best[1] if best else None


def resume(machine: Machine, vm: Vm, now: float) -> Machine:
    policy = machine.policy
    away = now - vm.since
    shield = now + policy.min_run if policy.starved and away >= policy.starved else 0.0
    jobs = tuple(job._replace(lost=job.lost + away) for job in vm.jobs)
    return machine.with_vm(vm._replace(preempted=False, jobs=jobs, since=now, shield=shield))
