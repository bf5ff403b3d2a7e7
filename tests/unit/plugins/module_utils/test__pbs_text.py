# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What qmgr prints is read from the recordings of a real one, and from what nobody should have to read."""

from __future__ import annotations

from base64 import b64encode

import pytest
from ansible_collections.egee.box.plugins.module_utils._pbs import text
from ansible_collections.egee.box.plugins.module_utils._pbs.text import Complaint
from ansible_collections.egee.box.tests.unit.standin_pbs import transcript


def recorded(name: str, command: str) -> str:
    return next(record.stdout for record in transcript(name) if record.command.startswith(command))


def test_a_server_is_read_with_its_blanks() -> None:
    (server,) = text.listing(recorded("00-first-start", "qmgr -c 'list server'"))
    assert (server.kind, server.name) == ("Server", "pbs1")
    assert server.attributes["state_count"].endswith("Begun:0 ")
    assert server.attributes["pbs_version"] == "23.06.06"
    assert not server.folded


def test_entries_of_a_limit_are_joined() -> None:
    (queue,) = text.listing(recorded("01-qmgr-objects", "qmgr -c 'set queue bare max_run = \"[u:PBS"))
    assert queue.attributes == {"max_run": "[o:PBS_ALL=10],[u:PBS_GENERIC=2],[u:alice=5]"}


def test_folded_lines_are_joined_and_remembered() -> None:
    hooks = text.listing(recorded("03-hooks-admin", "qmgr -c 'list hook'; echo"))
    assert [hook.name for hook in hooks][0] == "pbs_cgroups"
    assert hooks[0].attributes["event"].split(",")[-2:] == ["exechost_periodic", "exechost_startup"]
    assert hooks[0].folded == {"event"}


def test_a_long_access_list_is_read_whole() -> None:
    start = 'qmgr -c "set queue q1 acl_users'
    shown = next(
        record.stdout
        for record in transcript("02-qmgr-errors-quoting")
        if "user%d@host%d" in record.command or record.command.startswith(start)
    )
    (queue,) = text.listing(shown[shown.index("Queue q1") :].split("\n\n")[0])
    assert len(queue.attributes["acl_users"].split(",")) == 400 or len(queue.attributes["acl_users"].split(",")) > 190


def test_a_comment_with_a_line_break_stays_one_value() -> None:
    shown = "Node a\n    comment = line1\nline2\n    Priority = 3\n\nNode b\n    comment = x\n\n"
    first, second = text.listing(shown)
    assert first.attributes == {"comment": "line1\nline2", "Priority": "3"}
    assert second.attributes == {"comment": "x"}


@pytest.mark.parametrize(
    "garbage", ["", "\n\n", "Max open servers: 49\n", "nonsense\n  = \n\t\n", "    a = b\n", "\x00\xff\n"]
)
def test_garbage_is_no_object(garbage: str) -> None:
    assert text.listing(garbage) == []
    assert text.printed(garbage) == {}
    assert text.bodies(garbage) == {}


def test_printed_values_are_whole() -> None:
    shown = (
        'set queue q comment = "a,  b"\nset queue q acl_users = adam\nset queue q acl_users += " zed"\n'
        'set server comment = \'say "hi"\'\nset node n resources_available.tx = " a"\n'
    )
    assert text.printed(shown) == {
        ("q", "comment"): "a,  b",
        ("q", "acl_users"): "adam, zed",
        ("", "comment"): 'say "hi"',
        ("n", "resources_available.tx"): " a",
    }


def test_bodies_of_hooks_are_decoded() -> None:
    shown = next(
        record.stdout
        for record in transcript("03-hooks-admin")
        if record.command.startswith("qmgr -c 'set hook magrathea_qj order = 5")
    )
    body = text.bodies(shown)["magrathea_qj"]
    assert body["content"].startswith("import pbs\ne = pbs.event()\n")
    assert body["config"] == ""


@pytest.mark.parametrize("content", ["", "pass\n", "é\n\n\nquit\nexit\n" * 40, "no end"])
def test_a_body_is_written_as_it_is_read(content: str) -> None:
    lines = list(text.encoded(content))
    assert lines[-1] == ""
    assert "" not in lines[:-1]
    shown = "\n".join(["import hook h application/x-python base64 -", *lines, ""])
    assert text.bodies(shown) == {"h": {"content": content}}


def test_a_long_body_comes_in_pieces_that_are_padded_each() -> None:
    pieces = [b"x = 1\n" * 85 + b"\n\n", b"# \xc3\xa9\n"]
    shown = "\n".join(
        ["import hook h application/x-python base64 -", *(b64encode(piece).decode() for piece in pieces), ""]
    )
    assert text.bodies(shown) == {"h": {"content": b"".join(pieces).decode()}}


COMPLAINTS: dict[str, tuple[str, list[Complaint]]] = {
    "an object, with its number": (
        "qmgr obj=nosuch svr=default: Unknown queue\nqmgr: Error (15018) returned from server\n",
        [Complaint("nosuch", "Unknown queue", 15018)],
    ),
    "only a number": ("qmgr: Error (15028) returned from server\n", [Complaint("", "PBS error 15028", 15028)]),
    "a hook": (
        "qmgr obj=h svr=default: hook name 'h' is pending delete, try another name\n"
        "qmgr: hook error returned from server\n",
        [Complaint("h", "hook name 'h' is pending delete, try another name")],
    ),
    "a syntax error, with its directive": (
        "qmgr: Syntax error\nset server bogus_attr = 1\n                      ^\n",
        [Complaint("", "qmgr does not understand: set server bogus_attr = 1")],
    ),
    "no connection": (
        "Connection refused\nqmgr: cannot connect to server \n",
        [Complaint("", "Connection refused"), Complaint("", "qmgr: cannot connect to server")],
    ),
    "chatter": ("hook 'h' contents overwritten\n\n", []),
    "two objects": (
        "qmgr obj=a svr=default: Unknown node \nqmgr: Error (15062) returned from server\n"
        "qmgr obj=b svr=default: Unknown node \nqmgr: Error (15062) returned from server\n",
        [Complaint("a", "Unknown node", 15062), Complaint("b", "Unknown node", 15062)],
    ),
}


@pytest.mark.parametrize("title", COMPLAINTS)
def test_complaints_are_read_one_by_one(title: str) -> None:
    shown, found = COMPLAINTS[title]
    assert text.complaints(shown) == found
