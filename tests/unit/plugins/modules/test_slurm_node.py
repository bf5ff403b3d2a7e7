# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurm_node as Ansible calls it, with stand-ins of Slurm's commands."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils import _runner
from ansible_collections.egee.box.plugins.modules import slurm_node

Call = t.Callable[..., dict[str, t.Any]]

PROGRAMS = {
    "sinfo": 'echo "wn|$(cat {0}/state)"',
    "squeue": "true",
    "scontrol": 'case "$*" in *resume) echo "idle|none" ;; *) echo "drained|${{*#*reason=}}" ;; esac > {0}/state',
}


@pytest.fixture
def wn(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    (tmp_path / "state").write_text("idle|none\n")
    for name, script in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script.format(tmp_path)}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(_runner, "PATH", f"{tmp_path}:{_runner.PATH}")
    return lambda state, check=False: call(
        slurm_node, name=["wn"], state=state, reason="new disk", _ansible_check_mode=check
    )


def test_a_node_goes_and_comes_back(wn: Call) -> None:
    for state, after in (("drained", "wn: offline, new disk\n"), ("online", "wn: online\n")):
        predicted = wn(state, check=True)
        done = wn(state)
        assert (predicted["changed"], done["changed"]) == (True, True)
        assert predicted["diff"] == done["diff"] and done["diff"]["after"] == after
        for check in (True, False):
            again = wn(state, check=check)
            assert (again["changed"], again["actions"], again["jobs"]) == (False, [], [])
