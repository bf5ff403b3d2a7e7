# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated site: many machines, each with its own clock and luck, so that they may run side by side."""

from __future__ import annotations

import hashlib
import random
import typing as t
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from ..model import CPUS, WHOLE, Policy
from .hardware import Box, Faults
from .node import Node, Wrong

# The last part of a history is quiet, so that one sees whether it comes to rest; in seconds of its clock.
QUIET = 900.0


class Plan(t.NamedTuple):
    """What to simulate."""

    machines: int = 140
    events: int = 10_000
    seed: int = 0
    mode: str = "both"
    faults: float = 0.01


class Result(t.NamedTuple):
    machine: str
    events: int
    wrong: str
    digest: str
    counts: dict[str, int]


def make(plan: Plan, number: int) -> Node:
    rng = random.Random(f"{plan.seed} {number}")
    mode = plan.mode if plan.mode in (WHOLE, CPUS) else (WHOLE, CPUS)[number % 2]
    boxes = []
    for place in range(rng.randint(2, 4)):
        priority = place % 2 == 1
        boxes.append(Box(f"{'p' if priority else 'n'}{place}", priority, rng.choice([2048, 4096]), 256))
    memory = rng.choice([0, sum(box.floor for box in boxes) + 2 * 4096])
    policy = Policy(mode, 8, memory, boot_timeout=60.0, stop_timeout=30.0, boot_tries=100)
    name = f"machine{number}"
    return Node(name, policy, boxes, f"{plan.seed} {number} life", Faults.all(plan.faults) if plan.faults else Faults())


def one(plan: Plan, number: int) -> Result:
    """The history of one machine, with every invariant checked at every event."""
    node = make(plan, number)
    world = node.world
    wrong = ""
    try:
        world.later(0.0, node.feed)
        world.later(0.0, node.govern)
        while world.events < plan.events and world.one():
            pass
        node.calm()
        until = world.now + QUIET
        last = ""
        while world.now < until and world.one():
            pass
        # Jobs still come and go: it must be at rest now and then, not at any instant.
        for _turn in range(2000):
            last = node.settled()
            if not last or not world.one():
                break
        wrong = last and f"{node.name}: never comes to rest: {last}"
    except Wrong as error:
        wrong = str(error)
    return Result(node.name, world.events, wrong, node.digest(), dict(node.counts))


def run(plan: Plan, processes: int = 1) -> tuple[list[Result], str]:
    """All machines, and one word for the whole history: the same seed, the same word."""
    work = partial(one, plan)
    if processes > 1:
        with ProcessPoolExecutor(processes) as pool:
            results = list(pool.map(work, range(plan.machines), chunksize=4))
    else:
        results = [work(number) for number in range(plan.machines)]
    whole = hashlib.sha256("".join(result.digest for result in results).encode()).hexdigest()
    return results, whole


def totals(results: list[Result]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.counts)
        counts["events"] += result.events
    return dict(sorted(counts.items()))
