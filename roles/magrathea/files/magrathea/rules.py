# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transition table: for each event, from which words it is allowed, and what it does.

Each rule takes the machine, the VM, the event and the time, and returns the machine after it, or refuses.
What follows from it (who may be resumed, what is now free) is not its concern, see core.py.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from typing import NamedTuple

from .books import NOTHING, held, is_firm, keep, memory_of
from .events import ALL, Event, Outcome, Refused
from .model import (
    BOOTING,
    CLUSTER,
    DOWN,
    DOWN_BOOTABLE,
    FREE,
    FROZEN,
    IDLE_WORDS,
    INNER,
    KINDS,
    NAME,
    PREEMPTED,
    PREEMPTIBLE,
    RUNNING,
    RUNNING_CLUSTER,
    RUNNING_WORDS,
    SHUTTING_DOWN,
    STOPPING,
    UP,
    Ended,
    Job,
    Machine,
    Reservation,
    Vm,
    booting,
)
from .victims import preempt
from .words import claim, may_boot

UP_WORDS = IDLE_WORDS | RUNNING_WORDS | {PREEMPTED}
DOWN_WORDS = frozenset({DOWN, DOWN_BOOTABLE})
ANY_WORD = UP_WORDS | DOWN_WORDS | {BOOTING, FROZEN, SHUTTING_DOWN}
# An occupied VM too: the thing that occupies the machine may be the promise that is asked to be kept.
ACCEPTING = IDLE_WORDS | RUNNING_WORDS

Apply = Callable[[Machine, Vm, Event, float], Outcome]


class Rule(NamedTuple):
    apply: Apply
    words: frozenset[str] = ANY_WORD
    # Whether it is allowed while a VM boots: always, for that VM alone, or not.
    while_booting: str = "yes"


def _ended(vm: Vm, jobs: tuple[Job, ...], now: float, why: str) -> tuple[Ended, ...]:
    """The last words on jobs that leave the books. A stop that is still under way counts as well."""
    stopped = now - vm.since if vm.preempted else 0.0
    iced = now - vm.since if vm.life == FROZEN else 0.0
    return tuple(
        Ended(vm.name, job.id, job.cpus, job.started, now, job.lost + stopped, job.frozen + iced, why) for job in jobs
    )


def _without_jobs(vm: Vm) -> Vm:
    return vm._replace(jobs=(), preempted=False, shield=0.0)


def _drop_promises(machine: Machine, name: str) -> Machine:
    return machine._replace(reservations=tuple(r for r in machine.reservations if r.vm != name))


def _gone(machine: Machine, vm: Vm, now: float, why: str, life: str, **fields: t.Any) -> Outcome:
    """A VM leaves with all its jobs and promises. Of a frozen one the CPUs kept for it go too (D9)."""
    runs = life == STOPPING and vm.life == UP and bool(vm.jobs) and not vm.preempted
    fields.update(
        leaving=memory_of(vm) if life == STOPPING else 0,
        busy=held(machine, vm).cpus if runs else 0,
        lent=runs and not is_firm(vm, (*vm.jobs, *machine.reserved(vm.name))),
    )
    after = _without_jobs(vm)._replace(life=life, since=now, rebooting=False, **fields)
    return Outcome(_drop_promises(machine.with_vm(after), vm.name), ended=_ended(vm, vm.jobs, now, why))


def check_id(what: str, value: str) -> None:
    if not NAME.match(value):
        raise Refused(f"{what} {value[:80]!r}: not a name; use letters, digits and . _ @ : [ ] + -, no dash first")


# Definitions


def define(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    fields: dict[str, t.Any] = dict(event.fields)
    # Where there is nothing yet, the table hands over an empty VM.
    new = vm.name not in machine.vms
    known = {"uuid", "priority", "bootable", "memory", "floor", "kept", "label"}
    if unknown := set(fields) - known:
        raise Refused(f"{vm.name}: no such field: {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
    after = vm._replace(**fields)
    if new:
        after = after._replace(changed=now, absent=False)
    holds = vm.jobs or machine.reserved(vm.name) or vm.life in (FROZEN, BOOTING)
    if holds and (after.priority, after.memory, after.floor, after.kept) != (
        vm.priority,
        vm.memory,
        vm.floor,
        vm.kept,
    ):
        raise Refused(f"{vm.name}: is {vm.word}; its class and memory change only while it holds nothing")
    if not 0 <= after.floor <= after.memory or not 0 <= after.kept <= after.memory:
        raise Refused(
            f"{vm.name}: memory {after.memory}, floor {after.floor}, kept {after.kept}; "
            "floor and kept are at most memory"
        )
    if machine.policy.memory and after.floor <= 0:
        raise Refused(f"{vm.name}: no memory floor given, and memory is counted on {machine.name}; set floor")
    if after.uuid and any(other.uuid == after.uuid for other in machine.vms.values() if other.name != vm.name):
        raise Refused(f"{vm.name}: uuid {after.uuid} is another VM's")
    result = machine.with_vm(after)
    if not keep(result).sound and keep(machine).sound:
        raise Refused(f"{vm.name}: {machine.policy.memory} MiB do not suffice for its floor beside the others")
    return Outcome(result)


def remove(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    vms = {name: other for name, other in machine.vms.items() if name != vm.name}
    return Outcome(_drop_promises(machine._replace(vms=vms), vm.name))


# Up and down


def boot(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    """A machine-wide pause until the VM registers. It carries a promise, so what it preempted for stays free (D37)."""
    after = vm._replace(life=BOOTING, since=now, boots=vm.boots + 1, absent=False)
    machine = machine.with_vm(after)
    if event.reservation:
        machine = _promise(machine, after, event, now, machine.policy.boot_timeout + machine.policy.reservation)
    return Outcome(_make_room(machine, now))


def _make_room(machine: Machine, now: float) -> Machine:
    """Preempt for a boot: by the books where memory is counted, else everybody, for nobody knows what it takes."""
    books = keep(machine)
    if not books.claims_fit:
        raise Refused("the machine cannot take the boot: what it needs is held by others that cannot be preempted")
    need = books.firm.plus(books.soft).minus(books.total).positive()
    if not machine.policy.memory:
        need = books.soft
    return preempt(machine, need, now, shields=False)


def reboot(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    if vm.jobs and not event.force:
        raise Refused(f"{vm.name}: holds {len(vm.jobs)} jobs, which a reboot would lose; set force to lose them")
    if not may_boot(machine.with_vm(_without_jobs(vm))):
        raise Refused(f"{vm.name}: another VM is running or on its way up or down")
    gone = _gone(machine, vm, now, "reboot", BOOTING)
    after = gone.machine.vms[vm.name]._replace(rebooting=True, session="")
    return gone._replace(machine=_make_room(gone.machine.with_vm(after), now))


def register(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    """The agent says who it is and what it runs: of jobs that it does not know any more, nobody else does either."""
    if vm.life == STOPPING:
        raise Refused(f"{vm.name}: is shutting down")
    ended: tuple[Ended, ...] = ()
    seq = vm.seq if vm.session == event.session else 0
    if vm.session.partition("/")[0] != event.session.partition("/")[0] and vm.life != FROZEN and vm.jobs:
        # Another boot of the VM: what ran in the last one is gone, whether or not anybody saw it go.
        ended = _ended(vm, vm.jobs, now, "vanished")
        vm = _without_jobs(vm)
    if vm.life in (BOOTING, DOWN):
        vm = vm._replace(life=UP, since=now, rebooting=False, boots=0)
    vm = vm._replace(session=event.session, seq=seq, absent=False)
    machine = machine.with_vm(vm)
    if not keep(machine).sound:
        need = keep(machine)
        machine = preempt(machine, need.firm.plus(need.soft).minus(need.total).positive(), now, shields=False)
        if not keep(machine).sound:
            raise Refused(f"{vm.name}: came up, but the machine's memory does not suffice for it; shut it down")
    text = f"{vm.name} is frozen in the books; defrost it" if vm.life == FROZEN else ""
    outcome = _reconcile(machine, vm, event, now)
    return outcome._replace(ended=ended + outcome.ended, text=text)


def sync(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    return _reconcile(machine, vm, event, now)


def _reconcile(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    if event.jobs is None:
        return Outcome(machine)
    known = {*event.jobs, *event.pending}
    lost = tuple(job for job in vm.jobs if job.id not in known)
    have = {job.id for job in vm.jobs}
    unknown = tuple(job for job in event.jobs if job not in have)
    if lost:
        machine = machine.with_vm(_keeping(vm, tuple(job for job in vm.jobs if job.id in known)))
    return Outcome(machine, ended=_ended(vm, lost, now, "reconciled"), unknown=unknown)


def _keeping(vm: Vm, jobs: tuple[Job, ...]) -> Vm:
    return vm._replace(jobs=jobs) if jobs else _without_jobs(vm)


def unregister(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    """An orderly shutdown, told by the VM itself. The VMM has to confirm it before the VM counts as absent (D29)."""
    if vm.life == DOWN:
        return Outcome(machine, text=f"{vm.name} is down already")
    if vm.jobs:
        raise Refused(f"{vm.name}: still holds {len(vm.jobs)} jobs; end them first")
    return _gone(machine, vm, now, "unregister", STOPPING, session="")


def down(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    if vm.life in (DOWN, STOPPING):
        return Outcome(machine, text=f"{vm.name} is {vm.word} already")
    if vm.life == FROZEN and not event.force:
        raise Refused(f"{vm.name}: is frozen; defrost it, or discard it with its {len(vm.jobs)} jobs")
    if vm.jobs and not event.force:
        raise Refused(f"{vm.name}: holds {len(vm.jobs)} jobs; wait for them, or set force to lose them")
    return _gone(machine, vm, now, "down", STOPPING, session="")


def seen(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    """The VMM says whether a VM exists; a frozen one does as long as its image is whole, as the driver knows (D18)."""
    if event.present or vm.life == BOOTING:
        # Half-way through a reboot a VM is gone, and before a boot has begun it is not there yet.
        return Outcome(machine if vm.absent != event.present else machine.with_vm(vm._replace(absent=False)))
    if vm.life == DOWN:
        return Outcome(machine if vm.absent else machine.with_vm(vm._replace(absent=True)))
    why = "down" if vm.life == STOPPING else "vanished"
    return _gone(machine, vm, now, why, DOWN, session="", absent=True)


# Jobs


def start(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    for job in vm.jobs:
        if job.id == event.job:
            if event.request and job.request == event.request:
                return Outcome(machine, text=f"{event.job} runs in {vm.name} already")
            raise Refused(f"{vm.name}: already holds a job {event.job}")
    check_id("job", event.job)
    promise = _take_promise(machine, event)
    if promise:
        machine = machine._replace(reservations=tuple(r for r in machine.reservations if r is not promise))
    kind, cpus = _asked(machine, vm, event)
    if promise and (cpus > promise.cpus or (kind, promise.kind).count(PREEMPTIBLE) == 1):
        raise Refused(f"{vm.name}: {promise.id} promises {promise.cpus} CPUs {promise.kind}, not {cpus} CPUs {kind}")
    books = keep(machine)
    asked = claim(machine, books, vm, kind, cpus, promised=promise is not None)
    if asked.why:
        raise Refused(f"{vm.name}: no room for {cpus} CPUs {kind}: {asked.why}")
    if asked.need != NOTHING:
        machine = preempt(machine, asked.need, now, shields=promise is None)
        vm = machine.vms[vm.name]
    # The shields were not looked at if there was a promise.
    late = promise is not None and asked.need != NOTHING
    job = Job(event.job, kind, cpus, now, event.request, 0.0, 0.0, event.label)
    machine = machine.with_vm(vm._replace(jobs=(*vm.jobs, job)))
    return Outcome(_fitting(machine, vm) if late else machine)


def _fitting(machine: Machine, vm: Vm) -> Machine:
    """What a VM on its way down still holds cannot be taken from it; that passes by itself."""
    if not keep(machine).sound:
        raise Refused(f"{vm.name}: what it needs is still held by a VM that is shutting down; try again soon")
    return machine


def _asked(machine: Machine, vm: Vm, event: Event) -> tuple[str, int]:
    """The class and CPUs that a request comes to in this VM."""
    policy = machine.policy
    cpus = policy.cpus if event.cpus == ALL else event.cpus
    if not 1 <= cpus <= policy.cpus:
        raise Refused(f"{vm.name}: {event.cpus} CPUs asked for; give 1 to {policy.cpus}, or all")
    kind = event.job_kind
    if kind not in KINDS:
        raise Refused(f"{vm.name}: no such class of job: {kind[:40]!r}")
    if vm.word == RUNNING_CLUSTER:
        label = next(job.label for job in vm.jobs if job.kind == CLUSTER)
        if kind == CLUSTER or not event.label or event.label != label:
            raise Refused(f"{vm.name}: runs the cluster {label or '(no name)'} and takes only jobs of that cluster")
        return INNER, cpus
    if kind == INNER:
        raise Refused(f"{vm.name}: runs no cluster")
    if kind == CLUSTER and vm.jobs:
        raise Refused(f"{vm.name}: holds jobs; a cluster starts in a VM without any")
    if vm.priority and kind == PREEMPTIBLE:
        kind = "normal"
    return kind, cpus


def _take_promise(machine: Machine, event: Event) -> Reservation | None:
    if not event.reservation:
        return None
    for reservation in machine.reservations:
        if reservation.id == event.reservation:
            if reservation.vm != event.vm:
                raise Refused(f"{event.vm}: reservation {event.reservation} is for {reservation.vm}")
            return reservation
    raise Refused(f"{event.vm}: no reservation {event.reservation[:80]}; it expired, or gave way to a priority VM")


def stop(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    gone = tuple(job for job in vm.jobs if job.id == event.job)
    if not gone:
        return Outcome(machine, text=f"{vm.name} holds no job {event.job[:80]}")
    if gone[0].kind == CLUSTER:  # whatever runs inside goes with it
        gone = vm.jobs
    left = tuple(job for job in vm.jobs if job not in gone)
    return Outcome(machine.with_vm(_keeping(vm, left)), ended=_ended(vm, gone, now, "stop"))


def stop_all(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    if not vm.jobs:
        return Outcome(machine, text=f"{vm.name} holds no jobs")
    return Outcome(machine.with_vm(_without_jobs(vm)), ended=_ended(vm, vm.jobs, now, "stop"))


def reserve(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    check_id("reservation", event.reservation)
    if any(reservation.id == event.reservation for reservation in machine.reservations):
        return Outcome(machine, text=f"{event.reservation} is reserved already")
    kind, cpus = _asked(machine, vm, event)
    if kind == INNER:
        raise Refused(f"{vm.name}: inside a cluster nothing is reserved")
    asked = claim(machine, keep(machine), vm, kind, cpus)
    if asked.why:
        raise Refused(f"{vm.name}: no room for {cpus} CPUs {kind}: {asked.why}")
    return Outcome(_promise(machine, vm, event, now, machine.policy.reservation))


def _promise(machine: Machine, vm: Vm, event: Event, now: float, seconds: float) -> Machine:
    check_id("reservation", event.reservation)
    if any(reservation.id == event.reservation for reservation in machine.reservations):
        raise Refused(f"{vm.name}: reservation {event.reservation} exists already")
    kind, cpus = _asked(machine, vm, event)
    promise = Reservation(event.reservation, vm.name, kind, cpus, now + seconds)
    return machine._replace(reservations=(*machine.reservations, promise))


def release(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    left = tuple(r for r in machine.reservations if r.id != event.reservation)
    if len(left) == len(machine.reservations):
        return Outcome(machine, text=f"no reservation {event.reservation[:80]}")
    return Outcome(machine._replace(reservations=left))


# Frozen services


def freeze(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    if not vm.priority:
        raise Refused(f"{vm.name}: is no priority VM; only those are frozen")
    after = machine.with_vm(vm._replace(life=FROZEN, since=now))
    if not keep(after).claims_fit:
        raise Refused(f"{vm.name}: what it needs to come back could not be kept for it")
    return Outcome(after)


def defrost(machine: Machine, vm: Vm, event: Event, now: float) -> Outcome:
    if vm.life != FROZEN:
        return Outcome(machine, text=f"{vm.name} is not frozen")
    away = now - vm.since
    jobs = tuple(job._replace(frozen=job.frozen + away) for job in vm.jobs)
    machine = machine.with_vm(vm._replace(life=UP, since=now, jobs=jobs))
    books = keep(machine)
    need = books.firm.plus(books.soft).minus(books.total).positive()
    return Outcome(_fitting(preempt(machine, need, now, shields=False), vm))


RULES: dict[str, Rule] = {
    "define": Rule(define),
    "remove": Rule(remove, DOWN_WORDS),
    "boot": Rule(boot, frozenset({DOWN_BOOTABLE}), "no"),
    "reboot": Rule(reboot, UP_WORDS, "no"),
    "register": Rule(register),
    "unregister": Rule(unregister),
    "sync": Rule(sync),
    "down": Rule(down, while_booting="own"),
    "seen": Rule(seen),
    "start": Rule(start, ACCEPTING, "no"),
    "stop": Rule(stop),
    "stop-all": Rule(stop_all),
    "reserve": Rule(reserve, ACCEPTING, "no"),
    "release": Rule(release),
    "freeze": Rule(freeze, frozenset({RUNNING}), "no"),
    "defrost": Rule(defrost, while_booting="no"),
}

# Why a word refuses an event, where the word alone does not say it.
WHY = {
    PREEMPTED: "it was preempted and waits for the machine",
    FROZEN: "it is frozen; defrost it first",
    BOOTING: "it is booting",
    SHUTTING_DOWN: "it is shutting down",
    DOWN: "it is down, and may not boot now",
    DOWN_BOOTABLE: "it is down; boot it first",
    FREE: "it holds no job",
    RUNNING: "it holds jobs",
}


def refuse_word(event: Event, vm: Vm) -> Refused:
    return Refused(f"{vm.name}: {event.kind} is refused, for {WHY.get(vm.word, f'it is {vm.word}')}")


def guard_boot(machine: Machine, event: Event, rule: Rule) -> None:
    if rule.while_booting == "yes":
        return
    other = booting(machine)
    if other and not (rule.while_booting == "own" and other.name == event.vm):
        raise Refused(f"{event.vm}: {event.kind} is refused while {other.name} boots")
