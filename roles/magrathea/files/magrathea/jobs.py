# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an agent stops and starts the jobs of its VM: signals at once, then the batch system, which keeps the books.

Signals come first, for they take milliseconds and the batch system up to seconds; it is told afterwards, so that
its clock for the job stands still too. While jobs are stopped, whatever a batch system starts late is stopped as well.
"""

from __future__ import annotations

import logging
import signal
import threading
import typing as t
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from . import processes
from .drivers import DriverError, Run, run
from .outbox import Held

LOG = logging.getLogger("magrathea.agent")

# argv by batch system; {job} is its id. OpenPBS: admin-suspend acts at once, and must be paired with admin-resume.
SUSPEND: dict[str, Sequence[str]] = {
    "openpbs": ("qsig", "-s", "admin-suspend", "{job}"),
    "slurm": ("scontrol", "suspend", "{job}"),
}
RESUME: dict[str, Sequence[str]] = {
    "openpbs": ("qsig", "-s", "admin-resume", "{job}"),
    "slurm": ("scontrol", "resume", "{job}"),
}
# Seconds for processes to be seen stopped, and between two looks for late ones.
PATIENCE = 5.0
AGAIN = 2.0


class Control:
    """Works in threads of its own; `home` brings a report back to whoever asked, in its thread."""

    def __init__(
        self, batch: str, home: Callable[[Callable[[], None]], t.Any], command: Run = run, *, again: float = AGAIN
    ) -> None:
        self._batch, self._home, self._run, self._again = batch, home, command, again
        # One after another, so that a late stop never overtakes a start; the batch system in its own time.
        self._signals = ThreadPoolExecutor(1, "signals")
        self._clerk = ThreadPoolExecutor(1, "batch")
        self._stopped: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._late, daemon=True, name="late")
        self._watch.start()

    def suspend(self, jobs: list[Held], report: Callable[[str], None]) -> None:
        self._signals.submit(self._guard, lambda: self._suspend(jobs), report)

    def resume(self, jobs: list[Held], report: Callable[[str], None]) -> None:
        self._signals.submit(self._guard, lambda: self._resume(jobs), report)

    def close(self) -> None:
        self._over.set()
        self._watch.join()
        self._signals.shutdown()
        self._clerk.shutdown()

    def _guard(self, work: Callable[[], None], report: Callable[[str], None]) -> None:
        try:
            work()
            error = ""
        except Exception as fault:  # whatever it was, the master must hear of it
            LOG.exception("jobs could not be stopped or started")
            error = str(fault) or type(fault).__name__
        self._home(lambda: report(error))

    def _suspend(self, jobs: list[Held]) -> None:
        with self._lock:
            self._stopped.update({held.id: held for held in jobs})
        known: dict[int, str] = {}
        for held in jobs:
            count = processes.send(held.id, signal.SIGSTOP, _roots(held), known=known)
            LOG.info("stopped %s: %d processes", held.id, count)
        for held in jobs:
            self._settle(held, known)
            self._tell(SUSPEND, held.id)

    def _settle(self, held: Held, known: dict[int, str]) -> None:
        """A signal is sent, and takes hold when the process is scheduled next."""
        waited = 0.0
        while not processes.stopped(held.id, _roots(held), known=known):
            if waited >= PATIENCE:
                raise DriverError(f"{held.id}: has processes that do not stop")
            self._over.wait(0.002)
            waited += 0.002

    def _resume(self, jobs: list[Held]) -> None:
        with self._lock:
            for held in jobs:
                self._stopped.pop(held.id, None)
            # Jobs that ended meanwhile are nobody's any more.
            self._stopped.clear()
        for held in jobs:
            count = processes.send(held.id, signal.SIGCONT, _roots(held))
            LOG.info("started %s: %d processes", held.id, count)
            self._tell(RESUME, held.id)

    def _tell(self, words: dict[str, Sequence[str]], job: str) -> None:
        argv = [word.replace("{job}", job) for word in words.get(self._batch, ())]
        if argv:
            self._clerk.submit(self._say, argv, job)

    def _say(self, argv: list[str], job: str) -> None:
        try:
            self._run(argv, 60.0)
        except DriverError as error:
            # The processes are as they shall be; the batch system's clock runs on, which `lost` makes good.
            LOG.warning("%s: %s", job, error)

    def _late(self) -> None:
        while not self._over.wait(self._again):
            with self._lock:
                late = list(self._stopped.values())
            for held in late:
                self._signals.submit(self._stop_late, held)

    def _stop_late(self, held: Held) -> None:
        with self._lock:
            if held.id not in self._stopped:
                return
        try:
            if not processes.stopped(held.id, _roots(held)):
                processes.send(held.id, signal.SIGSTOP, _roots(held))
        except (OSError, RuntimeError) as error:
            LOG.warning("%s: %s", held.id, error)


def _roots(held: Held) -> tuple[int, ...]:
    return (held.process,) if held.process else ()
