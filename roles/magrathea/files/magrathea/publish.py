# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published of a VM: for people and schedulers, on the wire and as one line of text (reference 3.3).

Nothing here is remembered: it follows from the books, the boot that is under way, and the time.
"""

from __future__ import annotations

import typing as t

from .books import Books, keep
from .model import (
    CPUS,
    FREE,
    INNER,
    PREEMPTED,
    RUNNING,
    WOULD_PREEMPT,
    Machine,
    Vm,
    booting,
)
from .words import Accepts, accepts, lost

OCCUPIED_BOOTING = "occupied-booting"
RUNNING_PRIORITY = "running-priority"

Record = dict[str, t.Any]


def word(vm: Vm, boots: Vm | None) -> str:
    """The word that is shown. A boot hides only what could else be taken for room (D30)."""
    if boots and vm.word in (FREE, WOULD_PREEMPT):
        return OCCUPIED_BOOTING
    return RUNNING_PRIORITY if vm.priority and vm.word == RUNNING else vm.word


def record(machine: Machine, books: Books, boots: Vm | None, vm: Vm, now: float, wall: float) -> Record:
    """A VM as a consumer sees it. `changed` is wall time, for people."""
    may = accepts(machine, books, vm)
    seconds, processor = lost(machine, vm, now)
    return {
        "vm": vm.name,
        "state": word(vm, boots),
        "class": "priority" if vm.priority else "normal",
        "cpus": sum(job.cpus for job in vm.jobs if job.kind != INNER),
        "accept": _words(may),
        "available": {
            "normal": may.normal,
            "preemptible": may.preemptible,
            "priority": may.priority,
            "at-once": may.at_once,
        },
        "jobs": [job.id for job in vm.jobs],
        "lost": round(seconds, 3),
        "lost-cpu": round(processor, 3),
        "cluster": may.cluster or vm.label,
        "locked": [reservation.id for reservation in machine.reserved(vm.name)],
        "boot": boots.name if boots else "",
        "changed": round(vm.changed - now + wall, 3),
    }


def _words(may: Accepts) -> list[str]:
    """What the batch system may send here, in its own words (`mag_accept`)."""
    words = [kind for kind in ("normal", "preemptible", "priority") if getattr(may, kind)]
    if may.cluster:
        words.append(f"cluster:{may.cluster}")
    if may.boot:
        words.append("boot")
    return words


def records(machine: Machine, now: float, wall: float) -> dict[str, Record]:
    books, boots = keep(machine), booting(machine)
    return {name: record(machine, books, boots, vm, now, wall) for name, vm in machine.vms.items()}


def summary(machine: Machine) -> Record:
    """The machine itself: its books in the reference's letters."""
    books = keep(machine)
    counted = machine.policy.mode == CPUS
    return {
        "machine": machine.name,
        "mode": machine.policy.mode,
        "cpus": machine.policy.cpus,
        "memory": machine.policy.memory,
        "books": {
            "T": books.total.cpus,
            "O": books.firm.cpus,
            "U": books.soft.cpus,
            "R": books.kept.cpus,
            "lent": min(books.soft.cpus, books.kept.cpus),
            "waiting": sum(1 for vm in machine.vms.values() if vm.word == PREEMPTED),
        },
        "counted": counted,
        "fault": machine.fault,
    }


class Line(t.NamedTuple):
    """The status as one word without blanks: what `mag_state` holds, and the original's readers know."""

    state: str
    allocated: int
    normal: int
    preemptible: int
    priority: int
    lost: int
    lost_cpu: int
    changed: int
    boot: str = ""
    defrost: str = ""


def line_of(shown: Record, defrost: str = "") -> Line:
    available = shown["available"]
    return Line(
        shown["state"],
        shown["cpus"],
        available["normal"],
        available["preemptible"],
        available["priority"],
        int(shown["lost"]),
        int(shown["lost-cpu"]),
        int(shown["changed"]),
        shown["boot"],
        defrost if shown["state"] == "frozen" else "",
    )


def format_line(line: Line) -> str:
    text = f"{line.state}:{line.allocated}:{line.normal},{line.preemptible},{line.priority}"
    text += f";lost={line.lost},{line.lost_cpu};changed={line.changed}"
    if line.boot:
        text += f";boot={line.boot}"
    return text + (f";defrost={line.defrost}" if line.defrost else "")


def parse_line(text: str) -> Line:
    head, *rest = text.split(";")
    state, allocated, available = head.split(":")
    normal, preemptible, priority = (int(number) for number in available.split(","))
    named = dict(part.split("=", 1) for part in rest)
    seconds, processor = (int(number) for number in named["lost"].split(","))
    return Line(
        state,
        int(allocated),
        normal,
        preemptible,
        priority,
        seconds,
        processor,
        int(named["changed"]),
        named.get("boot", ""),
        named.get("defrost", ""),
    )
