# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same cases against two servers: the stand-in, always, and a real one, where one answers on this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._pbs import entry
from ansible_collections.egee.box.plugins.module_utils._pbs.client import Access
from ansible_collections.egee.box.tests.pbs.world import CountingRunner, World
from ansible_collections.egee.box.tests.unit.standin_pbs import StandInPbs, StandInRunner


def found() -> str:
    """Where the commands of a server that answers are; empty where none does."""
    commands = entry.commands(None)
    qmgr = Path(commands) / "qmgr"
    if not shutil.which(qmgr):
        return ""
    answer = subprocess.run([qmgr, "-c", "list server"], capture_output=True, check=False, timeout=60)
    return commands if answer.returncode == 0 else ""


@pytest.fixture(scope="session")
def commands() -> str:
    return found()


@pytest.fixture(params=["stand-in", "real server"])
def world(request: pytest.FixtureRequest, commands: str) -> Iterator[World]:
    if request.param == "stand-in":
        yield World(StandInRunner(StandInPbs()), Access("/opt/pbs/bin"), real=False)
        return
    if not commands:
        pytest.skip("no PBS server answers qmgr on this machine")
    there = World(CountingRunner(), Access(commands), real=True)
    yield there
    there.clean()


@pytest.fixture
def real(commands: str) -> Iterator[World]:
    """Only a real server will do."""
    if not commands:
        pytest.skip("no PBS server answers qmgr on this machine")
    there = World(CountingRunner(), Access(commands), real=True)
    yield there
    there.clean()
