# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurm_account as Ansible calls it, with a stand-in of sacctmgr."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils import _runner
from ansible_collections.egee.box.plugins.modules import slurm_account
from ansible_collections.egee.box.tests.unit.standin_sacctmgr import NEW, install

Result = dict[str, t.Any]
Call = t.Callable[..., Result]

VOCE = {"name": "voce", "fair_share": 3, "users": ["voce001", "voce002"]}
AUGER = {"name": "auger", "fair_share": 2, "users": ["auger001"]}


class Slurm:
    """A stand-in of sacctmgr, and the module called with it."""

    def __init__(self, directory: Path, call: Call) -> None:
        self.state = install(directory)
        self._call = call

    def has(self, **state: t.Any) -> None:
        self.state.write_text(json.dumps({**json.loads(self.state.read_text()), **state}))

    def accounts(self) -> Result:
        return dict(json.loads(self.state.read_text())["clusters"]["box"]["accounts"])

    def call(self, *accounts: Result, check: bool = False, **args: t.Any) -> Result:
        args = {"cluster": "box", "accounts": list(accounts), "wait": 0, **args}
        return self._call(slurm_account, _ansible_check_mode=check, **args)

    def ladder(self, *accounts: Result, **args: t.Any) -> Result:
        """Check, do, check again, do again."""
        before = self.state.read_text()
        predicted = self.call(*accounts, check=True, **args)
        assert predicted["changed"], predicted
        assert self.state.read_text() == before
        done = self.call(*accounts, **args)
        assert (done["changed"], done["actions"], done["diff"]) == (True, predicted["actions"], predicted["diff"])
        for check in (True, False):
            again = self.call(*accounts, check=check, **args)
            assert (again["changed"], again["actions"]) == (False, [])
            assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
        return done


@pytest.fixture
def slurm(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    monkeypatch.setattr(_runner, "PATH", f"{tmp_path}:{_runner.PATH}")
    return Slurm(tmp_path, call)


@pytest.fixture
def kept(slurm: Slurm) -> Slurm:
    """One that has the two accounts."""
    slurm.call(VOCE, AUGER)
    return slurm


def test_a_cluster_is_made_with_all_its_accounts(slurm: Slurm) -> None:
    done = slurm.ladder(VOCE, AUGER)
    assert done["actions"] == [
        f"sacctmgr --immediate add {what}"
        for what in (
            "cluster box",
            "account voce cluster=box fairshare=3",
            "account auger cluster=box fairshare=2",
            "user voce001,voce002 cluster=box account=voce",
            "user auger001 cluster=box account=auger",
        )
    ]
    assert done["diff"] == {
        "before": "",
        "after": "auger: share 2, users auger001\nvoce: share 3, users voce001, voce002\n",
    }
    assert slurm.accounts()["voce"] == {"share": 3, "users": ["voce001", "voce002"]}


@pytest.mark.parametrize(
    ("accounts", "exclusive", "after"),
    [
        pytest.param(
            [{**VOCE, "fair_share": 5}, AUGER],
            True,
            "auger: share 2, users auger001\nvoce: share 5, users voce001, voce002\n",
            id="another share",
        ),
        pytest.param(
            [{**VOCE, "users": ["voce003"]}],
            False,
            "auger: share 2, users auger001\nvoce: share 3, users voce001, voce002, voce003\n",
            id="one more user",
        ),
        pytest.param([{**VOCE, "users": ["voce001"]}], True, "voce: share 3, users voce001\n", id="no others"),
        pytest.param(
            [{"name": "voce"}],
            True,
            "voce: share 1, users voce001, voce002\n",
            id="the share that is the default, and the users as they are",
        ),
        pytest.param(
            [VOCE, AUGER, {"name": "atlas", "users": []}],
            True,
            "atlas: share 1, users none\nauger: share 2, users auger001\nvoce: share 3, users voce001, voce002\n",
            id="an account of nobody",
        ),
    ],
)
def test_what_is_shown_is_what_comes(kept: Slurm, accounts: list[Result], exclusive: bool, after: str) -> None:
    done = kept.ladder(*accounts, exclusive=exclusive)
    assert done["diff"]["after"] == after
    shown = {
        f"{name}: share {account['share']}, users {', '.join(account['users']) or 'none'}"
        for name, account in kept.accounts().items()
    }
    assert shown - {"root: share 1, users root"} == set(after.splitlines())


def test_jobs_go_to_the_first_account_that_lists_their_user(kept: Slurm) -> None:
    def defaults() -> Result:
        return dict(json.loads(kept.state.read_text())["clusters"]["box"]["defaults"])

    both = {**AUGER, "users": ["auger001", "voce002"]}
    kept.ladder(VOCE, both)
    assert defaults()["voce002"] == "voce"
    kept.ladder(both, VOCE)
    assert defaults()["voce002"] == "auger"


def test_root_has_an_account_from_the_beginning(slurm: Slurm) -> None:
    done = slurm.ladder({"name": "auger", "users": ["root"]})
    assert done["actions"][-1].endswith("modify user where name=root cluster=box set defaultaccount=auger")


def test_slurm_keeps_its_own_account(kept: Slurm) -> None:
    kept.ladder(VOCE, exclusive=True)
    assert kept.accounts()["root"] == NEW["accounts"]["root"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param({"accounts": []}, "missing required arguments: cluster", id="no cluster"),
        pytest.param({"cluster": "box"}, "missing required arguments: accounts", id="no accounts"),
        pytest.param({"cluster": "The Box", "accounts": []},
                     "cluster The Box: is no name that Slurm keeps; write it in a-z",
                     id="cluster"),
        pytest.param({"cluster": "box", "accounts": [{"name": "VOCE"}]},
                     "account VOCE: 'VOCE' is no name that Slurm keeps; write it in a-z", id="account"),
        pytest.param({"cluster": "box", "accounts": [{**VOCE, "users": ["a b"]}]},
                     "account voce: 'a b' is no name that Slurm keeps; write it in a-z", id="user"),
        pytest.param({"cluster": "box", "accounts": [{**VOCE, "fair_share": 0}]},
                     "account voce: fair_share 0 gives it nothing; set it to 1 or more", id="share"),
        pytest.param({"cluster": "box", "accounts": [{"name": "root"}]},
                     "account root: is Slurm's own, above all others; leave it out", id="root"),
        pytest.param({"cluster": "box", "accounts": [VOCE, VOCE]},
                     "account voce: is listed twice; list it once", id="twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_slurm_is_asked(args: Result, message: str, call: Call) -> None:
    result = call(slurm_account, **args)
    assert result["failed"]
    assert message in result["msg"]


def test_whose_jobs_run_is_not_removed(kept: Slurm) -> None:
    kept.has(busy=["voce002"])
    refused = kept.call({**VOCE, "users": ["voce001"]}, exclusive=True)
    assert refused["failed"]
    assert "delete user where name=voce002 cluster=box account=voce: ended with 1" in refused["msg"]
    assert "cancel job(s) before remove" in refused["msg"]


def test_a_dead_daemon_is_named_with_what_was_said(slurm: Slurm) -> None:
    slurm.has(fault="sacctmgr: error: Unable to contact slurm database daemon\n")
    dead = slurm.call(VOCE)
    assert dead["msg"] == (
        "cluster box: slurmdbd does not answer (sacctmgr: error: Unable to contact slurm database daemon); "
        "see whether it and its database run"
    )
    assert (dead["failed"], dead["rc"]) == (True, 1)


def test_a_host_without_slurm_is_told_what_it_lacks(slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_runner, "PATH", "/nowhere")
    assert slurm.call(VOCE)["msg"] == "sacctmgr: not found in /nowhere; install the package that has it"
