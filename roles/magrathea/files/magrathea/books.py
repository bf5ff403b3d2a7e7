# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The books of a machine: CPUs and memory, recomputed from jobs and states at every event.

Two constraints hold in each resource, and all rules follow from them (T total):

    O + U <= T    what runs fits
    O + R <= T    what is frozen or promised to a priority VM fits beside all that cannot be preempted

O is held by what cannot be preempted, U by what can, R is kept for frozen VMs and promised to priority VMs.
What of R is lent to preemptible jobs is min(U, R), always: nothing here depends on how it came about.

In whole mode the first resource is the machine itself: there is one of it, and a VM with jobs has it.
Memory counts above the floor that every running VM keeps: a VM with jobs holds what it has above its floor.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .model import BOOTING, CPUS, DOWN, FROZEN, INNER, PREEMPTIBLE, STOPPING, Job, Machine, Policy, Reservation, Vm

# Of memory that is not counted there is always enough.
PLENTY = 1 << 60


class Amount(NamedTuple):
    """So much of each resource: CPUs (in whole mode, machines) and MiB."""

    cpus: int
    memory: int

    def plus(self, other: Amount) -> Amount:
        return Amount(self.cpus + other.cpus, self.memory + other.memory)

    def minus(self, other: Amount) -> Amount:
        return Amount(self.cpus - other.cpus, self.memory - other.memory)

    def within(self, other: Amount) -> bool:
        return self.cpus <= other.cpus and self.memory <= other.memory

    def positive(self) -> Amount:
        return Amount(max(self.cpus, 0), max(self.memory, 0))


NOTHING = Amount(0, 0)


class Books(NamedTuple):
    total: Amount
    # Held by jobs that cannot be preempted, and by VMs on their way up or down.
    firm: Amount
    # Held by VMs that can be preempted, and of that, by those that are shielded for a while.
    soft: Amount
    shielded: Amount
    # Kept for frozen VMs and promised to priority VMs.
    kept: Amount
    # Whether a preempted VM waits: what is idle is then its, and no other normal VM's.
    waiting: bool

    @property
    def sound(self) -> bool:
        return self.firm.plus(self.soft).within(self.total) and self.claims_fit

    @property
    def claims_fit(self) -> bool:
        return self.firm.plus(self.kept).within(self.total)

    @property
    def idle(self) -> Amount:
        """F + Q: what nobody runs on, lent or not."""
        return self.total.minus(self.firm).minus(self.soft)


def is_firm(vm: Vm, jobs: Iterable[Job | Reservation]) -> bool:
    """Whether a VM with these jobs cannot be preempted. One firm job shields its VM."""
    return vm.priority or any(job.kind != PREEMPTIBLE for job in jobs)


def demand(policy: Policy, vm: Vm, jobs: Iterable[Job | Reservation]) -> Amount:
    """What a VM with these jobs holds."""
    cpus = 0
    some = False
    for job in jobs:
        some = True
        if job.kind != INNER:
            cpus += job.cpus
    if not some:
        return NOTHING
    return Amount(cpus if policy.mode == CPUS else 1, vm.memory - vm.floor)


def held(machine: Machine, vm: Vm) -> Amount:
    return demand(machine.policy, vm, vm.jobs)


def keep(machine: Machine) -> Books:
    """The books of a machine. It is only ever computed whole, so no count can drift."""
    policy = machine.policy
    counted = policy.mode == CPUS
    base = firm_c = firm_m = soft_c = soft_m = shield_c = shield_m = kept_c = kept_m = 0
    waiting = False
    for vm in machine.vms.values():
        life = vm.life
        if life == DOWN:
            continue
        extra = vm.memory - vm.floor
        jobs = vm.jobs
        if life == FROZEN:
            base += vm.kept
            kept_m += vm.memory - vm.kept
            kept_c += demand(policy, vm, jobs).cpus
            continue
        if life == STOPPING and vm.lent:  # soft to the end, but nothing can be taken from it any more
            base += vm.floor
            soft_c += vm.busy
            soft_m += vm.leaving - vm.floor
            shield_c += vm.busy
            shield_m += vm.leaving - vm.floor
            continue
        if life == STOPPING:
            base += vm.leaving
            firm_c += vm.busy
            continue
        base += vm.floor
        if life == BOOTING:
            firm_m += extra
        if vm.preempted:
            waiting = True
            continue
        promised = machine.reserved(vm.name) if machine.reservations else ()
        if not jobs and not promised:
            continue
        if vm.priority:
            had = demand(policy, vm, jobs)
            firm_c += had.cpus
            firm_m += had.memory if life != BOOTING else 0
            both = demand(policy, vm, (*jobs, *promised)) if promised else had
            kept_c += both.cpus - had.cpus
            kept_m += both.memory - had.memory if life != BOOTING else 0
            continue
        all_jobs: tuple[Job | Reservation, ...] = (*jobs, *promised) if promised else jobs
        has = demand(policy, vm, all_jobs)
        if life == BOOTING:
            firm_c += has.cpus
        elif is_firm(vm, all_jobs):
            firm_c += has.cpus
            firm_m += has.memory
        else:
            soft_c += has.cpus
            soft_m += has.memory
            if vm.shield:
                shield_c += has.cpus
                shield_m += has.memory
    total = Amount(policy.cpus if counted else 1, policy.memory - base if policy.memory else PLENTY)
    return Books(
        total,
        Amount(firm_c, firm_m),
        Amount(soft_c, soft_m),
        Amount(shield_c, shield_m),
        Amount(kept_c, kept_m),
        waiting,
    )


def memory_of(vm: Vm) -> int:
    """MiB that a VM has, by the books."""
    if vm.life == DOWN:
        return 0
    if vm.life == FROZEN:
        return vm.kept
    if vm.life == STOPPING:
        return vm.leaving
    return vm.memory if vm.life == BOOTING or (vm.jobs and not vm.preempted) else vm.floor
