# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server to try things on, and what a test may do with it."""

from __future__ import annotations

import typing as t
import uuid
from dataclasses import dataclass, field

from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, guards
from ansible_collections.egee.box.plugins.module_utils._pbs.client import Access, Pbs
from ansible_collections.egee.box.plugins.module_utils._pbs.flow import Steward, Task
from ansible_collections.egee.box.plugins.module_utils._runner import CommandRunner, Run

# A host that surely has no MoM, which would give its node values of its own: an address for documentation.
NOWHERE = "203.0.113.7"
GUARDS = {"queue": guards.queues, "node": guards.nodes, "resource": guards.resources}
READS = {
    "server": (attributes.RESOURCE,),
    "queue": (attributes.RESOURCE, attributes.NODE),
    "node": (attributes.RESOURCE,),
    "resource": (attributes.QUEUE, attributes.NODE),
}


class CountingRunner(CommandRunner):
    """The real runner, which also counts what it writes."""

    def __init__(self) -> None:
        super().__init__(timeout=120)
        self.writes: list[tuple[str, ...]] = []

    def write(
        self, argv: t.Sequence[str], *, check: bool = True, data: str | None = None, timeout: float | None = None
    ) -> Run:
        self.writes.append(tuple(argv))
        return super().write(argv, check=check, data=data, timeout=timeout)


@dataclass
class World:
    """A server to try things on. Names begin with a prefix of its own, and all of it goes in the end."""

    runner: t.Any
    access: Access
    real: bool
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:5]}")
    warnings: list[str] = field(default_factory=list)

    def name(self, word: str) -> str:
        return f"{self.prefix}{word}"

    def steward(self, kind: attributes.Type, wanted: t.Sequence[t.Mapping[str, t.Any]], **more: t.Any) -> Steward:
        guard = GUARDS.get(kind.word, guards.nothing)
        task = Task(kind, wanted, guard=guard, reads=READS.get(kind.word, ()), **more)
        return Steward(Pbs(self.runner, self.access), task, self.warnings.append)

    def run(
        self, kind: attributes.Type, *wanted: t.Mapping[str, t.Any], check: bool = False, **more: t.Any
    ) -> dict[str, t.Any]:
        return self.steward(kind, wanted, **more).run(check)

    def by_hand(self, *directives: str) -> Run:
        """What an administrator types into qmgr."""
        lines = "\n".join([*directives, ""])
        run: Run = self.runner.write([f"{self.access.commands}/qmgr"], check=False, data=lines)
        self.runner.writes.clear()
        return run

    def listed(self, kind: attributes.Type) -> dict[str, dict[str, str]]:
        return Pbs(self.runner, self.access).read(kind).of(kind)

    def clean(self) -> None:
        for kind in (attributes.HOOK, attributes.NODE, attributes.QUEUE, attributes.RESOURCE, attributes.SCHED):
            own = [name for name in self.listed(kind) if name.startswith(self.prefix)]
            self.run(kind, *({"name": name, "present": False} for name in own), force=True)
