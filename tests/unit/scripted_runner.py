# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test double for the command runner: it plays a script, and notices every step off it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.egee.box.plugins.module_utils._runner import CommandError, Run, TooSlow


@dataclass(frozen=True)
class Expected:
    """One command of the script, and how it ends."""

    argv: str
    stdout: str = ""
    rc: int = 0
    stderr: str = ""
    too_slow: bool = False


class ScriptedRunner:
    """Answers each command as the script says. Another command, one too many or one too few fails the test."""

    def __init__(self, *script: Expected, check_mode: bool = False) -> None:
        self.script = list(script)
        self.check_mode = check_mode
        self.last: Run | None = None
        self.slept = 0.0

    def read(
        self, argv: t.Sequence[str], *, check: bool = True, data: str | None = None, timeout: float | None = None
    ) -> Run:
        return self._play(argv, check)

    def write(
        self, argv: t.Sequence[str], *, check: bool = True, data: str | None = None, timeout: float | None = None
    ) -> Run:
        assert not self.check_mode, f"{' '.join(argv)} is to be run in check mode"
        return self._play(argv, check)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def finish(self) -> None:
        assert not self.script, f"never run: {[expected.argv for expected in self.script]}"

    def _play(self, argv: t.Sequence[str], check: bool) -> Run:
        assert self.script, f"{' '.join(argv)} is run after the end of the script"
        expected = self.script.pop(0)
        assert " ".join(argv) == expected.argv
        self.last = Run(tuple(argv), expected.rc, expected.stdout, expected.stderr)
        if expected.too_slow:
            raise TooSlow(f"{' '.join(argv)}: not done", self.last)
        if check and expected.rc != 0:
            raise CommandError(f"{' '.join(argv)}: ended with {expected.rc}: {self.last.last_words}", self.last)
        return self.last
