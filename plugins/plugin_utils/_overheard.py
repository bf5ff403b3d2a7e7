# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of ansible-playbook tells, line by line, of how it goes. Private to this collection."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

PLACE = re.compile(r"(PLAY|TASK|RUNNING HANDLER) \[(.*)\] \**$")
FAILURE = re.compile(r"(?:fatal|failed): \[([^]\s]+)")
RECAP = re.compile(r"(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)")


@dataclass
class Overheard:
    """Where a run is, and how it has gone. What was rescued or ignored is no failure."""

    changed: bool = False
    failures: list[dict[str, str]] = field(default_factory=list)
    _place: dict[str, str] = field(default_factory=dict)
    _last: dict[str, dict[str, str]] = field(default_factory=dict)

    def hear(self, line: str) -> None:
        if place := PLACE.match(line):
            name = "play" if place[1] == "PLAY" else "task"
            # A play begins without a task.
            self._place = {**(self._place if name == "task" else {}), name: place[2]}
        elif failure := FAILURE.match(line):
            self._last[failure[1]] = {**self._place, "host": failure[1]}
        elif recap := RECAP.match(line):
            host = recap[1]
            self.changed |= recap[2] != "0"
            if (recap[3], recap[4]) != ("0", "0"):
                # The last is what the host was lost to.
                self.failures.append(self._last.get(host, {"host": host}))

    def red(self) -> str:
        """What failed, in words: each play and task once, with its hosts."""
        hosts: dict[str, list[str]] = {}
        for failure in self.failures:
            place = " / ".join(failure[key] for key in ("play", "task") if key in failure) or "somewhere"
            hosts.setdefault(place, []).append(failure["host"])
        return "; ".join(f"{place} ({', '.join(names)})" for place, names in hosts.items()) or "before its first task"
