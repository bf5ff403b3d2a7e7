# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine is made of: immutable values, cheap to copy, that everything else reads.

Named tuples and not data classes: a machine is copied at every event, and a simulated site has millions of them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Life of a VM, as the VMM sees it.
DOWN, BOOTING, UP, FROZEN, STOPPING = "down", "booting", "up", "frozen", "stopping"

# Classes of job. An inner job runs inside a virtual cluster, on what the cluster's own job claimed.
NORMAL, PREEMPTIBLE, CLUSTER, INNER = "normal", "preemptible", "cluster", "inner"
KINDS = (NORMAL, PREEMPTIBLE, CLUSTER, INNER)

# Words that are published for a VM, see words.py.
DOWN_BOOTABLE = "down-bootable"
SHUTTING_DOWN = "shutting-down"
FREE = "free"
OCCUPIED = "occupied"
WOULD_PREEMPT = "occupied-would-preempt"
RUNNING = "running"
RUNNING_PREEMPTIBLE = "running-preemptible"
RUNNING_CLUSTER = "running-cluster"
PREEMPTED = "preempted"

IDLE_WORDS = frozenset({FREE, OCCUPIED, WOULD_PREEMPT})
RUNNING_WORDS = frozenset({RUNNING, RUNNING_PREEMPTIBLE, RUNNING_CLUSTER})

# Names and ids go into command lines (without a shell) and files: letters, digits and a little more,
# and never a dash first, which a program would take for an option.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:\[\]+-]{0,254}\Z")

WHOLE, CPUS = "whole", "cpus"


class Policy(NamedTuple):
    """What the site decides about a machine."""

    mode: str = WHOLE
    # CPUs that jobs may have in all; in whole mode only a bound on what one job may ask for.
    cpus: int = 1
    # MiB for all VMs together; 0 means that memory is not counted.
    memory: int = 0
    reservation: float = 60.0
    boot_timeout: float = 300.0
    boot_tries: int = 3
    stop_timeout: float = 120.0
    # A VM that waited longer than this is, once resumed, no victim of a start for `min_run` seconds. 0: never.
    starved: float = 0.0
    min_run: float = 600.0
    # Whether preemptible jobs may take idle CPUs for which a preempted VM waits.
    lend_idle: bool = False


class Job(NamedTuple):
    id: str
    kind: str
    cpus: int
    started: float
    # The request that started it: the same request again is the same start, another is a duplicate.
    request: str = ""
    # Seconds that it was stopped for others, and that its VM was frozen.
    lost: float = 0.0
    frozen: float = 0.0
    # A virtual cluster's name: of its own job and of those inside.
    label: str = ""


class Reservation(NamedTuple):
    """A promise to start a job: counted from now on, gone when it is used or expires."""

    id: str
    vm: str
    kind: str
    cpus: int
    expires: float


class Vm(NamedTuple):
    name: str
    uuid: str = ""
    priority: bool = False
    bootable: bool = False
    # MiB with jobs, MiB without, and MiB kept while frozen (none where the image goes to disk).
    memory: int = 0
    floor: int = 0
    kept: int = 0
    label: str = ""
    life: str = DOWN
    preempted: bool = False
    jobs: tuple[Job, ...] = ()
    # When it was preempted, frozen, began to boot or to stop.
    since: float = 0.0
    rebooting: bool = False
    # MiB and CPUs that it has until it is gone, while it stops: its processes run until then.
    leaving: int = 0
    busy: int = 0
    # Whether that had been preemptible, and so may lie on what is kept for others.
    lent: bool = False
    boots: int = 0
    # The VMM said that it does not exist.
    absent: bool = True
    shield: float = 0.0
    # Who speaks for it: the boot of the VM and the outbox of its agent, and the last message that counted.
    session: str = ""
    seq: int = 0
    # Derived, see words.py, and when it last changed.
    word: str = DOWN
    changed: float = 0.0


class Ended(NamedTuple):
    """A job that left the books: what the accounting wants to know of it."""

    vm: str
    id: str
    cpus: int
    started: float
    ended: float
    lost: float
    frozen: float
    why: str


class Machine(NamedTuple):
    name: str
    policy: Policy = Policy()
    # In order of creation, which settles ties.
    vms: dict[str, Vm] = {}
    reservations: tuple[Reservation, ...] = ()
    # Why the machine is not as its books say, if it is not.
    fault: str = ""

    def with_vm(self, vm: Vm) -> Machine:
        return self._replace(vms={**self.vms, vm.name: vm})

    def reserved(self, name: str) -> tuple[Reservation, ...]:
        if not self.reservations:
            return ()
        return tuple(reservation for reservation in self.reservations if reservation.vm == name)


def booting(machine: Machine) -> Vm | None:
    """The VM that boots, during which nothing may begin on the machine."""
    for vm in machine.vms.values():
        if vm.life == BOOTING:
            return vm
    return None
