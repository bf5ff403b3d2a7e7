# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of the site do alike: act as a user, and wait for what comes about by and by."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from testinfra.backend.base import CommandResult
from testinfra.host import Host

ALICE = "/DC=test/DC=egee/O=Users/CN=Alice Novak"


class User:
    """Somebody with an account on a host."""

    def __init__(self, host: Host, name: str) -> None:
        self.host, self.name = host, name

    def attempt(self, line: str) -> CommandResult:
        return self.host.run("runuser --login %s --command %s", self.name, line)

    def __call__(self, line: str) -> str:
        """What a command says that must succeed."""
        done = self.attempt(line)
        assert done.rc == 0, f"{line}: {done.stdout}{done.stderr}"
        return str(done.stdout).strip()


def wait_until(true: Callable[[], Any], shown: Callable[[], str] = str, *, limit: float) -> Any:
    """What it is that is true at last, within so many seconds; if nothing is, what is shown says why."""
    end = time.monotonic() + limit
    while not (seen := true()):
        assert time.monotonic() < end, shown()
        time.sleep(3)
    return seen
