# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules' logic against the master itself: its protocol in between, and no socket."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.egee.box.plugins.module_utils._magrathea import Client, Nobody, Vms, diff, manage, wishes
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from magrathea.events import Event
from magrathea.front import Front, Peer
from magrathea.master import Master
from magrathea.model import Policy
from magrathea.plan import Step
from magrathea.sim.memory import MemoryStore
from magrathea.wire import ROOT

COMMON: dict[str, t.Any] = {"state": "present", "force": False}


class MasterDouble:
    """A test double for the machine: the real master, whose VMs come and go at once."""

    def __init__(self) -> None:
        self.front = Front(lambda: 0.0, lambda: 0.0, 1)
        policy = Policy("whole", 4)
        self.master = Master("m1", policy, MemoryStore(policy), self, lambda: 0.0)
        self.front.master = self.master
        self.asked: list[str] = []

    def ask(self, op: str, **fields: t.Any) -> dict[str, t.Any]:
        heard: list[dict[str, t.Any]] = []
        self.asked.append(op)
        self.front.received(Peer(ROOT, "0", heard.append, lambda: None), {"v": 1, "id": 1, "op": op, **fields})
        self.master.flush()
        if not heard[-1]["ok"]:
            raise BoxError(heard[-1]["text"])
        return heard[-1]

    def event(self, kind: str, vm: str, **fields: t.Any) -> None:
        self.master.submit(Event(kind, vm, **fields), lambda _answer: None)
        self.master.flush()

    # Its hands

    def do(self, _machine: object, step: Step, report: t.Callable[[str], None]) -> None:
        report("")
        if step.kind == "shutdown":
            self.event("seen", step.vm, present=False)
        elif step.kind == "create":
            self.event("register", step.vm, session="b/e")

    def destroy(self, vm: str) -> None: ...

    def reachable(self) -> set[str]:
        return {"n1", "p1"}


def run(master: MasterDouble, *, check: bool = False, **wanted: t.Any) -> tuple[list[str], dict[str, t.Any]]:
    vms = Vms(master, [{**COMMON, "name": "n1", **wanted}], 5, lambda _seconds: None)
    plan = vms.plan()
    if not check:
        vms.apply(plan)
    result = vms.result(plan, applied=not check)
    return result["actions"], result["vms"]["n1"]


def test_the_ladder() -> None:
    """Check, do, check again, do again, change, and the same for absent."""
    master = MasterDouble()
    wanted = {"memory": 512, "floor": 64}
    assert run(master, check=True, **wanted)[0] == ["defined n1"]
    assert run(master, check=True, **wanted)[1]["memory"] == 512
    assert "define" not in master.asked
    assert run(master, **wanted)[0] == ["defined n1"]
    assert run(master, **wanted)[0] == []
    assert run(master, check=True, memory=1024, floor=128)[0] == ["set memory of n1 to 1024", "set floor of n1 to 128"]
    assert run(master, memory=1024, floor=128)[1]["floor"] == 128
    assert master.asked.count("define") == 2, "both in one request"
    assert run(master, check=True, state="absent") == (["removed n1"], None)
    assert run(master, state="absent") == (["removed n1"], None)
    assert run(master, state="absent")[0] == []


def test_up_down_and_frozen() -> None:
    master = MasterDouble()
    with pytest.raises(BoxError, match="n1: is down and may not boot now"):
        run(master, bootable=False)
        run(master, state="up")
    run(master, bootable=True, priority=True)
    master.event("seen", "n1", present=False)
    assert run(master, check=True, state="up")[1]["state"] == "up"
    assert run(master, state="up")[0] == ["booted n1"]
    assert run(master, state="up")[0] == []
    master.event("start", "n1", job="1.x", cpus=1)
    with pytest.raises(BoxError, match=r"n1: is running-priority with the jobs 1\.x; wait"):
        run(master, state="down")
    assert run(master, state="frozen")[1]["state"] == "frozen"
    assert run(master, state="frozen")[0] == []
    assert run(master, state="up")[0] == ["defrosted n1"]
    with pytest.raises(BoxError, match="put it down first"):
        run(master, state="absent")
    assert run(master, state="absent", force=True)[0] == ["put n1 down", "removed n1"]


def test_a_state_that_never_comes_is_told() -> None:
    master = MasterDouble()
    run(master, bootable=True)
    master.event("register", "n1", session="b/e")
    master.do = lambda _machine, _step, report: report("")  # type: ignore[method-assign]
    with pytest.raises(BoxError, match="is shutting-down and not down after 5 s"):
        run(master, state="down")


def test_many_at_once() -> None:
    params = {"name": ["a"], "vms": [{"name": "b", "memory": 5, "state": None}], "state": "present", "memory": 7}
    assert wishes(params, ["state", "memory"]) == [
        {"name": "a", "state": "present", "memory": 7},
        {"name": "b", "state": "present", "memory": 5},
    ]
    vms = Vms(Nobody(), wishes({**params, "force": False}, ["state", "memory", "force"]), 5)
    assert diff(vms.plan())["after"] == {"a": {"defined": True}, "b": {"defined": True}}


def test_a_fresh_machine_in_check_mode(tmp_path: t.Any) -> None:
    params = {"socket": str(tmp_path / "none"), "timeout": 1, "name": ["a"], "vms": None, **COMMON}
    assert manage(params, list(COMMON), check_mode=True)["changed"]
    with pytest.raises(BoxError, match="run the role egee.box.magrathea"):
        manage(params, list(COMMON), check_mode=False)
    with pytest.raises(BoxError, match="none"):
        Client(params["socket"], 1)
