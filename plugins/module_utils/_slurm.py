# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm's accounts and fair shares: read, compared, applied by sacctmgr. Private to this collection."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError, CommandError, Runner

# What needs no quoting in sacctmgr, whose lists are separated by commas.
NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
ROOT = "root"
# Seconds between two attempts to reach a slurmdbd that has just been started.
PAUSE = 2


@dataclass(frozen=True)
class Account:
    """An account of a cluster: its part of the machine, and who is billed to it."""

    name: str
    fair_share: int = 1
    # None leaves its users as they are.
    users: frozenset[str] | None = None


@dataclass
class Cluster:
    """What the accounting database says of a cluster."""

    exists: bool = False
    # Fair share of each account, and the users of each.
    shares: dict[str, int] = field(default_factory=dict)
    users: dict[str, set[str]] = field(default_factory=dict)
    # The account that a user's jobs go to when they name none. A new cluster has one for root.
    defaults: dict[str, str] = field(default_factory=lambda: {ROOT: ROOT})


def read_account(row: Mapping[str, t.Any]) -> Account:
    users = row.get("users")
    for name in [row["name"], *(users or [])]:
        if not NAME.fullmatch(name):
            raise BoxError(
                f"account {row['name']}: '{name}' is no name that Slurm keeps; write it in a-z, 0-9, '_', '.', '-'"
            )
    if row["name"] == ROOT:
        raise BoxError("account root: is Slurm's own, above all others; leave it out")
    if row["fair_share"] < 1:
        raise BoxError(f"account {row['name']}: fair_share {row['fair_share']} gives it nothing; set it to 1 or more")
    return Account(row["name"], row["fair_share"], None if users is None else frozenset(users))


class SlurmAccounts:
    """The accounts of one cluster."""

    def __init__(
        self, runner: Runner, cluster: str, accounts: Sequence[Account], exclusive: bool = False, wait: float = 0
    ) -> None:
        if not NAME.fullmatch(cluster):
            raise BoxError(f"cluster {cluster}: is no name that Slurm keeps; write it in a-z, 0-9, '_', '.', '-'")
        names = [account.name for account in accounts]
        for name in names:
            if names.count(name) > 1:
                raise BoxError(f"account {name}: is listed twice; list it once")
        self.runner = runner
        self.cluster = cluster
        self.accounts = accounts
        # The account that a listed user's jobs shall go to: the first of those that list it.
        self.homes: dict[str, str] = {}
        for account in accounts:
            for user in account.users or ():
                self.homes.setdefault(user, account.name)
        self.exclusive = exclusive
        self.wait = wait
        self.found = Cluster()

    def apply(self) -> list[str]:
        """Do what is missing; returns the commands, also those that check mode holds back."""
        self.found = self._read()
        done = []
        for words in self._plan():
            argv = ["sacctmgr", "--immediate", *words]
            self.runner.write(argv)
            done.append(" ".join(argv))
        return done

    def before(self) -> list[str]:
        shares, users = self.found.shares, self.found.users
        return sorted(self._lines({name: (share, users.get(name, set())) for name, share in shares.items()}))

    def after(self) -> list[str]:
        state = {} if self.exclusive else {n: (s, self.found.users.get(n, set())) for n, s in self.found.shares.items()}
        for account in self.accounts:
            users = self.found.users.get(account.name, set()) if account.users is None else set(account.users)
            if account.users is not None and not self.exclusive:
                users |= self.found.users.get(account.name, set())
            state[account.name] = (account.fair_share, users)
        return sorted(self._lines(state))

    @staticmethod
    def _lines(state: Mapping[str, tuple[int, set[str]]]) -> list[str]:
        return [
            f"{name}: share {share}, users {', '.join(sorted(users)) or 'none'}"
            for name, (share, users) in state.items()
        ]

    def _plan(self) -> list[list[str]]:
        found = self.found
        plan: list[list[str]] = []
        where = f"cluster={self.cluster}"
        if not found.exists:
            plan.append(["add", "cluster", self.cluster])
        for account in self.accounts:
            share = f"fairshare={account.fair_share}"
            if account.name not in found.shares:
                plan.append(["add", "account", account.name, where, share])
            elif found.shares[account.name] != account.fair_share:
                plan.append(["modify", "account", "where", f"name={account.name}", where, "set", share])
        for account in self.accounts:
            plan += self._plan_users(account, where)
        if self.exclusive:
            plan += self._plan_surplus(where)
        return plan

    def _plan_users(self, account: Account, where: str) -> list[list[str]]:
        wanted = account.users or frozenset()
        plan = []
        missing = sorted(wanted - self.found.users.get(account.name, set()))
        if missing:
            plan.append(["add", "user", ",".join(missing), where, f"account={account.name}"])
        # Someone new has the account as default already.
        elsewhere = sorted(
            name
            for name in wanted
            if self.homes[name] == account.name and self.found.defaults.get(name, account.name) != account.name
        )
        if elsewhere:
            names = f"name={','.join(elsewhere)}"
            plan.append(["modify", "user", "where", names, where, "set", f"defaultaccount={account.name}"])
        return plan

    def _plan_surplus(self, where: str) -> list[list[str]]:
        plan = []
        for account in self.accounts:
            if account.users is None:
                continue
            surplus = sorted(self.found.users.get(account.name, set()) - account.users)
            if surplus:
                names = f"name={','.join(surplus)}"
                plan.append(["delete", "user", "where", names, where, f"account={account.name}"])
        gone = sorted(set(self.found.shares) - {account.name for account in self.accounts} - {ROOT})
        if gone:
            plan.append(["delete", "account", "where", f"name={','.join(gone)}", where])
        return plan

    def _read(self) -> Cluster:
        found = Cluster()
        where = f"cluster={self.cluster}"
        for name, user, share in self._list("association", where, "format=account,user,share", patience=self.wait):
            # Each cluster has this one, and one that is not known has none.
            found.exists = True
            if name == ROOT:
                continue
            if user:
                found.users.setdefault(name, set()).add(user)
            else:
                found.shares[name] = int(share) if share.isdigit() else 0
        if found.exists:
            # Listed with associations it would be empty.
            rows = self._list("user", "withassoc", where, "format=user,defaultaccount")
            found.defaults = {user: default for user, default in rows if default}
        return found

    def _list(self, *words: str, patience: float = 0) -> list[list[str]]:
        argv = ["sacctmgr", "--noheader", "--parsable2", "list", *words]
        while True:
            try:
                said = self.runner.read(argv).stdout
                break
            except CommandError as error:
                if patience <= 0:
                    raise BoxError(
                        f"cluster {self.cluster}: slurmdbd does not answer ({error.run.last_words}); "
                        "see whether it and its database run",
                        **error.details,
                    ) from error
            self.runner.sleep(PAUSE)
            patience -= PAUSE
        return [line.split("|") for line in said.splitlines() if line]
