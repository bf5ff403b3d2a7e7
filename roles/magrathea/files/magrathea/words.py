# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may start where, and the word that is published for it.

One test (`claim`) answers both "may this job start here" and "what shall we say that may start here", so that
the two cannot disagree.
"""

from __future__ import annotations

from typing import NamedTuple

from .books import NOTHING, Amount, Books, demand, is_firm
from .model import (
    BOOTING,
    CLUSTER,
    CPUS,
    DOWN,
    DOWN_BOOTABLE,
    FREE,
    FROZEN,
    INNER,
    NORMAL,
    OCCUPIED,
    PREEMPTED,
    PREEMPTIBLE,
    RUNNING,
    RUNNING_CLUSTER,
    RUNNING_PREEMPTIBLE,
    SHUTTING_DOWN,
    STOPPING,
    UP,
    WOULD_PREEMPT,
    Job,
    Machine,
    Reservation,
    Vm,
    booting,
)


class Claim(NamedTuple):
    """Whether so much more fits into a VM, what must be taken from others for it, and else why not."""

    need: Amount = NOTHING
    why: str = ""


def claim(machine: Machine, books: Books, vm: Vm, kind: str, cpus: int, *, promised: bool = False) -> Claim:
    """Try a further job. `promised`: a reservation was held for it, which neither shields nor waiting VMs hinder."""
    new = Job("", kind, cpus, 0.0)
    if kind == INNER:
        return Claim()
    return (_claim_priority if vm.priority else _claim)(machine, books, vm, new, promised)


def _claim_priority(machine: Machine, books: Books, vm: Vm, new: Job, promised: bool) -> Claim:
    policy = machine.policy
    before, after = demand(policy, vm, vm.jobs), demand(policy, vm, (*vm.jobs, new))
    firm = books.firm.plus(after).minus(before)
    kept = books.kept
    others = machine.reserved(vm.name)
    if others:  # what is promised to this VM already may be the very thing that is asked for
        kept = kept.minus(demand(policy, vm, (*vm.jobs, *others)).minus(before))
        kept = kept.plus(demand(policy, vm, (*vm.jobs, new, *others)).minus(after))
    if not firm.plus(kept).within(books.total):
        return Claim(why=_short(firm.plus(kept), books.total, "is held by others that cannot be preempted"))
    if not promised and not firm.plus(books.shielded).within(books.total):
        return Claim(why="the VMs that would have to give way were preempted too long already")
    return Claim(firm.plus(books.soft).minus(books.total).positive())


def _claim(machine: Machine, books: Books, vm: Vm, new: Job, promised: bool) -> Claim:
    policy = machine.policy
    had: tuple[Job | Reservation, ...] = (*vm.jobs, *machine.reserved(vm.name))
    before, after = demand(policy, vm, had), demand(policy, vm, (*had, new))
    more = after.minus(before)
    firm, soft = books.firm, books.soft
    will_be_firm = is_firm(vm, (*had, new))
    if not will_be_firm:
        soft = soft.plus(more)
    elif had and not is_firm(vm, had):
        firm, soft = firm.plus(after), soft.minus(before)
    else:
        firm = firm.plus(more)
    if not firm.plus(soft).within(books.total):
        return Claim(why=_short(firm.plus(soft), books.total, "is in use"))
    if not firm.plus(books.kept).within(books.total):
        return Claim(why=_short(firm.plus(books.kept), books.total, "is kept for frozen and priority VMs"))
    if books.waiting and not promised and not (policy.lend_idle and not will_be_firm):
        lent = NOTHING if will_be_firm else books.kept.minus(books.soft).positive()
        if not more.within(lent):
            return Claim(why="what is idle waits for a preempted VM")
    return Claim()


def _short(wanted: Amount, total: Amount, why: str) -> str:
    if wanted.cpus > total.cpus:
        return f"{wanted.cpus - total.cpus} too few of {total.cpus} (CPUs, or the machine as a whole): the rest {why}"
    return f"{wanted.memory - total.memory} MiB too few of {total.memory} MiB: the rest {why}"


def room(machine: Machine, books: Books, vm: Vm, kind: str) -> int:
    """The most CPUs that a job of this kind may ask for here now; 0 if none may start."""
    if claim(machine, books, vm, kind, 1).why:
        return 0
    if machine.policy.mode != CPUS:
        return machine.policy.cpus
    total, firm, soft, kept = books.total.cpus, books.firm.cpus, books.soft.cpus, books.kept.cpus
    if vm.priority:
        return total - firm - max(kept, books.shielded.cpus)
    had: tuple[Job | Reservation, ...] = (*vm.jobs, *machine.reserved(vm.name))
    will_be_firm = kind != PREEMPTIBLE or is_firm(vm, had)
    if books.waiting and not (machine.policy.lend_idle and not will_be_firm):
        return max(kept - soft, 0)
    if not will_be_firm:
        return total - firm - soft
    turned = 0 if is_firm(vm, had) else demand(machine.policy, vm, had).cpus
    return min(total - firm - soft, total - firm - kept - turned)


class Accepts(NamedTuple):
    """CPUs by class of job, 0 where none may start."""

    normal: int = 0
    preemptible: int = 0
    # In a priority VM: with, and without preempting others.
    priority: int = 0
    at_once: int = 0
    # The cluster whose jobs run inside, and whether the VM may be booted.
    cluster: str = ""
    boot: bool = False


def accepts(machine: Machine, books: Books, vm: Vm) -> Accepts:
    """What may start in a VM now (reference 6.1, D7, D8)."""
    if vm.word == DOWN_BOOTABLE:
        return Accepts(boot=True)
    if vm.life != UP or vm.preempted or booting(machine):
        return Accepts()
    if vm.word == RUNNING_CLUSTER:
        return Accepts(cluster=next(job.label for job in vm.jobs if job.kind == CLUSTER))
    return _accepts_jobs(machine, books, vm)


def _accepts_jobs(machine: Machine, books: Books, vm: Vm) -> Accepts:
    if vm.priority:
        most = room(machine, books, vm, NORMAL)
        return Accepts(priority=most, at_once=min(most, _at_once(machine, books, vm)))
    return Accepts(room(machine, books, vm, NORMAL), room(machine, books, vm, PREEMPTIBLE))


def _at_once(machine: Machine, books: Books, vm: Vm) -> int:
    if claim(machine, books, vm, NORMAL, 1).need != NOTHING:
        return 0
    return books.idle.cpus if machine.policy.mode == CPUS else machine.policy.cpus


def derive(machine: Machine, books: Books, now: float) -> Machine:
    """Say of every VM what it is. A word that stays keeps its time (D3)."""
    vms = machine.vms
    boots: bool | None = None
    idle: dict[tuple[bool, int], str] = {}
    changed: dict[str, Vm] = {}
    for vm in vms.values():
        life = vm.life
        if life == DOWN:
            if boots is None:
                boots = may_boot(machine)
            tries = machine.policy.boot_tries
            word = DOWN_BOOTABLE if boots and vm.bootable and vm.absent and vm.boots < tries else DOWN
        elif life == UP:
            if vm.preempted:
                word = PREEMPTED
            elif vm.jobs:
                word = _running(vm)
            else:
                key = (vm.priority, vm.memory - vm.floor)
                word = idle.get(key, "")
                if not word or machine.reservations:
                    word = idle[key] = _idle(machine, books, vm)
        else:
            word = _OTHERS[life]
        if word != vm.word:
            changed[vm.name] = vm._replace(word=word, changed=now)
    return machine._replace(vms={**vms, **changed}) if changed else machine


_OTHERS = {BOOTING: BOOTING, FROZEN: FROZEN, STOPPING: SHUTTING_DOWN}


def _running(vm: Vm) -> str:
    for job in vm.jobs:
        if job.kind == CLUSTER:
            return RUNNING_CLUSTER
    return RUNNING if is_firm(vm, vm.jobs) else RUNNING_PREEMPTIBLE


def _idle(machine: Machine, books: Books, vm: Vm) -> str:
    may = _accepts_jobs(machine, books, vm)
    if may.normal or may.preemptible or may.at_once:
        return FREE
    return WOULD_PREEMPT if may.priority else OCCUPIED


def may_boot(machine: Machine) -> bool:
    """One test for booting and for saying that one may boot (D6)."""
    for vm in machine.vms.values():
        if vm.life in (BOOTING, STOPPING):
            return False
        if vm.life == UP and vm.jobs and not vm.preempted and is_firm(vm, vm.jobs):
            return False
    return True


def lost(machine: Machine, vm: Vm, now: float) -> tuple[float, float]:
    """Seconds, and seconds times CPUs, that a VM's present jobs were stopped for others."""
    seconds = processor = 0.0
    running = now - vm.since if vm.preempted else 0.0
    for job in vm.jobs:
        seconds += job.lost + running
        processor += (job.lost + running) * max(job.cpus, 1)
    return seconds, processor
