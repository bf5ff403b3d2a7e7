# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a MariaDB server, and what is done where there is none."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.egee.box.plugins.module_utils._mariadb import NoServer, Server, connect
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.tests.unit.mariadb_double import MariadbDouble


def test_check_mode_goes_on_without_a_server(tmp_path: Path) -> None:
    server = connect(str(tmp_path / "socket"), "root", check_mode=True)
    assert isinstance(server, NoServer)
    assert server.rows("SELECT 1") == []
    with pytest.raises(BoxError, match="there is no server to write to; install and start it"):
        server.load("db", "")


class Driver:
    """A test double of PyMySQL: whoever is in `users` is let in."""

    class Refused(Exception):
        pass

    err = SimpleNamespace(MySQLError=Refused)
    users = ("root",)

    @classmethod
    def connect(cls, unix_socket: str, user: str, charset: str) -> object:
        if user not in cls.users:
            raise cls.Refused("Access denied")
        return SimpleNamespace(socket=unix_socket)


def test_whoever_the_server_does_not_know_is_told_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", Driver)
    socket = tmp_path / "socket"
    assert isinstance(connect(str(socket), "root", check_mode=True), NoServer)
    socket.touch()
    assert isinstance(connect(str(socket), "root", check_mode=True), Server)
    with pytest.raises(BoxError, match=rf"^{socket}: no MariaDB server lets eve in there \(Access denied\); start the"):
        connect(str(socket), "eve")


def test_a_host_without_the_driver_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    assert isinstance(connect(str(tmp_path), "root", check_mode=True), NoServer)
    with pytest.raises(BoxError, match="^PyMySQL: not found by this host's Python; install python3-pymysql there$"):
        connect(str(tmp_path), "root")


def test_no_server_is_told_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(BoxError, match="install python3-pymysql there|start the server, become that user"):
        connect(str(tmp_path / "socket"), "root")


def test_a_script_is_run_statement_by_statement() -> None:
    double = MariadbDouble()
    double.server().load(
        "main", "-- one; comment;\n# another\nCREATE TABLE a (b TEXT);\n\nCREATE TABLE c (\n d TEXT\n);\n"
    )
    assert double.written == ["CREATE TABLE a (b TEXT)", "CREATE TABLE c (\n d TEXT\n)"]


def test_a_refusal_names_the_statement_and_drops_what_went_before() -> None:
    double = MariadbDouble()
    server = double.server()
    server.load("main", "CREATE TABLE a (b TEXT);\n")
    with pytest.raises(BoxError, match="MariaDB: refused `INSERT INTO nowhere VALUES .1.`: no such table"):
        server.write([("INSERT INTO a VALUES (1)", ()), ("INSERT INTO nowhere VALUES (1)", ())])
    assert server.rows("SELECT * FROM a") == []
