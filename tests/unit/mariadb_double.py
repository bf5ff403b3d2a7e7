# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test double for a MariaDB connection: SQLite in memory, so that statements do what they say.

Databases are attached files in memory. What only MariaDB knows (its catalogues, grants) is translated.
"""

from __future__ import annotations

import re
import sqlite3
import typing as t

from ansible_collections.egee.box.plugins.module_utils._mariadb import Server

# The tables that are used, as the package's schema has them, in words that SQLite knows too.
SCHEMA = """
-- a comment; with a semicolon
# another kind of comment
CREATE TABLE ca (cid INTEGER PRIMARY KEY, ca TEXT NOT NULL UNIQUE, cadescr TEXT);
CREATE TABLE `groups` (gid INTEGER PRIMARY KEY, dn TEXT NOT NULL UNIQUE,
  parent INTEGER REFERENCES `groups` (gid), must INTEGER NOT NULL);
CREATE TABLE roles (rid INTEGER PRIMARY KEY, role TEXT NOT NULL UNIQUE);
CREATE TABLE usr (userid INTEGER PRIMARY KEY, dn TEXT NOT NULL, ca INTEGER REFERENCES ca (cid), cn TEXT, mail TEXT);
CREATE TABLE m (mapping_id INTEGER PRIMARY KEY,
  userid INTEGER NOT NULL REFERENCES usr (userid) ON DELETE CASCADE,
  gid INTEGER NOT NULL REFERENCES `groups` (gid) ON DELETE CASCADE,
  rid INTEGER REFERENCES roles (rid) ON DELETE CASCADE, UNIQUE (userid, gid, rid));
CREATE TABLE seqnumber (seq TEXT PRIMARY KEY);
CREATE TABLE version (version INTEGER PRIMARY KEY);
"""


class MariadbDouble:
    """A connection. A statement that holds the text in refuse is refused; what was written is in written."""

    def __init__(self) -> None:
        self._sqlite = sqlite3.connect(":memory:")
        self._sqlite.execute("PRAGMA foreign_keys = ON")
        self._sqlite.execute("ATTACH ':memory:' AS mysql")
        self._sqlite.execute("CREATE TABLE mysql.user (User TEXT, Host TEXT, plugin TEXT)")
        self._sqlite.execute("CREATE TABLE mysql.db (User TEXT, Host TEXT, Db TEXT, Select_priv TEXT)")
        self.refuse: str | None = None
        self.written: list[str] = []
        self._default = "main"

    def server(self) -> Server:
        return Server(self, sqlite3.Error)

    def cursor(self) -> _CursorDouble:
        return _CursorDouble(self, self._sqlite.cursor())

    def commit(self) -> None:
        self._sqlite.commit()

    def rollback(self) -> None:
        self._sqlite.rollback()

    def select_db(self, db: str) -> None:
        self._default = db

    def execute(self, cursor: sqlite3.Cursor, sql: str, values: tuple[t.Any, ...]) -> None:
        if self.refuse and self.refuse in sql:
            raise sqlite3.OperationalError("refused by the test")
        if not sql.startswith("SELECT"):
            self.written.append(sql)
        for statement, its_values in self._translate(sql, values):
            cursor.execute(statement.replace("%s", "?"), its_values)

    def _translate(self, sql: str, values: tuple[t.Any, ...]) -> list[tuple[str, tuple[t.Any, ...]]]:
        if "information_schema.schemata" in sql:
            return [("SELECT 1 FROM pragma_database_list WHERE name = %s", values)]
        if "information_schema.tables" in sql:
            return [(f"SELECT name FROM `{values[0]}`.sqlite_master WHERE type = 'table'", ())]
        if match := re.fullmatch(r"CREATE DATABASE IF NOT EXISTS (`\S+`)", sql):
            return [(f"ATTACH ':memory:' AS {match[1]}", ())] if match[1] not in self._attached() else []
        if match := re.fullmatch(r"DROP DATABASE (`\S+`)", sql):
            return [(f"DETACH {match[1]}", ())]
        if match := re.fullmatch(r"GRANT SELECT ON `(\S+)`\.\* TO %s@'localhost' IDENTIFIED VIA unix_socket", sql):
            return [
                ("DELETE FROM mysql.user WHERE User = %s", values),
                ("INSERT INTO mysql.user VALUES (%s, 'localhost', 'unix_socket')", values),
                ("INSERT INTO mysql.db VALUES (%s, 'localhost', %s, 'Y')", (*values, match[1])),
            ]
        if match := re.fullmatch(r"REVOKE SELECT ON `(\S+)`\.\* FROM %s@'localhost'", sql):
            return [("DELETE FROM mysql.db WHERE User = %s AND Db = %s", (*values, match[1]))]
        if sql.startswith("CREATE TABLE"):
            return [(sql.replace("CREATE TABLE ", f"CREATE TABLE `{self._default}`.", 1), values)]
        return [(sql, values)]

    def _attached(self) -> set[str]:
        return {f"`{name}`" for (name,) in self._sqlite.execute("SELECT name FROM pragma_database_list")}


class _CursorDouble:
    def __init__(self, connection: MariadbDouble, cursor: sqlite3.Cursor) -> None:
        self._connection = connection
        self._cursor = cursor

    def __enter__(self) -> _CursorDouble:
        return self

    def __exit__(self, *_failure: object) -> None:
        self._cursor.close()

    def execute(self, sql: str, values: tuple[t.Any, ...] | None = None) -> None:
        self._connection.execute(self._cursor, sql, values or ())

    def fetchall(self) -> list[tuple[t.Any, ...]]:
        return self._cursor.fetchall()
