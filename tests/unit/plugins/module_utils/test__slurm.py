# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm's accounts: what sacctmgr is told for each difference, and that it is told nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._slurm import Account, SlurmAccounts, read_account
from ansible_collections.egee.box.tests.unit.scripted_runner import Expected, ScriptedRunner

LIST = "sacctmgr --noheader --parsable2 list"
DO = "sacctmgr --immediate"
# As sacctmgr 24.11 prints them: root's own association first; and of each association the user and its default account.
FOUND = """root||1
root|root|1
auger||2
auger|auger001|1
voce||3
voce|voce001|1
voce|voce002|1
"""
DEFAULTS = """auger001|auger
root|root
voce001|voce
voce002|voce
"""
VOCE = Account("voce", 3, frozenset({"voce001", "voce002"}))
AUGER = Account("auger", 2, frozenset({"auger001"}))


def reads(associations: str = FOUND, defaults: str = DEFAULTS) -> list[Expected]:
    return [
        Expected(f"{LIST} association cluster=box format=account,user,share", associations),
        Expected(f"{LIST} user withassoc cluster=box format=user,defaultaccount", defaults),
    ]


@pytest.mark.parametrize(
    ("wanted", "exclusive", "commands"),
    [
        pytest.param([VOCE, AUGER], True, [], id="nothing to do"),
        pytest.param(
            [Account("voce", 5, VOCE.users), AUGER],
            True,
            ["modify account where name=voce cluster=box set fairshare=5"],
            id="another share",
        ),
        pytest.param(
            [VOCE, AUGER, Account("atlas", 1, frozenset({"atlas002", "atlas001"}))],
            False,
            [
                "add account atlas cluster=box fairshare=1",
                "add user atlas001,atlas002 cluster=box account=atlas",
            ],
            id="a new VO with all its users at once",
        ),
        pytest.param(
            [Account("auger", 2, frozenset({"auger001", "voce002"})), VOCE],
            False,
            [
                "add user voce002 cluster=box account=auger",
                "modify user where name=voce002 cluster=box set defaultaccount=auger",
            ],
            id="someone who was elsewhere gets another default",
        ),
        pytest.param(
            [VOCE, Account("auger", 2, frozenset({"auger001", "voce002"}))],
            False,
            ["add user voce002 cluster=box account=auger"],
            id="the first account that lists someone is the default",
        ),
        pytest.param(
            [Account("voce", 3, frozenset({"voce001"}))],
            True,
            ["delete user where name=voce002 cluster=box account=voce", "delete account where name=auger cluster=box"],
            id="who is not listed goes, users before accounts",
        ),
        pytest.param([Account("voce", 3)], False, [], id="users are left alone where none are given"),
    ],
)
def test_only_the_difference_is_told(wanted: list[Account], exclusive: bool, commands: list[str]) -> None:
    runner = ScriptedRunner(*reads(), *(Expected(f"{DO} {command}") for command in commands))
    assert SlurmAccounts(runner, "box", wanted, exclusive).apply() == [f"{DO} {command}" for command in commands]
    runner.finish()
    held_back = ScriptedRunner(*reads(), check_mode=True)
    accounts = SlurmAccounts(CheckMode(held_back), "box", wanted, exclusive)
    assert accounts.apply() == [f"{DO} {command}" for command in commands]
    assert (accounts.before() != accounts.after()) == bool(commands)


class CheckMode:
    """A double for the command runner in check mode, which reads by a script and writes nothing."""

    def __init__(self, runner: ScriptedRunner) -> None:
        self.runner = runner
        self.check_mode = True
        self.last = None

    def read(self, *given: Any, **options: Any) -> Any:
        return self.runner.read(*given, **options)

    def write(self, *_given: Any, **_options: Any) -> Any:
        return None

    def sleep(self, seconds: float) -> None:
        self.runner.sleep(seconds)


def test_a_cluster_is_made_first() -> None:
    runner = ScriptedRunner(
        Expected(f"{LIST} association cluster=box format=account,user,share", ""),
        Expected(f"{DO} add cluster box"),
        Expected(f"{DO} add account auger cluster=box fairshare=2"),
        Expected(f"{DO} add user auger001 cluster=box account=auger"),
    )
    SlurmAccounts(runner, "box", [AUGER]).apply()
    runner.finish()


def test_a_daemon_that_is_just_starting_is_waited_for_and_a_dead_one_is_named() -> None:
    refused = Expected(
        f"{LIST} association cluster=box format=account,user,share",
        rc=1,
        stderr="sacctmgr: error: Connection refused\n",
    )
    runner = ScriptedRunner(refused, refused, *reads())
    SlurmAccounts(runner, "box", [VOCE], wait=60).apply()
    runner.finish()
    with pytest.raises(BoxError, match=r"cluster box: slurmdbd does not answer .*Connection refused.*; see whether"):
        SlurmAccounts(ScriptedRunner(refused, refused), "box", [VOCE], wait=1).apply()


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"name": "vo ce", "fair_share": 1}, "'vo ce' is no name that Slurm keeps"),
        ({"name": "voce", "fair_share": 1, "users": ["a,b"]}, "'a,b' is no name that Slurm keeps"),
        ({"name": "root", "fair_share": 1}, "is Slurm's own"),
        ({"name": "voce", "fair_share": 0}, "fair_share 0 gives it nothing"),
    ],
)
def test_what_slurm_would_not_keep_is_refused(row: dict[str, Any], fault: str) -> None:
    with pytest.raises(BoxError, match=fault):
        read_account(row)


def test_one_account_twice_is_refused() -> None:
    with pytest.raises(BoxError, match="account voce: is listed twice"):
        SlurmAccounts(ScriptedRunner(), "box", [VOCE, VOCE])
