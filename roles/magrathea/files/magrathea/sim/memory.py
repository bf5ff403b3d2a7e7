# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A journal and an outbox that live in memory, and from which a daemon can be killed between any two writes."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable

from ..model import Ended, Machine, Policy
from ..outbox import Held
from ..plan import Actual
from ..store import Entry


class Killed(BaseException):
    """The daemon is gone, in the middle of whatever it did. Nothing may catch this but the world around it."""


class Fuse:
    """Burns down with every write; 0 never."""

    def __init__(self) -> None:
        self.left = 0

    def burn(self) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                raise Killed


class MemoryStore:
    """What is flushed survives; what is not is lost with the daemon."""

    def __init__(self, policy: Policy) -> None:
        self._safe: tuple[Machine, dict[str, Actual], str] = (Machine("", policy), {}, "")
        self._machine = self._safe[0]
        self._actual: dict[str, Actual] = {}
        self._intent = ""
        self._dirty = False
        self._times: dict[str, float] = {}
        self.fuse = Fuse()
        self.log: list[Entry] = []
        self._written: list[Entry] = []
        self.done: list[Ended] = []
        self._ended: list[Ended] = []

    def load(self, name: str, policy: Policy) -> tuple[Machine, dict[str, Actual], list[str]]:
        self._machine, actual, self._intent = self._safe
        self._actual = dict(actual)
        self._written, self._ended = [], []
        aside = [f"stopped in the middle of: {self._intent}"] if self._intent else []
        return self._machine._replace(name=name, policy=policy, fault=""), dict(self._actual), aside

    def machine(self, before: Machine, after: Machine) -> None:
        self.fuse.burn()
        self._machine, self._dirty = after, True

    def actual(self, vm: str, actual: Actual) -> None:
        self.fuse.burn()
        self._actual = {**self._actual, vm: actual}
        self._dirty = True

    def intent(self, text: str) -> None:
        self.fuse.burn()
        self._intent, self._dirty = text, True

    def ended(self, ended: Iterable[Ended]) -> None:
        self._ended.extend(ended)

    def entry(self, entry: Entry) -> None:
        self._written.append(entry)
        self._dirty = True

    def time(self, key: str, seconds: float) -> None:
        self._times[key] = seconds

    def times(self) -> dict[str, float]:
        return self._times

    def flush(self) -> None:
        if self._dirty:
            self.fuse.burn()
            self._safe = (self._machine, self._actual, self._intent)
            self.log += self._written
            self.done += self._ended
            self._written, self._ended = [], []
            self._dirty = False


class MemoryOutbox:
    """An agent's outbox on a disk that survives the agent."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self._boot = ""
        self._number = 0
        self._jobs: dict[str, Held] = {}
        self._messages: dict[int, dict[str, t.Any]] = {}
        self._safe: tuple[dict[str, Held], dict[int, dict[str, t.Any]]] = ({}, {})
        self._dirty = False
        self.fuse = Fuse()

    def boot(self, boot: str) -> None:
        self._jobs, self._messages = dict(self._safe[0]), dict(self._safe[1])
        self._dirty = False
        if boot != self._boot:
            self._boot = boot
            self._jobs, self._messages, self._safe = {}, {}, ({}, {})

    def jobs(self) -> dict[str, Held]:
        return dict(self._jobs)

    def put(self, held: Held) -> None:
        self.fuse.burn()
        self._jobs[held.id] = held
        self._dirty = True

    def drop(self, job: str) -> None:
        self.fuse.burn()
        self._jobs.pop(job, None)
        self._dirty = True

    def add(self, message: dict[str, t.Any]) -> int:
        self.fuse.burn()
        self._number += 1
        self._messages[self._number] = message
        self._dirty = True
        return self._number

    def head(self) -> tuple[int, dict[str, t.Any]] | None:
        for number, message in self._messages.items():
            return number, message
        return None

    def remove(self, number: int) -> None:
        self.fuse.burn()
        self._messages.pop(number, None)
        self._dirty = True

    def flush(self) -> None:
        if self._dirty:
            self.fuse.burn()
            self._safe = (dict(self._jobs), dict(self._messages))
            self._dirty = False
