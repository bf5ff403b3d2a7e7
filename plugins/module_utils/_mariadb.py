# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MariaDB server on this host, reached over its Unix socket. Private to this collection."""

from __future__ import annotations

import importlib
import typing as t
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError

# SQL with %s for each value that the driver is to quote.
Statement = tuple[str, tuple[t.Any, ...]]


class Connection(t.Protocol):
    """What is used of a PEP 249 connection."""

    def cursor(self) -> t.Any:
        """A cursor."""

    def commit(self) -> None:
        """End the transaction, keeping it."""

    def rollback(self) -> None:
        """End the transaction, dropping it."""

    def select_db(self, db: str) -> None:
        """Make a database the default one."""


class Server:
    """Reads rows, and writes statements that belong together in one transaction."""

    def __init__(self, connection: Connection, error: type[Exception]) -> None:
        self._connection = connection
        self._error = error

    def rows(self, sql: str, *values: t.Any) -> list[tuple[t.Any, ...]]:
        with self._connection.cursor() as cursor:
            self._execute(cursor, (sql, values))
            return list(cursor.fetchall())

    def write(self, statements: Iterable[Statement]) -> None:
        """All or nothing, as far as the server can: it commits by itself around CREATE, DROP and GRANT."""
        try:
            with self._connection.cursor() as cursor:
                for statement in statements:
                    self._execute(cursor, statement)
            self._connection.commit()
        except BoxError:
            self._connection.rollback()
            raise

    def load(self, database: str, script: str) -> None:
        """Run a script of SQL in a database."""
        self._connection.select_db(database)
        lines = (f"{line}\n" for line in script.splitlines() if not line.startswith(("#", "--")))
        pieces = (piece.strip() for piece in "".join(lines).split(";\n"))
        self.write((piece, ()) for piece in pieces if piece)

    def _execute(self, cursor: t.Any, statement: Statement) -> None:
        sql, values = statement
        try:
            cursor.execute(sql, values or None)
        except self._error as error:
            raise BoxError(f"MariaDB: refused `{sql}`: {error}; nothing of its transaction was kept") from error


class NoServer:
    """Stands where check mode finds no server yet: whatever is asked for is not there."""

    def rows(self, sql: str, *values: t.Any) -> list[tuple[t.Any, ...]]:
        return []

    def write(self, statements: Iterable[Statement]) -> None:
        raise BoxError("MariaDB: there is no server to write to; install and start it")

    def load(self, database: str, script: str) -> None:
        self.write([])


def connect(socket: str, user: str, *, check_mode: bool = False) -> Server | NoServer:
    """The server behind a socket. Where there is none yet, check mode goes on with an empty one."""
    try:
        driver = importlib.import_module("pymysql")
    except ImportError as error:
        if check_mode:
            return NoServer()
        raise BoxError("PyMySQL: not found by this host's Python; install python3-pymysql there") from error
    if check_mode and not Path(socket).exists():
        return NoServer()
    try:
        connection = driver.connect(unix_socket=socket, user=user, charset="utf8mb4")
    except driver.err.MySQLError as error:
        raise BoxError(
            f"{socket}: no MariaDB server lets {user} in there ({error}); "
            "start the server, become that user, or set login_unix_socket and login_user"
        ) from error
    return Server(connection, driver.err.MySQLError)
