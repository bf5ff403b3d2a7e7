# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that bring a machine into accord with its books."""

from __future__ import annotations

import pytest
from magrathea.model import CPUS, UP, Job, Machine, Policy, Vm
from magrathea.plan import GIVE_CPU, GIVE_MEMORY, START_JOBS, TAKE_MEMORY, Actual, Shares, Step, plan

BUSY = Vm("a", memory=600, floor=100, life=UP, jobs=(Job("1", "normal", 2, 0.0),))
IDLE = Vm("b", memory=400, floor=100, life=UP)


@pytest.mark.parametrize(
    ("memory", "taken"),
    [
        pytest.param(1000, [], id="an idle VM keeps its memory as long as all fit, to the last MiB"),
        pytest.param(999, [Step(TAKE_MEMORY, "b", 100, size=300)], id="then it gives what it has above its floor"),
    ],
)
def test_memory_comes_from_the_idle_when_somebody_needs_it(memory: int, taken: list[Step]) -> None:
    machine = Machine("m", Policy(CPUS, 4, memory=memory), {"a": BUSY, "b": IDLE})
    now = {"a": Actual(16, 0, 100, 1), "b": Actual(16, 0, 400, 0)}
    given = [
        Step(GIVE_MEMORY, "a", 600, size=500),
        Step(GIVE_CPU, "a", 1024, 200),
        Step(START_JOBS, "a"),
    ]
    assert plan(machine, now, Shares()) == [*taken, *given]


def test_a_machine_in_accord_with_its_books_needs_no_step() -> None:
    machine = Machine("m", Policy(CPUS, 4, memory=1000), {"a": BUSY, "b": IDLE})
    assert plan(machine, {"a": Actual(1024, 200, 600, 0), "b": Actual(16, 0, 400, 0)}, Shares()) == []
