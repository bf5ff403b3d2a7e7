# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the progress callback says, told by a clock that the test turns."""

from __future__ import annotations

from ansible_collections.egee.box.plugins.callback.progress import Progress


class Clock:
    """A test double of time.monotonic."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_stages_are_told_with_their_times_and_hosts() -> None:
    clock = Clock()
    progress = Progress(clock)
    assert progress.enter("Plan the site") == ["  0:00  Plan the site: begins"]
    progress.result("m1.lab.test")
    clock.now += 2
    assert progress.enter("Ensure the machines") == [
        "  0:02  Plan the site: 2.0 s; done: m1",
        "  0:02  Ensure the machines: begins",
    ]
    progress.result("m2.lab.test", changed=True)
    progress.result("m1.lab.test", failed=True)
    clock.now += 98
    assert progress.leave() == ["  1:40  Ensure the machines: 98.0 s; done: m2; failed: m1"]
    assert progress.table(changed=["m2.lab.test"], failed=["m1.lab.test"]) == [
        "stage                seconds  share  hosts  changed  failed",
        "Plan the site            2.0    2 %      1        0       0",
        "Ensure the machines     98.0   98 %      2        1       1",
        "all                    100.0",
        "changed: m2",
        "failed: m1",
    ]


def test_the_batches_of_a_serial_play_are_one_stage() -> None:
    clock = Clock()
    progress = Progress(clock)
    for host in ("ce.lab.test", "ui.lab.test"):
        progress.enter("Ensure the domains run")
        progress.result(host, changed=True)
        clock.now += 10
    progress.leave()
    table = progress.table(changed=["ce.lab.test", "ui.lab.test"], failed=[])
    assert table[1:2] == ["Ensure the domains run     20.0  100 %      2        2       0"]
    assert table[-2:] == ["changed: ce ui", "failed: none"]


def test_a_stage_without_hosts_is_not_told() -> None:
    progress = Progress(Clock())
    progress.enter("Nobody's")
    assert progress.leave() == []
    assert len(progress.table([], [])) == 4


def test_a_host_that_goes_on_after_a_failure_has_not_failed() -> None:
    progress = Progress(Clock())
    progress.enter("Rescue")
    progress.result("ce.lab.test", failed=True)
    progress.result("ce.lab.test", changed=True)
    assert progress.leave() == ["  0:00  Rescue: 0.0 s; done: ce"]


def test_many_hosts_are_counted() -> None:
    progress = Progress(Clock())
    progress.enter("Ensure the nodes")
    for number in range(140):
        progress.result(f"wn{number}.lab.test")
    assert progress.leave() == ["  0:00  Ensure the nodes: 0.0 s; done: 140 hosts"]


def test_who_keeps_a_task_waiting_is_named() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.enter("Verify")
    for host in ("ui.lab.test", "ce.lab.test", "wn.lab.test"):
        progress.ask(host, "egee.box.verify : Tell the story")
    progress.result("ce.lab.test")
    clock.now += 59
    assert progress.silent() == []
    progress.ask("ce.lab.test", "Look at it")
    clock.now += 61
    assert progress.silent() == [
        "  2:00  egee.box.verify : Tell the story: 2 min; not done: ui wn",
        "  2:00  Look at it: 1 min; not done: ce",
    ]
    for host in ("ui.lab.test", "wn.lab.test"):
        progress.result(host)
    assert len(progress.silent()) == 1
    progress.leave()
    assert progress.silent() == []


def test_a_result_outside_any_stage_is_nobodys() -> None:
    progress = Progress(Clock())
    progress.result("ce.lab.test", failed=True)
    assert progress.leave() == []
