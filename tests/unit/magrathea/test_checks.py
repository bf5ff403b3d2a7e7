# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The invariants themselves: what the tests and the simulator rely on must see each fault that there can be."""

from __future__ import annotations

import pytest
from magrathea.books import keep
from magrathea.checks import faults
from magrathea.model import (
    BOOTING,
    CPUS,
    DOWN,
    FROZEN,
    NORMAL,
    PREEMPTIBLE,
    RUNNING,
    UP,
    WHOLE,
    Job,
    Machine,
    Policy,
    Reservation,
    Vm,
)
from magrathea.words import derive

NOW = 1000.0


def job(name: str, kind: str = NORMAL, cpus: int = 1) -> Job:
    return Job(name, kind, cpus, NOW)


def machine(*vms: Vm, policy: Policy | None = None, reservations: tuple[Reservation, ...] = ()) -> Machine:
    made = Machine("m", policy or Policy(WHOLE, 8), {vm.name: vm for vm in vms}, reservations)
    return derive(made, keep(made), NOW)


def up(name: str, *jobs: Job, **fields: object) -> Vm:
    return Vm(name, life=UP, absent=False, jobs=jobs)._replace(**fields)  # type: ignore[arg-type]


MEMORY = {"memory": 512, "floor": 64}
COUNTED = Policy(WHOLE, 8, memory=600)


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        pytest.param(machine(up("a", job("1")), up("b", job("2"))), "I1: 2 VMs own the machine: a, b", id="two owners"),
        pytest.param(
            machine(up("a", job("1", cpus=5)), up("b", job("2", cpus=5)), policy=Policy(CPUS, 8)),
            "I2: 10 CPUs of jobs run on 8",
            id="more CPUs than there are",
        ),
        pytest.param(machine(up("a", job("1")), up("b", job("2"))), "I3: O + U > T", id="what runs does not fit"),
        pytest.param(
            machine(up("a", job("1", cpus=-1)), policy=Policy(CPUS, 8)), "I3: O is", id="less than nothing is held"
        ),
        pytest.param(
            machine(Vm("p", priority=True, life=FROZEN, jobs=(job("1"),)), up("a", job("2"))),
            "I3, I5: O + R > T",
            id="what is frozen could not come back",
        ),
        pytest.param(
            machine(up("a", job("1"), **MEMORY), up("b", **{**MEMORY, "floor": 128}), policy=COUNTED),
            "memory: 640 MiB are promised of 600",
            id="more memory than there is",
        ),
        pytest.param(
            machine(up("p", job("1"), priority=True, preempted=True)),
            "I6: p is preempted",
            id="a preempted priority VM",
        ),
        pytest.param(machine(up("a", preempted=True)), "with 0 jobs", id="preempted without jobs"),
        pytest.param(
            machine(up("a", job("1"), job("2", PREEMPTIBLE), preempted=True)),
            "I6: a is preempted with a job that must not be",
            id="preempted with a firm job",
        ),
        pytest.param(machine(Vm("a", life=FROZEN)), "I6: a is frozen and no priority VM", id="frozen, of no priority"),
        pytest.param(
            machine(Vm("a", life=BOOTING, jobs=(job("1"),))), "a: holds jobs and is booting", id="jobs in a boot"
        ),
        pytest.param(machine(up("a", job("1"), job("1"))), "I16: a holds a job twice", id="a job twice"),
        pytest.param(
            machine(up("p", job("1", PREEMPTIBLE), priority=True)),
            "p: a priority VM holds a preemptible job",
            id="a preemptible job with priority",
        ),
        pytest.param(
            machine(up("a"), reservations=(Reservation("r", "gone", NORMAL, 1, NOW + 60),)),
            "reservation r is for a VM that is not there",
            id="a promise to nobody",
        ),
        pytest.param(
            machine(up("a"))._replace(vms={"a": up("a", word=RUNNING)}), "I11: deriving the words", id="a wrong word"
        ),
        pytest.param(
            machine(up("a", job("1", PREEMPTIBLE), preempted=True)), "I15: a preempted VM could be resumed", id="idle"
        ),
        pytest.param(
            machine(Vm("a", bootable=True))._replace(vms={"a": Vm("a", bootable=True, word=DOWN)}),
            "I18: a is down",
            id="one that may boot and is not said to",
        ),
    ],
)
def test_each_fault_is_seen(broken: Machine, fault: str) -> None:
    assert any(found.startswith(fault) or fault in found for found in faults(broken, NOW)), list(faults(broken, NOW))


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(machine(up("a", job("1")), up("b")), id="one owner"),
        pytest.param(
            machine(up("a", job("1", cpus=4)), up("b", job("2", cpus=4)), policy=Policy(CPUS, 8)), id="CPUs to the last"
        ),
        pytest.param(machine(up("a", job("1"), **MEMORY), up("b", **MEMORY), policy=COUNTED), id="memory counted"),
        pytest.param(
            machine(up("p", job("1"), priority=True), up("a", job("2", PREEMPTIBLE), preempted=True)), id="handed over"
        ),
        pytest.param(machine(Vm("a", bootable=True)), id="bootable"),
    ],
)
def test_what_is_sound_has_none(sound: Machine) -> None:
    assert list(faults(sound, NOW)) == []
