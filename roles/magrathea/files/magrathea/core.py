# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One event, one new machine: `step` is all that the daemons know of the core. No clock, no input, no output."""

from __future__ import annotations

from .books import keep
from .events import Event, Outcome, Refused
from .model import BOOTING, STOPPING, Machine, Vm
from .rules import RULES, check_id, down, guard_boot, refuse_word
from .victims import resumable, resume
from .words import derive


def step(machine: Machine, event: Event, now: float) -> Outcome:
    """The primary effect of an event, with all words derived anew. The machine is unchanged if it is refused."""
    try:
        return _settled(machine, _apply(machine, event, now), now)
    except Refused as refusal:
        # The number of a refused message counts nevertheless: said again, it must not succeed later.
        return Outcome(_numbered(machine, event), refused=True, text=str(refusal))


def _apply(machine: Machine, event: Event, now: float) -> Outcome:
    rule = RULES.get(event.kind)
    if rule is None:
        raise Refused(f"no such request: {event.kind[:40]!r}")
    vm = machine.vms.get(event.vm)
    if event.kind == "release":
        vm = vm or Vm("")
    elif vm is None:
        check_id("VM", event.vm)
        if event.kind != "define":
            raise Refused(f"{event.vm}: no such VM on {machine.name}; define it first")
        vm = Vm(event.vm)
    elif event.session and event.kind != "register":
        if event.session != vm.session:
            raise Refused(f"{vm.name}: unregistered; register first")
        if event.seq <= vm.seq:
            return _again(machine, vm, event)
        machine = _numbered(machine, event)
        vm = machine.vms[vm.name]
    guard_boot(machine, event, rule)
    if vm.word not in rule.words:
        raise refuse_word(event, vm)
    return rule.apply(machine, vm, event, now)


def _again(machine: Machine, vm: Vm, event: Event) -> Outcome:
    """A message that counted already: say again what came of it, as the books know it."""
    if event.kind == "start" and not any(job.id == event.job and job.request == event.request for job in vm.jobs):
        raise Refused(f"{vm.name}: the start of {event.job[:80]} was refused, or the job has ended since")
    return Outcome(machine, text="said again")


def _numbered(machine: Machine, event: Event) -> Machine:
    vm = machine.vms.get(event.vm)
    if vm is None or not event.seq or event.session != vm.session or event.seq <= vm.seq:
        return machine
    return machine.with_vm(vm._replace(seq=event.seq))


def _settled(machine: Machine, outcome: Outcome, now: float) -> Outcome:
    after = outcome.machine
    if after is machine:
        return outcome
    return outcome._replace(machine=derive(after, keep(after), now))


def resume_one(machine: Machine, now: float) -> Machine | None:
    """The machine with one more preempted VM resumed, or None where none fits."""
    if not any(vm.preempted for vm in machine.vms.values()):
        return None
    vm = resumable(machine, keep(machine), now)
    if vm is None:
        return None
    after = resume(machine, vm, now)
    return derive(after, keep(after), now)


def settle(machine: Machine, now: float) -> Machine:
    """Resume all that can be resumed: what follows every event."""
    while (after := resume_one(machine, now)) is not None:
        machine = after
    return machine


def tick(machine: Machine, now: float) -> Outcome:
    """What the clock alone brings about: promises and shields expire, boots time out (D2, D14, D32)."""
    reservations = tuple(r for r in machine.reservations if r.expires > now)
    after = machine
    if len(reservations) != len(machine.reservations):
        after = machine._replace(reservations=reservations)
    for vm in after.vms.values():
        if vm.shield and vm.shield <= now:
            after = after.with_vm(vm._replace(shield=0.0))
    text = ""
    ended = Outcome(after)
    for vm in after.vms.values():
        if vm.life == BOOTING and now - vm.since >= machine.policy.boot_timeout:
            ended = down(after, vm, Event("down", vm.name, force=True), now)
            text = f"{vm.name} did not register within {machine.policy.boot_timeout:g} s of its boot"
    return _settled(machine, ended._replace(text=text), now)


def deadline(machine: Machine) -> float | None:
    """When `tick` has something to do next."""
    times = [reservation.expires for reservation in machine.reservations]
    for vm in machine.vms.values():
        if vm.shield:
            times.append(vm.shield)
        if vm.life == BOOTING:
            times.append(vm.since + machine.policy.boot_timeout)
        elif vm.life == STOPPING:
            times.append(vm.since + machine.policy.stop_timeout)
    return min(times, default=None)
