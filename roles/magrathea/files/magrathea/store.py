# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a machine: SQLite, written before anything is done, so that power may fail at any point.

Definitions and run state are apart, a record is whole or set aside, and many writes are one commit (`flush`).
"""

from __future__ import annotations

import json
import sqlite3
import typing as t
from pathlib import Path

from .model import Ended, Job, Machine, Policy, Reservation, Vm
from .plan import Actual

SCHEMA = 1
DEFINED = ("name", "uuid", "priority", "bootable", "memory", "floor", "kept", "label")

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS definition (name TEXT PRIMARY KEY, place INTEGER NOT NULL, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS actual (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS times (key TEXT PRIMARY KEY, value REAL NOT NULL);
CREATE TABLE IF NOT EXISTS history (number INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, vm TEXT NOT NULL,
  text TEXT NOT NULL);
"""


class Entry(t.NamedTuple):
    """One line of the history."""

    kind: str
    vm: str
    text: str


class Store(t.Protocol):
    """What a master asks of its journal. Nothing is safe before `flush`."""

    def load(self, name: str, policy: Policy) -> tuple[Machine, dict[str, Actual], list[str]]: ...

    def machine(self, before: Machine, after: Machine) -> None: ...

    def actual(self, vm: str, actual: Actual) -> None: ...

    def intent(self, text: str) -> None: ...

    def ended(self, ended: t.Iterable[Ended]) -> None: ...

    def entry(self, entry: Entry) -> None: ...

    def time(self, key: str, seconds: float) -> None: ...

    def times(self) -> dict[str, float]: ...

    def flush(self) -> None: ...


def dump_vm(vm: Vm) -> tuple[str, str]:
    """A VM as text: what it is, and how it is."""
    fields = vm._asdict()
    fields["jobs"] = [list(job) for job in vm.jobs]
    definition = {key: fields.pop(key) for key in DEFINED}
    return json.dumps(definition), json.dumps(fields)


def load_vm(definition: str, state: str | None) -> Vm:
    vm = Vm(**json.loads(definition))
    if state is None:
        return vm
    fields = json.loads(state)
    fields["jobs"] = tuple(Job(*job) for job in fields["jobs"])
    return vm._replace(**fields)


class SqliteStore:
    def __init__(self, path: Path, boot: str, clock: t.Callable[[], float], wall: t.Callable[[], float]) -> None:
        self._boot, self._clock, self._wall = boot, clock, wall
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        # A commit is on the disk when it returns: what was answered must survive a loss of power.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)
        self._open = False
        self._paired = float("-inf")
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (str(SCHEMA),))
        schema = int(self._meta("schema") or 0)
        if schema != SCHEMA:
            raise ValueError(
                f"{path}: is of schema {schema}, and this program knows {SCHEMA}; use the one that made it"
            )

    def load(self, name: str, policy: Policy) -> tuple[Machine, dict[str, Actual], list[str]]:
        """The machine as it was left, and what was set aside because it could not be read (D23)."""
        shift, aside = self._shift(), []
        vms: dict[str, Vm] = {}
        states = dict(self._db.execute("SELECT name, value FROM state"))
        for key, definition in self._db.execute("SELECT name, value FROM definition ORDER BY place"):
            try:
                vms[key] = _shifted(load_vm(definition, states.get(key)), shift)
            except (ValueError, TypeError, KeyError) as error:
                aside.append(f"{key}: its record cannot be read ({error}); it counts as down")
                vms[key] = Vm(key, absent=False)
        reservations = tuple(Reservation(*entry) for entry in json.loads(self._meta("reservations") or "[]"))
        reservations = tuple(r._replace(expires=r.expires + shift) for r in reservations if r.vm in vms)
        actual = {key: Actual(*json.loads(value)) for key, value in self._db.execute("SELECT name, value FROM actual")}
        if shift:
            # Another boot of the machine: whatever its VMs had been made to be is gone with them.
            actual = {}
        if intent := self._meta("intent"):
            aside.append(f"stopped in the middle of: {intent}")
        self._put("boot", self._boot)
        self.flush()
        return Machine(name, policy, vms, reservations), actual, aside

    def machine(self, before: Machine, after: Machine) -> None:
        for place, (name, vm) in enumerate(after.vms.items()):
            old = before.vms.get(name)
            if vm is old:
                continue
            definition, state = dump_vm(vm)
            if old is None or any(getattr(old, key) != getattr(vm, key) for key in DEFINED):
                self._run("INSERT OR REPLACE INTO definition VALUES (?, ?, ?)", (name, place, definition))
            self._run("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, state))
        for name in before.vms.keys() - after.vms.keys():
            for table in ("definition", "state", "actual"):
                self._run(f"DELETE FROM {table} WHERE name = ?", (name,))
        if before.reservations != after.reservations:
            self._put("reservations", json.dumps(after.reservations))

    def actual(self, vm: str, actual: Actual) -> None:
        self._run("INSERT OR REPLACE INTO actual VALUES (?, ?)", (vm, json.dumps(actual)))

    def intent(self, text: str) -> None:
        self._put("intent", text)

    def ended(self, ended: t.Iterable[Ended]) -> None:
        for job in ended:
            self.entry(Entry("ended", job.vm, json.dumps(job._asdict())))

    def entry(self, entry: Entry) -> None:
        self._run("INSERT INTO history (at, kind, vm, text) VALUES (?, ?, ?, ?)", (self._wall(), *entry))

    def history(self, last: int, vm: str = "") -> list[dict[str, t.Any]]:
        where, values = ("WHERE vm = ?", (vm, last)) if vm else ("", (last,))
        rows = self._db.execute(
            f"SELECT number, at, kind, vm, text FROM history {where} ORDER BY number DESC LIMIT ?", values
        ).fetchall()
        names = ("number", "at", "kind", "vm", "text")
        return [dict(zip(names, row, strict=True)) for row in reversed(rows)]

    def time(self, key: str, seconds: float) -> None:
        self._run("INSERT OR REPLACE INTO times VALUES (?, ?)", (key, seconds))

    def times(self) -> dict[str, float]:
        return dict(self._db.execute("SELECT key, value FROM times"))

    def flush(self) -> None:
        if self._open:
            # The pair of clocks, now and then: so times mean something after a boot of the machine as well (D34).
            if self._clock() >= self._paired + 10:
                self._paired = self._clock()
                self._put("clocks", json.dumps([self._paired, self._wall()]))
            self._db.execute("COMMIT")
            self._open = False

    def close(self) -> None:
        self.flush()
        self._db.close()

    def trim(self, keep: int) -> None:
        """Forget all but the latest lines of the history."""
        self._run("DELETE FROM history WHERE number <= (SELECT max(number) FROM history) - ?", (keep,))
        self.flush()

    def _run(self, sql: str, values: tuple[t.Any, ...]) -> None:
        if not self._open:
            self._db.execute("BEGIN IMMEDIATE")
            self._open = True
        self._db.execute(sql, values)

    def _put(self, key: str, value: str) -> None:
        self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _meta(self, key: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def _shift(self) -> float:
        """What to add to stored times: nothing within one boot, else the difference of the boots' clocks."""
        if not self._meta("clocks") or self._meta("boot") == self._boot:
            return 0.0
        clock, wall = json.loads(self._meta("clocks"))
        return float(self._clock() - clock - (self._wall() - wall))


def _shifted(vm: Vm, shift: float) -> Vm:
    if not shift:
        return vm
    jobs = tuple(job._replace(started=job.started + shift) for job in vm.jobs)
    return vm._replace(since=vm.since + shift, changed=vm.changed + shift, jobs=jobs)
