# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server, its scheduler or its data service that are not there: clear errors in time, nothing half-done in silence.

These tests stop the daemons of the PBS server on this machine, and start them again. They do so only where that is
allowed by EGEE_BOX_BREAK_PBS=1.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._pbs import alive, attributes
from ansible_collections.egee.box.plugins.module_utils._pbs.client import Access, Pbs
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError, TooSlow
from ansible_collections.egee.box.tests.pbs.test_ladder import both
from ansible_collections.egee.box.tests.pbs.test_real import until
from ansible_collections.egee.box.tests.pbs.world import World

QUEUE = {"queue_type": "Execution", "comment": "half-done?"}


class Daemons:
    """The daemons of the PBS server on this machine, known by the files that they keep their numbers in."""

    def __init__(self, world: World) -> None:
        self.world = world
        lines = Path("/etc/pbs.conf").read_text(encoding="utf-8").splitlines()
        self.said = dict(line.split("=", 1) for line in lines if "=" in line)
        self.home = Path(self.said["PBS_HOME"])

    def number(self, file: str) -> int:
        return int((self.home / file).read_text(encoding="utf-8").split()[0])

    def end(self, file: str, how: signal.Signals = signal.SIGINT) -> None:
        number = self.number(file)
        os.kill(number, how)
        until(lambda: not Path(f"/proc/{number}").exists())

    def start(self) -> None:
        script = f"{self.said['PBS_EXEC']}/libexec/pbs_init.d"
        subprocess.run([script, "start"], check=True, capture_output=True, timeout=300)

    def pbs(self, patience: float = 120, timeout: float = 60) -> Pbs:
        return Pbs(self.world.runner, Access(self.world.access.commands, patience=patience, timeout=timeout))

    @property
    def scheduler(self) -> str:
        return self.pbs().read(attributes.SCHED).of(attributes.SCHED)["default"]["state"]


@pytest.fixture
def daemons(real: World) -> Iterator[Daemons]:
    if os.environ.get("EGEE_BOX_BREAK_PBS") != "1":
        pytest.skip("EGEE_BOX_BREAK_PBS=1 does not allow to stop the PBS server of this machine")
    found = Daemons(real)
    yield found
    found.start()
    until(lambda: found.scheduler != "down", 120)


def took(limit: float, act: t.Callable[[], object], error: type[BoxError], match: str) -> BoxError:
    began = time.monotonic()
    with pytest.raises(error, match=match) as caught:
        act()
    assert time.monotonic() - began < limit
    return caught.value


def queue(world: World, patience: float = 2) -> dict[str, t.Any]:
    there = World(world.runner, Access(world.access.commands, patience=patience), real=True, prefix=world.prefix)
    return there.run(attributes.QUEUE, {"name": world.name("q"), "attributes": QUEUE})


def test_a_server_that_is_stopped(daemons: Daemons) -> None:
    daemons.end("server_priv/server.lock", signal.SIGTERM)
    error = took(30, lambda: queue(daemons.world), BoxError, r"Connection refused .*\(tried for 2 s\)")
    assert "changed" not in error.details


def test_a_server_that_does_not_listen_yet(daemons: Daemons) -> None:
    daemons.end("server_priv/server.lock", signal.SIGTERM)
    starting = threading.Timer(3, daemons.start)
    starting.start()
    assert queue(daemons.world, patience=120)["changed"]
    starting.join()


def test_a_server_that_hangs(daemons: Daemons) -> None:
    number = daemons.number("server_priv/server.lock")
    os.kill(number, signal.SIGSTOP)
    try:
        pbs = daemons.pbs(timeout=3)
        took(20, lambda: pbs.read(attributes.QUEUE), TooSlow, "not done after 3 s")
    finally:
        os.kill(number, signal.SIGCONT)


def test_a_scheduler_that_is_dead(daemons: Daemons) -> None:
    daemons.end("sched_priv/sched.lock")
    until(lambda: daemons.scheduler == "down")
    pbs = daemons.pbs()
    pbs.read(attributes.SCHED)
    look = alive.scheduling(["default"], 2)
    error = took(
        30, lambda: look(pbs, {"changed": True}), BoxError, r"sched default: .* no job starts; .*\(waited for 2 s"
    )
    assert error.details["changed"]
    daemons.start()
    alive.scheduling(["default"], 60)(pbs, {})


def test_a_data_service_that_is_dead(daemons: Daemons) -> None:
    """The server answers as before until something is to be written; then it ends itself."""
    daemons.end("datastore/postmaster.pid")
    error = took(
        60, lambda: queue(daemons.world), BoxError, "it is not known which of the 1 directives were carried out"
    )
    assert error.details["changed"]
    assert len(error.details["directives"]) == 1
    daemons.start()
    assert queue(daemons.world, patience=120)["queues"][daemons.world.name("q")]["comment"] == "half-done?"
    assert not queue(daemons.world)["changed"]


def test_the_ladder_of_the_license_server(daemons: Daemons) -> None:
    """Once told of one, OpenPBS takes all nodes from the scheduler until it starts anew, even when it was unset."""
    try:
        for location in ("7788@licenses", "7799@licenses", None):
            wish = {"name": "", "attributes": {"pbs_license_info": location}}
            assert both(daemons.world, attributes.SERVER, wish)["changed"]
    finally:
        daemons.world.by_hand("unset server pbs_license_info")
        daemons.end("server_priv/server.lock", signal.SIGTERM)
