# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: aggregate
short_description: Shows where a run is and where its time goes
version_added: 0.1.0
author: egee.box contributors (@egee-box)
description:
  - A play is a stage of the run. As one ends and the next begins, this says how long the run has taken so far,
    how long the stage took, and which hosts are done with it.
  - While a task keeps a host for a minute or longer, it says so every minute, with the hosts that have not answered.
  - At the end it shows each stage's share of the time and how many hosts it changed, and names the hosts that
    were changed and those that failed.
  - It stands beside the callback that prints the results, and replaces nothing.
requirements:
  - Enable it in the configuration, C(callbacks_enabled = egee.box.progress).
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase

# More hosts than these are counted, not named.
NAMED = 24
# Seconds that a task may be silent before it is named, and again before it is named once more.
SILENCE = 60.0


@dataclass
class Stage:
    """What has happened in the plays of one name."""

    name: str
    seconds: float = 0.0
    hosts: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)


class Progress:
    """The stages of a run, told as they come."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begin = self._since = clock()
        self._stages: dict[str, Stage] = {}
        self._current: Stage | None = None
        # By host, the task that it has not answered yet, and since when.
        self._asked: dict[str, tuple[str, float]] = {}

    def enter(self, name: str) -> list[str]:
        """Begin a stage, or go on with it: a serial play comes once for each batch of its hosts."""
        lines = self.leave()
        self._current = self._stages.setdefault(name, Stage(name))
        self._since = self._clock()
        return [*lines, f"{self._elapsed()}  {name}: begins"]

    def leave(self) -> list[str]:
        """End the stage; nothing to say of one that had no host."""
        stage, self._current = self._current, None
        self._asked.clear()
        if stage is None:
            return []
        seconds = self._clock() - self._since
        stage.seconds += seconds
        if not stage.hosts:
            return []
        failed = f"; failed: {_names(stage.failed)}" if stage.failed else ""
        return [f"{self._elapsed()}  {stage.name}: {seconds:.1f} s; done: {_names(stage.hosts - stage.failed)}{failed}"]

    def ask(self, host: str, task: str) -> None:
        self._asked[host] = (task, self._clock())

    def silent(self) -> list[str]:
        """The tasks that hosts have not answered for long, the oldest first. Another thread may ask."""
        waiting: dict[str, dict[str, float]] = {}
        for host, (task, since) in list(self._asked.items()):
            if (seconds := self._clock() - since) >= SILENCE:
                waiting.setdefault(task, {})[host] = seconds
        longest = sorted(((max(hosts.values()), task) for task, hosts in waiting.items()), reverse=True)
        return [
            f"{self._elapsed()}  {task}: {seconds / 60:.0f} min; not done: {_names(waiting[task])}"
            for seconds, task in longest
        ]

    def result(self, host: str, changed: bool = False, failed: bool = False) -> None:
        stage = self._current
        self._asked.pop(host, None)
        if stage is None:
            return
        stage.hosts.add(host)
        if changed:
            stage.changed.add(host)
        if failed:
            stage.failed.add(host)
        else:
            # The host goes on, so its failure was ignored or rescued.
            stage.failed.discard(host)

    def table(self, changed: Iterable[str], failed: Iterable[str]) -> list[str]:
        """Where the time went, and what became of the hosts."""
        stages = [stage for stage in self._stages.values() if stage.hosts]
        total = self._clock() - self._begin
        rows = [["stage", "seconds", "share", "hosts", "changed", "failed"]]
        for stage in stages:
            share = f"{100 * stage.seconds / total:.0f} %" if total else ""
            counts = (str(len(group)) for group in (stage.hosts, stage.changed, stage.failed))
            rows.append([stage.name, f"{stage.seconds:.1f}", share, *counts])
        rows.append(["all", f"{total:.1f}", "", "", "", ""])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
        return [*lines, f"changed: {_names(changed)}", f"failed: {_names(failed)}"]

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(self._clock() - self._begin), 60)
        return f"{minutes:3d}:{seconds:02d}"


def _names(hosts: Iterable[str]) -> str:
    names = [host.partition(".")[0] for host in sorted(hosts)]
    if len(names) > NAMED:
        return f"{len(names)} hosts"
    return " ".join(names) or "none"


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "egee.box.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._progress = Progress(time.monotonic)
        self._over = threading.Event()

    def v2_playbook_on_start(self, playbook: Any) -> None:
        # Ansible's own display keeps a thread that writes from harming the processes that it starts.
        threading.Thread(target=self._remind, daemon=True).start()

    def _remind(self) -> None:
        while not self._over.wait(SILENCE):
            self._say(self._progress.silent())

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._say(self._progress.enter(play.get_name()))

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._progress.ask(host.get_name(), task.get_name())

    def v2_runner_on_ok(self, result: Any) -> None:
        self._progress.result(result.host.get_name(), changed=result.is_changed())

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._progress.result(result.host.get_name())

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._progress.result(result.host.get_name(), changed=result.is_changed(), failed=not ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._progress.result(result.host.get_name(), failed=True)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._over.set()
        self._say(self._progress.leave())
        self._display.banner("PROGRESS")
        hosts = sorted(stats.processed)
        changed = [host for host in hosts if stats.changed.get(host)]
        failed = [host for host in hosts if stats.failures.get(host) or stats.dark.get(host)]
        self._say(self._progress.table(changed, failed))

    def _say(self, lines: Iterable[str]) -> None:
        color = constants.config.get_config_value("COLOR_VERBOSE")
        for line in lines:
            self._display.display(line, color=color)
