# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outbox of an agent: which jobs its VM holds, and what the master has yet to be told of them.

On the disk before anybody is told that it is done, so that the end of a job survives every restart.
"""

from __future__ import annotations

import json
import sqlite3
import typing as t
from pathlib import Path

# A job whose prologue waits for the master; one that the master knows; one that runs here though the master does
# not know it, which is asked for; and one that it had no room for.
STARTING, LIVE, ADOPTING, UNBOOKED = "starting", "live", "adopting", "unbooked"


class Held(t.NamedTuple):
    """A job in this VM."""

    id: str
    state: str
    kind: str
    cpus: int | str
    request: str
    label: str = ""
    # Seconds lost to others, as the master last said.
    lost: float = 0.0
    # What finds its processes, where the batch system told: a process id.
    process: int = 0


class Outbox(t.Protocol):
    epoch: str

    def boot(self, boot: str) -> None: ...

    def jobs(self) -> dict[str, Held]: ...

    def put(self, held: Held) -> None: ...

    def drop(self, job: str) -> None: ...

    def add(self, message: dict[str, t.Any]) -> int: ...

    def head(self) -> tuple[int, dict[str, t.Any]] | None: ...

    def remove(self, number: int) -> None: ...

    def flush(self) -> None: ...


class SqliteOutbox:
    def __init__(self, path: Path, epoch: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(
            "CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, value TEXT NOT NULL);"
            "CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL);"
            "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
        )
        # An outbox that was lost begins anew, with another name, so that its numbers are not taken for the old ones.
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (epoch,))
        self.epoch: str = self._db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
        self._open = False

    def boot(self, boot: str) -> None:
        """Another boot of the VM: no job of the last one is left, and nothing need be said of them."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'boot'").fetchone()
        if row is None or row[0] != boot:
            self._run("DELETE FROM job", ())
            self._run("DELETE FROM outbox", ())
            self._run("INSERT OR REPLACE INTO meta VALUES ('boot', ?)", (boot,))
            self.flush()

    def jobs(self) -> dict[str, Held]:
        rows = self._db.execute("SELECT id, value FROM job ORDER BY rowid")
        return {key: Held(*json.loads(value)) for key, value in rows}

    def put(self, held: Held) -> None:
        self._run("INSERT OR REPLACE INTO job VALUES (?, ?)", (held.id, json.dumps(held)))

    def drop(self, job: str) -> None:
        self._run("DELETE FROM job WHERE id = ?", (job,))

    def add(self, message: dict[str, t.Any]) -> int:
        return int(self._run("INSERT INTO outbox (message) VALUES (?)", (json.dumps(message),)).lastrowid or 0)

    def head(self) -> tuple[int, dict[str, t.Any]] | None:
        row = self._db.execute("SELECT number, message FROM outbox ORDER BY number LIMIT 1").fetchone()
        return (row[0], json.loads(row[1])) if row else None

    def remove(self, number: int) -> None:
        self._run("DELETE FROM outbox WHERE number = ?", (number,))

    def flush(self) -> None:
        if self._open:
            self._db.execute("COMMIT")
            self._open = False

    def close(self) -> None:
        self.flush()
        self._db.close()

    def _run(self, sql: str, values: tuple[t.Any, ...]) -> sqlite3.Cursor:
        if not self._open:
            self._db.execute("BEGIN IMMEDIATE")
            self._open = True
        return self._db.execute(sql, values)
