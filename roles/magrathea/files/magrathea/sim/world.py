# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time and the network of a simulated machine: one heap of things to come, and connections that may break."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

from ..wire import Message

Act = Callable[[], None]


class World:
    """A deterministic clock: the same seed, the same history."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.now = 1000.0
        self.events = 0
        self._heap: list[tuple[float, int, Act]] = []
        self._order = 0

    def clock(self) -> float:
        return self.now

    def later(self, seconds: float, act: Act) -> None:
        self._order += 1
        heapq.heappush(self._heap, (self.now + seconds, self._order, act))

    def one(self) -> bool:
        if not self._heap:
            return False
        self.now, _order, act = heapq.heappop(self._heap)
        self.events += 1
        act()
        return True


class Link:
    """A connection: in order and without loss while it lives, like TCP; what is under way dies with it."""

    def __init__(self, world: World, delay: float, twice: float = 0.0) -> None:
        self._world, self._delay, self._twice = world, delay, twice
        self._arrives = {True: 0.0, False: 0.0}
        self.alive = True
        self.to_master: Callable[[Message], None] = lambda _message: None
        self.to_agent: Callable[[Message], None] = lambda _message: None
        self.broken: list[Act] = []

    def send(self, message: Message, up: bool) -> None:
        if not self.alive:
            return
        world = self._world
        times = 1 + (self._twice > 0 and world.random.random() < self._twice)
        for _time in range(times):
            at = max(self._arrives[up], world.now + world.random.random() * self._delay)
            self._arrives[up] = at
            world.later(at - world.now, lambda: self._deliver(message, up))

    def _deliver(self, message: Message, up: bool) -> None:
        if self.alive:
            (self.to_master if up else self.to_agent)(message)

    def cut(self) -> None:
        if self.alive:
            self.alive = False
            for act in self.broken:
                self._world.later(self._world.random.random() * 2, act)
