# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a MariaDB server, and what is done where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._mariadb import NoServer, connect
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.tests.unit.mariadb_double import MariadbDouble


def test_check_mode_goes_on_without_a_server(tmp_path: Path) -> None:
    server = connect(str(tmp_path / "socket"), "root", check_mode=True)
    assert isinstance(server, NoServer)
    assert server.rows("SELECT 1") == []
    with pytest.raises(BoxError, match="there is no server to write to; install and start it"):
        server.load("db", "")


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
