# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long steps take: learned from those that were done, told before those that come."""

from __future__ import annotations

from collections.abc import Iterable

from .plan import CREATE, MEMORY_STEPS, RESTORE, SAVE, Step, stage

# Seconds, until something is learned; per GiB where the size counts.
_FIRST = {SAVE: 10.0, RESTORE: 10.0, CREATE: 5.0}
_SIZED = MEMORY_STEPS | {SAVE, RESTORE}
# So much a new time counts against all earlier ones.
_WEIGHT = 0.3


class Times:
    def __init__(self, learned: dict[str, float]) -> None:
        self._learned = dict(learned)

    def learn(self, step: Step, seconds: float) -> tuple[str, float]:
        key = _key(step)
        value = seconds / _units(step)
        old = self._learned.get(key)
        self._learned[key] = value if old is None else old + _WEIGHT * (value - old)
        return key, self._learned[key]

    def predict(self, steps: Iterable[Step]) -> float:
        """Steps of one stage run at once, stages one after another."""
        stages: dict[int, float] = {}
        for step in steps:
            stages[stage(step)] = max(stages.get(stage(step), 0.0), self._one(step))
        return sum(stages.values())

    def _one(self, step: Step) -> float:
        first = _FIRST.get(step.kind, 2.0 if step.kind in MEMORY_STEPS else 0.1)
        # A VM that never did this is taken for one like the others.
        return self._learned.get(_key(step), self._learned.get(step.kind, first)) * _units(step)


def _key(step: Step) -> str:
    return f"{step.kind} {step.vm}"


def _units(step: Step) -> float:
    """GiB that move, never less than a little: also a small move takes its time."""
    return max(step.size / 1024, 0.1) if step.kind in _SIZED else 1.0
