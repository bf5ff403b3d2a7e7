# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hands a machine's resources over: one driver for each kind of virtual machine."""

from __future__ import annotations

import subprocess
import typing as t
from collections.abc import Callable, Sequence

from ..plan import Step


class DriverError(Exception):
    """A step that did not come off, and why."""


class Driver(t.Protocol):
    """Called from threads, one step of a VM at a time. Every step may be asked for twice."""

    def apply(self, step: Step) -> None: ...

    def existing(self, names: Sequence[str]) -> dict[str, bool]: ...

    def destroy(self, vm: str) -> None: ...


Run = Callable[[Sequence[str], float], str]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(argv: Sequence[str], timeout: float = 60.0) -> str:
    """A command, never through a shell; its output, or a DriverError with what it complained of."""
    try:
        done = subprocess.run(
            list(argv),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": PATH, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise DriverError(f"{argv[0]}: not found in {PATH}") from None
    except subprocess.TimeoutExpired:
        raise DriverError(f"{' '.join(argv)}: not done after {timeout:g} s") from None
    if done.returncode:
        words = " / ".join((done.stderr or done.stdout).split("\n")[:3]).strip(" /") or "it said nothing"
        raise DriverError(f"{' '.join(argv)}: ended with {done.returncode}: {words}")
    return done.stdout
