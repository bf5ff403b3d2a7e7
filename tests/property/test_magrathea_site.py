# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemons on simulated machines: messages lost, repeated and late, daemons killed between any two writes.

Every invariant is checked at every event, and what the simulated machine truly does beside it: whose processes run,
and who has which memory. At the end misfortune ceases, and books and machine must agree (I16).
"""

from __future__ import annotations

import pytest
from magrathea.sim.site import Plan, run, totals


@pytest.mark.parametrize("mode", ["whole", "cpus"])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.06])
def test_books_and_machines_agree_whatever_happens(mode: str, rate: float) -> None:
    results, _history = run(Plan(machines=12, events=2500, seed=7, mode=mode, faults=rate))
    assert [result.wrong for result in results if result.wrong] == []
    counts = totals(results)
    assert counts["finished"] > 100
    if rate:
        assert min(counts["masters killed"], counts["agents killed"], counts["VMs vanished"]) > 5


def test_the_same_seed_is_the_same_history() -> None:
    plan = Plan(machines=6, events=1500, seed=1, faults=0.02)
    assert run(plan) == run(plan)
    assert run(plan)[1] != run(plan._replace(seed=2))[1]
    assert run(plan, processes=2) == run(plan)
