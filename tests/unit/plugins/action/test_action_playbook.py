# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is overheard of another run, and which options it shares with this one."""

from __future__ import annotations

import pytest
from ansible_collections.egee.box.plugins.action.playbook import passed_on
from ansible_collections.egee.box.plugins.plugin_utils._overheard import Overheard

RECAP = "{}   : ok=3    changed={}    unreachable={}    failed={}    skipped=0    rescued=0    ignored=0"
SERVICES = ["PLAY [Queue jobs] ****", "", "TASK [egee.box.batch_server : Ensure [all] is there] ****"]


@pytest.mark.parametrize(
    ("lines", "changed", "red"),
    [
        ([*SERVICES, "ok: [ce]", RECAP.format("ce", 0, 0, 0)], False, "before its first task"),
        ([*SERVICES, "changed: [ce]", RECAP.format("ce", 12, 0, 0)], True, "before its first task"),
        (
            [*SERVICES, "fatal: [ce]: FAILED! => ", "failed: [wn] (item=1) => ", RECAP.format("ce", 0, 0, 1),
             RECAP.format("wn", 0, 0, 1)],
            False,
            "Queue jobs / egee.box.batch_server : Ensure [all] is there (ce, wn)",
        ),
        (
            ["PLAY [A] ***", "TASK [one] ***", "fatal: [ce]: FAILED! => ", "...ignoring", "PLAY [B] ***",
             "RUNNING HANDLER [two] ***", "fatal: [ce -> wn]: UNREACHABLE! => ", RECAP.format("ce", 1, 1, 0)],
            True,
            "B / two (ce)",
        ),
        (["PLAY [A] ***", "TASK [one] ***", "fatal: [ce]: FAILED! => ", RECAP.format("ce", 0, 0, 0)], False,
         "before its first task"),
        ([RECAP.format("ce", 0, 0, 1)], False, "somewhere (ce)"),
    ],
    ids=["well", "changed", "two hosts", "the last failure", "rescued", "another callback"],
)  # fmt: skip
def test_a_run_tells_how_it_has_gone(lines: list[str], changed: bool, red: str) -> None:
    overheard = Overheard()
    for line in lines:
        overheard.hear(line)
    assert (overheard.changed, overheard.red()) == (changed, red)


def test_the_other_run_is_given_what_it_has_to_share() -> None:
    options = {
        "extra_vars": ("a=1", "@b.yml"), "vault_ids": ["mine@file"], "vault_password_files": (), "remote_user": None,
        "forks": 5, "verbosity": 2, "tags": ["all"], "subset": "ce", "check": True,
    }  # fmt: skip
    assert list(passed_on(options)) == [
        "--extra-vars=a=1",
        "--extra-vars=@b.yml",
        "--vault-id=mine@file",
        "--forks=5",
        "-vv",
    ]
