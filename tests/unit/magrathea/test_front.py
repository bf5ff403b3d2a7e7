# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peers of a master: a VM that speaks for others, or from an old connection, is not heard (T24, D19, D20)."""

from __future__ import annotations

import os
import random
import typing as t

from magrathea.events import Event
from magrathea.front import Front, Peer
from magrathea.master import Master
from magrathea.model import Policy
from magrathea.plan import Step
from magrathea.sim.memory import MemoryStore
from magrathea.wire import AGENT, BATCH, DEFROSTER, OPS, READER, ROOT, Malformed, decode


class Hands:
    """A test double: the VMM does at once whatever it is asked."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def do(self, _machine: object, step: Step, report: t.Callable[[str], None]) -> None:
        if step.kind in ("stop-jobs", "start-jobs"):
            self._front.do(step, report)
        else:
            report("")

    def destroy(self, vm: str) -> None: ...

    def reachable(self) -> set[str]:
        return self._front.reachable()


class Site:
    def __init__(self, mode: str = "whole") -> None:
        self.now = 0.0
        self.front = Front(lambda: self.now, lambda: self.now, 1, token="sesame")
        policy = Policy(mode, 8)
        self.master = Master("m1", policy, MemoryStore(policy), Hands(self.front), lambda: self.now)
        self.front.master = self.master
        for name in ("n1", "n2", "p1"):
            self.master.submit(Event("define", name, fields=(("priority", name == "p1"),)), lambda _answer: None)
        self.closed: list[str] = []
        # Agents that do not answer at once when they are told to stop or start jobs.
        self.mute = False

    def peer(self, role: str, name: str) -> tuple[Peer, list[dict[str, t.Any]]]:
        heard: list[dict[str, t.Any]] = []

        def send(message: dict[str, t.Any]) -> None:
            heard.append(message)
            if message.get("op") in ("suspend", "resume") and not self.mute:
                self.front.received(peer, {"v": 1, "id": message["id"], "ok": True})

        peer = Peer(role, name, send, lambda: self.closed.append(name))
        return peer, heard

    def say(self, peer: Peer, **message: object) -> None:
        self.front.received(peer, {"v": 1, "id": 1, **message})
        self.master.flush()

    def agent(self, name: str, session: str = "b/e") -> tuple[Peer, list[dict[str, t.Any]]]:
        peer, heard = self.peer(AGENT, name)
        self.say(peer, op="register", session=session, jobs=[])
        return peer, heard


START = {"op": "start", "job": "1.x", "kind": "normal", "cpus": 1, "session": "b/e", "seq": 1, "request": "r"}


def test_a_vm_speaks_for_itself_on_its_newest_connection() -> None:
    site = Site()
    old, heard = site.agent("n1")
    site.say(old, **{**START, "vm": "n2"})
    assert "speaks for itself" in heard[-1]["text"]
    new, heard_new = site.agent("n1")
    assert site.closed == ["n1"]
    site.say(old, **START)
    assert heard[-1]["error"] == "unregistered"
    site.say(new, **START)
    assert heard_new[-1]["ok"]
    assert not site.master.machine.vms["n2"].jobs
    site.front.gone(new)
    assert site.front.reachable() == set()


def test_who_may_defrost() -> None:
    site = Site()
    for role, fields, ok in (
        (READER, {}, False),
        (AGENT, {}, False),
        (BATCH, {"token": "wrong"}, False),
        (BATCH, {"token": "sesame"}, True),
        (DEFROSTER, {}, True),
    ):
        peer, heard = site.peer(role, "n1")
        site.say(peer, op="defrost", vm="n1" if role == AGENT else "p1", **fields)
        assert heard[-1]["ok"] == ok, (role, heard)


def test_questions_are_answered_whatever_is_under_way() -> None:
    """D16."""
    site = Site()
    n1, heard = site.agent("n1")
    p1, heard_p1 = site.agent("p1")
    site.say(n1, **{**START, "kind": "preemptible"})
    site.mute = True
    site.say(p1, **{**START, "job": "2.x"})
    stop = next(message for message in reversed(heard) if message.get("op") == "suspend")
    root, answers = site.peer(ROOT, "0")
    for op in ("ping", "status", "describe", "history", "actual"):
        site.say(root, op=op)
        assert answers[-1]["ok"]
    site.say(root, op="status", vm="n1")
    site.say(root, op="status", vm="n9")
    assert "no such VM" in answers[-1]["text"]
    site.say(root, op="status")
    assert answers[-1]["switching"] == "start 2.x"
    site.say(n1, op="lost")
    assert heard[-1]["lost"] == {"1.x": 0.0}
    site.say(n1, op="status")
    assert list(heard[-1]["vms"]) == ["n1"], "not a word about its neighbours"
    site.mute = False
    site.front.received(n1, {"v": 1, "id": stop["id"], "ok": True})
    site.master.flush()
    assert any(message.get("took") for message in heard_p1)


def test_watchers_hear_what_changes_once() -> None:
    site = Site()
    reader, heard = site.peer(READER, "9")
    site.say(reader, op="watch")
    before = heard[-1]["version"]
    site.agent("n1")
    site.front.publish()
    assert heard[-1]["op"] == "publish"
    assert heard[-1]["version"] > before
    assert list(heard[-1]["vms"]) == ["n1"]
    count = len(heard)
    site.front.publish()
    assert len(heard) == count
    site.front.publish(full=True)
    assert heard[-1]["full"]
    site.master.submit(Event("remove", "p1"), lambda _answer: None)
    site.front.publish()
    assert heard[-1]["gone"] == ["p1"]
    site.front.gone(reader)


def test_a_silent_or_refusing_agent_fails_the_switch() -> None:
    """T20, without the wait."""
    for how in ("refuses", "goes", "hangs"):
        site = Site()
        n1, heard = site.agent("n1")
        site.say(n1, **{**START, "kind": "preemptible"})
        assert site.master.machine.vms["n1"].word == "running-preemptible"
        p1, heard_p1 = site.agent("p1")
        site.mute = True
        site.say(p1, **{**START, "job": "2.x"})
        stop = next(message for message in reversed(heard) if message.get("op") == "suspend")
        if how == "refuses":
            site.front.received(n1, {"v": 1, "id": stop["id"], "ok": False, "text": "cannot"})
        elif how == "goes":
            site.front.gone(n1)
        else:
            site.now += 100
            site.master.wake()
        site.master.flush()
        answer = next(message for message in reversed(heard_p1) if message.get("ok") is False)
        assert "all is as it was before" in answer["text"]
        assert site.master.machine.vms["n1"].word == "running-preemptible"
        assert "stop-jobs of n1" in site.master.machine.fault


def garbage(rng: random.Random) -> dict[str, t.Any]:
    """Something that looks like a message, more or less."""
    values: list[t.Any] = ["n1", "p1", "n9", "", "a b", "$(x)", 0, 1, -1, 1 << 70, True, None, [], {}, ["1.x"], "b/e"]
    values += [1.5, {"memory": 5}, {"priority": True}, "normal", "preemptible", "all", "x" * 300, "\x00", "\ud800"]
    keys = ["vm", "job", "kind", "cpus", "session", "seq", "jobs", "pending", "fields", "force", "reservation", "token"]
    message = {key: rng.choice(values) for key in rng.sample(keys, rng.randint(0, 6))}
    return {
        "v": 1,
        "id": rng.randint(0, 99),
        rng.choice(["op", "op", "op", "ok"]): rng.choice([*OPS, "x", True]),
        **message,
    }


def fuzz(messages: int, seed: int) -> None:
    """Readers and unregistered agents change nothing; garbage from anybody breaks nothing."""
    rng = random.Random(seed)
    site = Site("cpus")
    agents = [site.agent(name)[0] for name in ("n1", "p1")]
    strangers = [site.peer(READER, "9")[0], site.peer(AGENT, "n2")[0], site.peer("nobody", "x")[0]]
    for _number in range(messages):
        message = garbage(rng)
        message = {**message, "op": str(message["op"])} if "op" in message else {**message, "ok": bool(message["ok"])}
        if message.get("op") == "register" or message.get("token") == "sesame":
            continue
        stranger = rng.random() < 0.5
        peer = rng.choice(strangers if stranger else agents)
        before = site.master.machine
        site.front.received(peer, message)
        site.master.flush()
        if stranger:
            assert site.master.machine is before, message
        peer.watches = False
        site.now += 0.01
        if rng.random() < 0.01:
            raw = bytes(rng.randrange(256) for _byte in range(rng.randrange(60)))
            try:
                decode(raw)
            except Malformed:
                continue


def test_garbage_breaks_nothing() -> None:
    """MAGRATHEA_FUZZ=1000000 for more of it."""
    fuzz(int(os.environ.get("MAGRATHEA_FUZZ", "20000")), 1)
