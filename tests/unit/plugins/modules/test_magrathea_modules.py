# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""magrathea_vm and magrathea_vm_info as they are called, against a socket that answers as a master does."""

from __future__ import annotations

import json
import socketserver
import threading
import typing as t
from pathlib import Path
from types import ModuleType

import pytest
from ansible_collections.egee.box.plugins.modules import magrathea_vm, magrathea_vm_info

Result = dict[str, t.Any]
Call = t.Callable[..., Result]

DEFINITION = {"uuid": "", "priority": False, "bootable": False, "memory": 0, "floor": 0, "kept": 0, "label": ""}


class MasterDouble(socketserver.ThreadingUnixStreamServer):
    """A test double for a master: it defines and removes whatever it is asked to, and its VMs are down."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Speaker)
        self.path = str(path)
        self.vms: dict[str, Result] = {}

    def answer(self, message: Result) -> Result:
        op, name = message["op"], message.get("vm", "")
        if op == "define":
            self.vms[name] = {**DEFINITION, **self.vms.get(name, {}), **message["fields"]}
        elif op == "remove":
            del self.vms[name]
        elif op == "describe":
            return {"ok": True, "vms": self.vms}
        elif op == "status":
            shown = {name: {"state": "down", "accept": [], "jobs": []} for name in self.vms}
            books = {"T": 1, "O": 0, "U": 0, "R": 0}
            machine = {"machine": "m1", "mode": "whole", "cpus": 1, "memory": 0, "books": books, "fault": ""}
            return {"ok": True, **machine, "vms": shown}
        else:
            return {"ok": False, "error": "refused", "text": f"{name}: {op} is refused"}
        return {"ok": True}


class Speaker(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, MasterDouble)
        for line in self.rfile:
            message = json.loads(line)
            reply = {"v": 1, "id": message["id"], **self.server.answer(message)}
            self.wfile.write(json.dumps(reply).encode() + b"\n")


@pytest.fixture
def master(tmp_path: Path) -> t.Iterator[MasterDouble]:
    with MasterDouble(tmp_path / "socket") as double:
        thread = threading.Thread(target=double.serve_forever, args=(0.01,))
        thread.start()
        yield double
        double.shutdown()
        thread.join()


def test_the_ladder(master: MasterDouble, call: Call) -> None:
    both = [{"name": "n1"}, {"name": "p1", "priority": True}]
    pair = {"socket": master.path, "floor": 256, "memory": 1024, "vms": both}
    would = call(magrathea_vm, **pair, _ansible_check_mode=True, _ansible_diff=True)
    assert would["changed"]
    assert would["diff"]["after"] == {"n1": {"defined": True}, "p1": {"defined": True}}
    assert would["vms"]["p1"]["memory"] == 1024
    assert master.vms == {}
    made = call(magrathea_vm, **pair)
    assert made["actions"] == would["actions"] == ["defined n1", "defined p1"]
    assert master.vms["p1"] == {**DEFINITION, "priority": True, "memory": 1024, "floor": 256}
    again = call(magrathea_vm, **pair)
    assert (again["changed"], again["actions"]) == (False, [])
    told = call(magrathea_vm_info, socket=master.path, name=["p1"])
    assert not told["changed"]
    assert told["machine"]["mode"] == "whole"
    assert list(told["vms"]) == ["p1"]
    assert told["vms"]["p1"]["state"] == "down"
    gone = call(magrathea_vm, socket=master.path, name=["n1", "p1"], state="absent")
    assert gone["vms"] == {"n1": None, "p1": None}
    assert master.vms == {}


def test_what_the_master_refuses_is_told_in_its_words(master: MasterDouble, call: Call) -> None:
    call(magrathea_vm, socket=master.path, name=["p1"])
    refused = call(magrathea_vm, socket=master.path, name=["p1"], state="frozen")
    assert refused["failed"]
    assert refused["msg"] == "p1: freeze is refused"
    unknown = call(magrathea_vm_info, socket=master.path, name=["p2"])
    assert unknown["msg"] == "p2: no such VM on m1; known are p1"


@pytest.mark.parametrize("module", [magrathea_vm, magrathea_vm_info])
def test_a_master_that_is_not_there_is_missed(module: ModuleType, tmp_path: Path, call: Call) -> None:
    nobody = call(module, socket=f"{tmp_path}/none", name=["n1"])
    assert nobody["failed"]
    assert "run the role egee.box.magrathea" in nobody["msg"]


def test_check_mode_foresees_a_fresh_machine(tmp_path: Path, call: Call) -> None:
    would = call(magrathea_vm, socket=f"{tmp_path}/none", name=["n1"], _ansible_check_mode=True)
    assert would["actions"] == ["defined n1"]


def test_somebody_must_be_named(call: Call) -> None:
    assert "one of the following is required: name, vms" in call(magrathea_vm)["msg"]
