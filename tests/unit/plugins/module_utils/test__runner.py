# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command runner, with real commands that every system has."""

from __future__ import annotations

import time
import typing as t

import pytest
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError, CommandError, CommandRunner, conclude


def test_a_command_is_run_without_a_shell_and_in_the_c_locale() -> None:
    runner = CommandRunner()
    assert runner.read(["echo", "$HOME; true"]).stdout == "$HOME; true\n"
    assert "LC_ALL=C\n" in runner.read(["env"]).stdout


def test_a_command_gets_its_input_or_none() -> None:
    assert CommandRunner().write(["cat"], data="one\ntwo\n").stdout == "one\ntwo\n"
    assert CommandRunner().read(["cat"]).stdout == ""


def test_in_check_mode_reading_runs_and_writing_does_not() -> None:
    runner = CommandRunner(check_mode=True)
    assert runner.read(["echo", "read"]).stdout == "read\n"
    assert runner.write(["false"]).skipped
    assert runner.last is not None
    assert runner.last.argv == ("echo", "read")


def test_a_failure_carries_what_was_run_and_its_last_words() -> None:
    with pytest.raises(CommandError, match=r"ls /none/such: ended with 2: .*No such file") as caught:
        CommandRunner().read(["ls", "/none/such"])
    assert caught.value.details["cmd"] == ["ls", "/none/such"]
    assert caught.value.details["rc"] == 2


def test_a_failure_can_be_the_callers_to_judge() -> None:
    run = CommandRunner().read(["false"], check=False)
    assert (run.rc, run.last_words) == (1, "it said nothing")


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(BoxError, match=r"no-such-program: not found in .*; install the package that has it"):
        CommandRunner().read(["no-such-program"])


def test_a_command_that_takes_too_long_is_ended_with_its_children() -> None:
    began = time.monotonic()
    with pytest.raises(CommandError, match=r"not done after 0\.2 s and ended; give it more time with `timeout`"):
        CommandRunner().write(["sh", "-c", "sleep 60 & sleep 60"], timeout=0.2)
    assert time.monotonic() - began < 10


class ReportingModule:
    """A test double for AnsibleModule: keeps what is reported, and ends like it."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.result: dict[str, t.Any] = {}

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)

    def exit_json(self, **result: t.Any) -> t.NoReturn:
        self.result = result
        raise SystemExit(0)

    def fail_json(self, msg: str, **details: t.Any) -> t.NoReturn:
        self.result = {"msg": msg, **details}
        raise SystemExit(1)


def test_a_result_is_reported_with_its_warnings_apart() -> None:
    module = ReportingModule()
    with pytest.raises(SystemExit, match="0"):
        conclude(module, lambda: {"changed": True, "warnings": ["mind"]})
    assert (module.result, module.warnings) == ({"changed": True}, ["mind"])


def test_a_failure_is_reported_with_all_that_was_done_before_it() -> None:
    def work() -> dict[str, t.Any]:
        raise BoxError("ce: broken; mend it", changed=True, warnings=["mind"])

    module = ReportingModule()
    with pytest.raises(SystemExit, match="1"):
        conclude(module, work)
    assert (module.result, module.warnings) == ({"msg": "ce: broken; mend it", "changed": True}, ["mind"])
