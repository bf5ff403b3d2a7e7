# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way in which the collection's modules run commands. Private to the collection.

Logic gets a runner as an argument and never makes one, so that a test can hand it a script instead.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import typing as t
from dataclasses import dataclass

# What one writes as root is in sbin, which a non-login shell's PATH lacks.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class BoxError(Exception):
    """What a module reports as its failure: `<object>: <what was found>; <what to do>`."""

    def __init__(self, message: str, **details: t.Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


@dataclass(frozen=True)
class Run:
    """A command that was run, or, if it would have written in check mode, skipped."""

    argv: tuple[str, ...]
    rc: int = 0
    stdout: str = ""
    stderr: str = ""
    skipped: bool = False

    @property
    def last_words(self) -> str:
        """The end of what it complained of: where tools say what they mean."""
        lines = [line.strip() for line in (self.stderr or self.stdout).splitlines() if line.strip()]
        return " / ".join(lines[-3:]) or "it said nothing"

    @property
    def first_words(self) -> str:
        """The beginning of what it complained of, for tools that go on about the consequences."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        return " / ".join(lines[:2]) or "it said nothing"

    def details(self) -> dict[str, t.Any]:
        return {"cmd": list(self.argv), "rc": self.rc, "stdout": self.stdout, "stderr": self.stderr}


class ProgramMissing(BoxError):
    """There is no such program on this host."""


class CommandError(BoxError):
    """A command ended otherwise than it should have."""

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message, **run.details())
        self.run = run


class TooSlow(CommandError):
    """A command was ended, since it took too long."""


class Module(t.Protocol):
    """What is used of AnsibleModule to report."""

    def warn(self, warning: str) -> None: ...

    def exit_json(self, **result: t.Any) -> t.NoReturn: ...

    def fail_json(self, msg: str, **details: t.Any) -> t.NoReturn: ...


def conclude(module: Module, work: t.Callable[[], dict[str, t.Any]]) -> t.NoReturn:
    """Do a module's work, and report its result, or its failure with all that was done before it."""
    fault: BoxError | None = None
    try:
        result = work()
    except BoxError as error:
        fault, result = error, error.details
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if fault:
        module.fail_json(msg=fault.message, **result)
    module.exit_json(**result)


class Runner(t.Protocol):
    """What logic may ask of a runner."""

    check_mode: bool
    last: Run | None

    def read(
        self, argv: t.Sequence[str], *, check: bool = True, data: str | None = None, timeout: float | None = None
    ) -> Run:
        """Run a command that changes nothing: also in check mode. `data` is its standard input."""

    def write(
        self, argv: t.Sequence[str], *, check: bool = True, data: str | None = None, timeout: float | None = None
    ) -> Run:
        """Run a command that changes something: skipped in check mode."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class CommandRunner:
    """Runs argv lists (no shell), in the C locale, within a time limit; remembers the last run."""

    def __init__(self, *, check_mode: bool = False, timeout: float = 120) -> None:
        self.check_mode = check_mode
        self.timeout = timeout
        self.last: Run | None = None

    def read(
        self, argv: t.Sequence[str], *, check: bool = True, data: str | None = None, timeout: float | None = None
    ) -> Run:
        return self._run(argv, check, data, timeout)

    def write(
        self, argv: t.Sequence[str], *, check: bool = True, data: str | None = None, timeout: float | None = None
    ) -> Run:
        if self.check_mode:
            return Run(tuple(argv), skipped=True)
        return self._run(argv, check, data, timeout)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def _run(self, argv: t.Sequence[str], check: bool, data: str | None, limit: float | None) -> Run:
        timeout = self.timeout if limit is None else limit
        program = shutil.which(argv[0], path=PATH)
        if program is None:
            raise ProgramMissing(f"{argv[0]}: not found in {PATH}; install the package that has it")
        environment = {**os.environ, "PATH": PATH, "LC_ALL": "C", "LANGUAGE": "C"}
        # A session of its own: on a timeout its children go too, and hold no pipe open.
        process = subprocess.Popen(
            [program, *argv[1:]],
            stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(data, timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            self.last = Run(tuple(argv), process.returncode, stdout, stderr)
            raise TooSlow(
                f"{' '.join(argv)}: not done after {timeout:g} s and ended; give it more time with `timeout`", self.last
            ) from None
        self.last = Run(tuple(argv), process.returncode, stdout, stderr)
        if check and self.last.rc != 0:
            raise CommandError(f"{' '.join(argv)}: ended with {self.last.rc}: {self.last.last_words}", self.last)
        return self.last
