# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of domains and changes."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.egee.box.plugins.module_utils._xen import Live
from ansible_collections.egee.box.plugins.module_utils._xen_config import Definition, render
from ansible_collections.egee.box.plugins.module_utils._xen_plan import Change, Permissions, Situation, Wanted, plan
from ansible_collections.egee.box.plugins.module_utils._xen_report import describe, diff, predict, sentences

CE = Definition("ce", memory=512, maxmem=512, kernel="/k")
ON = Situation("running", Live("ce", 3, 512, 1, "running", CE), render(CE), CE)
OFF = Situation("shutdown", None, render(CE), CE)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([Change("memory", None, 512, "define"), Change("cap", None, 0, "define")], ["defined"], id="new"),
        pytest.param([Change("ramdisk", None, "/i", "define")], ["ramdisk null -> /i"], id="a field that was not set"),
        pytest.param(
            [Change("config_file", "a", "b", "define")], ["configuration file written over"], id="edited by hand"
        ),
        pytest.param(
            [Change("cap", 0, 5, "define"), Change("cap", 0, 5, "schedule")], ["cap 0 -> 5"], id="in the file and live"
        ),
        pytest.param(
            [Change("kernel", "/k", "/l", "restart", "restart")], ["kernel /k -> /l", "restarted"], id="restarted"
        ),
        pytest.param([Change("state", "crashed", "shutdown", "destroy")], ["destroyed"], id="a step"),
        pytest.param([Change("volume", "/dev/a", None, "remove_volume")], ["removed /dev/a"], id="a volume"),
    ],
)
def test_what_was_done_reads_like_a_list_of_deeds(changes: list[Change], expected: list[str]) -> None:
    assert sentences(changes) == expected


@pytest.mark.parametrize(
    ("now", "state", "definition", "expected"),
    [
        pytest.param(ON, "shutdown", CE, {"state": "shutdown", "domid": None, "memory_used": 0}, id="shut down"),
        pytest.param(OFF, "running", CE, {"state": "running", "domid": None, "memory_used": 0}, id="started"),
        pytest.param(
            ON,
            "running",
            Definition("ce", 384, 512, kernel="/other"),
            {"domid": 3, "memory": 384, "kernel": "/k"},
            id="changed live, while the kernel waits",
        ),
        pytest.param(
            OFF,
            "present",
            Definition("ce", 384, 512, kernel="/other"),
            {"memory": 384, "kernel": "/other"},
            id="at rest",
        ),
        pytest.param(
            ON, "absent", None, {"state": "absent", "domid": None, "defined": False, "memory_used": 0}, id="removed"
        ),
        pytest.param(
            Situation("absent"), "present", CE, {"state": "shutdown", "defined": True, "vifs": []}, id="defined"
        ),
    ],
)
def test_a_prediction_says_what_will_be(
    now: Situation, state: str, definition: Definition | None, expected: dict[str, t.Any]
) -> None:
    changes = plan(now, Wanted("ce", state, definition), Permissions())
    found = predict(describe("ce", now), [change for change in changes if not change.requires])
    assert {key: found[key] for key in expected} == expected


def test_a_diff_goes_from_the_first_state_to_the_last() -> None:
    steps = [Change("state", "crashed", "shutdown", "destroy"), Change("state", "shutdown", "running", "create")]
    found = diff({"ce": steps, "wn": []})
    assert (found["before"], found["after"]) == ({"ce": {"state": "crashed"}}, {"ce": {"state": "running"}})


def test_what_a_live_domain_holds_counts_in_a_diff_not_what_its_file_says() -> None:
    found = diff({"ce": [Change("cap", 5, 9, "define"), Change("cap", 0, 9, "schedule")]})
    assert (found["before"], found["after"]) == ({"ce": {"cap": 0}}, {"ce": {"cap": 9}})


def test_a_domain_that_ends_where_it_began_is_no_difference() -> None:
    steps = [Change("state", "running", "shutdown", "shutdown"), Change("state", "shutdown", "running", "create")]
    assert diff({"ce": steps})["after"] == {}
