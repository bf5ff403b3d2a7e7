# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no linter asks of tasks: no shell, and commands that say what they change and what they do in check mode."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = [path for base in ("roles", "playbooks", "molecule") for path in sorted((ROOT / base).rglob("*.yml"))]
BLOCKS = ("block", "rescue", "always")
LISTS = ("tasks", "pre_tasks", "post_tasks", "handlers")
SHELLS = {"shell", "raw", "script", "expect"}

Task = dict[str, t.Any]


def tasks(nodes: t.Any, conditions: str = "") -> Iterator[tuple[Task, str]]:
    """Each task of a file, of its plays and blocks, with all conditions that it runs under."""
    for node in nodes if isinstance(nodes, list) else []:
        if isinstance(node, dict):
            inner = f"{conditions} {node.get('when', '')}"
            for key in (*BLOCKS, *LISTS):
                yield from tasks(node.get(key), inner)
            if not any(key in node for key in BLOCKS):
                yield node, inner


def actions(task: Task) -> set[str]:
    """What the task may be calling, however it is written."""
    return {key.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.") for key in task}


def faults(nodes: t.Any) -> list[str]:
    found = []
    for task, conditions in tasks(nodes):
        name = task.get("name")
        called = actions(task)
        if called & SHELLS or called & {"action", "local_action"}:
            found.append(f"{name}: calls a shell, or hides what it calls")
        if "command" not in called:
            continue
        arguments = task.get("ansible.builtin.command")
        if not isinstance(arguments, dict) or "argv" not in arguments:
            found.append(f"{name}: no argv")
            continue
        guarded = bool({"creates", "removes"} & set(arguments))
        if "changed_when" not in task and not guarded:
            found.append(f"{name}: does not say what it changes")
        if "check_mode" not in task and "ansible_check_mode" not in conditions and not guarded:
            found.append(f"{name}: does not say what it does in check mode")
    return found


def test_no_task_calls_a_shell_and_every_command_says_what_it_changes_and_when() -> None:
    wrong = {str(path.relative_to(ROOT)): faults(yaml.safe_load(path.read_text())) for path in FILES}
    assert len(wrong) > 100
    assert {path: found for path, found in wrong.items() if found} == {}


COMMAND = "ansible.builtin.command"


@pytest.mark.parametrize(
    ("task", "fault"),
    [
        pytest.param({"ansible.builtin.shell": "true"}, "calls a shell", id="a shell"),
        pytest.param({"raw": "true"}, "calls a shell", id="raw, by its short name"),
        pytest.param({"local_action": "command true"}, "hides what it calls", id="an action by another name"),
        pytest.param({COMMAND: "true", "changed_when": False, "check_mode": False}, "no argv", id="a command line"),
        pytest.param({COMMAND: {"argv": ["true"]}, "check_mode": False}, "what it changes", id="no changed_when"),
        pytest.param({COMMAND: {"argv": ["true"]}, "changed_when": True}, "in check mode", id="no check mode"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda task: [task], lambda task: [{"hosts": "x", "tasks": [{"block": [task]}]}]])
def test_what_is_wrong_is_seen(wrap: t.Callable[[Task], list[Task]], task: Task, fault: str) -> None:
    assert [fault in found for found in faults(wrap(task))] == [True]


@pytest.mark.parametrize(
    "task",
    [
        pytest.param({COMMAND: {"argv": ["x"], "creates": "/x"}}, id="creates says both"),
        pytest.param({COMMAND: {"argv": ["x"]}, "changed_when": False, "check_mode": False}, id="it only reads"),
        pytest.param({"block": [{COMMAND: {"argv": ["x"]}, "changed_when": True}], "when": "not ansible_check_mode"}),
    ],
)
def test_what_is_right_is_not_refused(task: Task) -> None:
    assert faults([task]) == []
