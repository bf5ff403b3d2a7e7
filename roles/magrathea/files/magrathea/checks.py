# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The invariants of a machine's books (reference 8.1), for the tests and for every simulated history."""

from __future__ import annotations

from collections.abc import Iterator

from .books import Books, keep, memory_of
from .core import resume_one
from .model import (
    BOOTING,
    CLUSTER,
    CPUS,
    DOWN,
    DOWN_BOOTABLE,
    FROZEN,
    INNER,
    NORMAL,
    PREEMPTIBLE,
    RUNNING,
    RUNNING_CLUSTER,
    RUNNING_WORDS,
    STOPPING,
    UP,
    Machine,
    Vm,
    booting,
)
from .words import derive


def faults(machine: Machine, now: float) -> Iterator[str]:
    """What is wrong with a machine after an event and its tail; nothing, one hopes."""
    books = keep(machine)
    yield from _one_owner(machine)
    yield from _counts(machine, books)
    yield from _vms(machine)
    if derive(machine, books, now) is not machine:
        yield "I11: deriving the words again changes them"
    if not booting(machine) and resume_one(machine, now) is not None:
        yield "I15: a preempted VM could be resumed"
    yield from _bootable(machine)


def _running(machine: Machine) -> list[Vm]:
    return [vm for vm in machine.vms.values() if vm.word in RUNNING_WORDS]


def _cpus(vm: Vm) -> int:
    return sum(job.cpus for job in vm.jobs if job.kind != INNER)


def _one_owner(machine: Machine) -> Iterator[str]:
    running = _running(machine)
    if machine.policy.mode != CPUS and len(running) > 1:
        yield f"I1: {len(running)} VMs own the machine: {', '.join(vm.name for vm in running)}"
    total = sum(_cpus(vm) for vm in running)
    if machine.policy.mode == CPUS and total > machine.policy.cpus:
        yield f"I2: {total} CPUs of jobs run on {machine.policy.cpus}"


def _counts(machine: Machine, books: Books) -> Iterator[str]:
    for name, amount in (("O", books.firm), ("U", books.soft), ("R", books.kept)):
        if min(amount) < 0:
            yield f"I3: {name} is {amount}"
    if not books.firm.plus(books.soft).within(books.total):
        yield f"I3: O + U > T: {books}"
    if not books.claims_fit:
        yield f"I3, I5: O + R > T, so not all that is frozen could come back: {books}"
    if machine.policy.memory:
        used = sum(memory_of(vm) for vm in machine.vms.values())
        if used > machine.policy.memory:
            yield f"memory: {used} MiB are promised of {machine.policy.memory}"


def _vms(machine: Machine) -> Iterator[str]:
    for vm in machine.vms.values():
        if vm.preempted and (vm.priority or vm.life != UP or not vm.jobs):
            yield f"I6: {vm.name} is preempted and {vm.life}, priority {vm.priority}, with {len(vm.jobs)} jobs"
        if vm.preempted and any(job.kind != PREEMPTIBLE for job in vm.jobs):
            yield f"I6: {vm.name} is preempted with a job that must not be"
        if vm.life == FROZEN and not vm.priority:
            yield f"I6: {vm.name} is frozen and no priority VM"
        if vm.jobs and vm.life not in (UP, FROZEN):
            yield f"{vm.name}: holds jobs and is {vm.life}"
        if len({job.id for job in vm.jobs}) != len(vm.jobs):
            yield f"I16: {vm.name} holds a job twice"
        if vm.priority and any(job.kind not in (NORMAL, CLUSTER, INNER) for job in vm.jobs):
            yield f"{vm.name}: a priority VM holds a preemptible job"
    for reservation in machine.reservations:
        if reservation.vm not in machine.vms:
            yield f"reservation {reservation.id} is for a VM that is not there"


def _bootable(machine: Machine) -> Iterator[str]:
    blocked = any(
        vm.word in (RUNNING, RUNNING_CLUSTER) or vm.life in (BOOTING, STOPPING) for vm in machine.vms.values()
    )
    for vm in machine.vms.values():
        may = vm.bootable and vm.life == DOWN and vm.absent and vm.boots < machine.policy.boot_tries and not blocked
        if may != (vm.word == DOWN_BOOTABLE):
            yield f"I18: {vm.name} is {vm.word}"
