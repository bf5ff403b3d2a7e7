# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes over the wire, who may say it, what is published and cached, and what the daemons are told."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from bench import cpus, whole
from magrathea.cache import PUBLISHER, Cache
from magrathea.config import AgentConfig, CacheConfig, ConfigError, MasterConfig, load, parse
from magrathea.front import Peer
from magrathea.publish import format_line, line_of, parse_line, records
from magrathea.wire import AGENT, LONGEST, READER, ROOT, Malformed, check, decode, encode, lines


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"boo", "not a line of JSON"),
        (b"[1]", "not a JSON object"),
        (b"[" * 100_000, "not a line of JSON"),
        (b'{"op":"ping"}', "version 'None'"),
        (b'{"v":2,"op":"ping"}', "version '2'"),
        (b'{"v":1}', "neither a request"),
        (b'{"v":1,"op":"ping","ok":true}', "neither a request"),
        (b'{"v":1,"op":5}', "op is no text"),
        (b'{"v":1,"ok":"yes"}', "op is no text, or ok"),
        (b'{"v":1,"op":"ping","id":-1}', "no small number"),
        (b'{"v":1,"op":"ping","id":true}', "no small number"),
        (b"x" * (LONGEST + 1), "the longest is"),
    ],
)
def test_what_is_no_message_is_refused(line: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        decode(line)


def test_lines_are_taken_out_of_a_stream() -> None:
    buffer = bytearray(encode({"op": "ping"}) + b"\n  \n" + encode({"op": "watch"}) + b'{"half')
    assert [decode(line)["op"] for line in lines(buffer)] == ["ping", "watch"]
    assert bytes(buffer) == b'{"half'
    with pytest.raises(Malformed, match="without an end"):
        list(lines(bytearray(b"x" * (LONGEST + 1))))


START = {"op": "start", "job": "1.x", "kind": "normal", "cpus": 1}


@pytest.mark.parametrize(
    ("message", "role", "why"),
    [
        ({"op": "explode"}, ROOT, "no such request"),
        ({"op": "boot", "vm": "n1"}, AGENT, "a agent may not"),
        ({"op": "start", "job": "1.x", "kind": "normal"}, AGENT, "cpus is missing"),
        ({**START, "cpus": 0}, AGENT, "cpus is not a cpus: '0'"),
        ({**START, "cpus": True}, AGENT, "cpus is not"),
        ({**START, "cpus": "many"}, AGENT, "cpus is not"),
        ({**START, "kind": "inner"}, AGENT, "kind is not"),
        ({**START, "job": "$(reboot)"}, AGENT, "job is not a name"),
        ({**START, "job": 5}, AGENT, "job is not a name"),
        ({**START, "more": 1}, AGENT, "no such field: 'more'"),
        ({"op": "register", "session": "a", "jobs": []}, AGENT, "session is not"),
        ({"op": "sync", "jobs": ["a b"]}, AGENT, "jobs is not"),
        ({"op": "define", "vm": "n1", "fields": {"memory": -1}}, ROOT, "fields is not"),
        ({"op": "define", "vm": "n1", "fields": {"life": "up"}}, ROOT, "fields is not"),
        ({"op": "define", "vm": "n1", "fields": {"priority": 1}}, ROOT, "fields is not"),
        ({"op": "history", "last": 0}, READER, "last is not"),
        ({"op": "down", "vm": "n1", "force": "yes"}, ROOT, "force is not"),
        ({"op": "defrost", "vm": "n1", "token": 5}, ROOT, "token is not"),
        ({"op": "unregister", "seq": 0}, AGENT, "seq is not"),
    ],
)
def test_requests_are_checked_before_anything_sees_them(message: dict[str, t.Any], role: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        check({"v": 1, "id": 1, **message}, role)


def test_the_published_line_says_what_the_record_says() -> None:
    """I9."""
    b = cpus("N1", "N2", "P1")
    b.define("N3", bootable=True)
    b.do("seen", "N3", present=False)
    b.start("P1", "service", 2)
    b.ok("freeze", "P1")
    b.start("N1", "a", 3, "preemptible")
    for boots in (False, True):
        if boots:
            b.ok("stop", "N1", job="a")
            b.boot("N3")
        for shown in records(b.machine, b.now, 5000.0).values():
            line = line_of(shown, "[::1]:99")
            assert parse_line(format_line(line)) == line
            assert " " not in format_line(line)
    shown = records(b.machine, b.now, 5000.0)
    assert {name: record["state"] for name, record in shown.items()} == {
        "N1": "occupied-booting",
        "N2": "occupied-booting",
        "P1": "frozen",
        "N3": "booting",
    }, "D30: a boot hides nothing but room"
    assert "defrost=[::1]:99" in format_line(line_of(shown["P1"], "[::1]:99"))
    assert all(record["boot"] == "N3" for record in shown.values())


def test_lost_time_is_published_in_whole_mode_too() -> None:
    """D26."""
    b = whole("N1", "P1")
    b.start("N1", "a", 4, kind="preemptible")
    b.start("P1", "p")
    b.pass_time(10)
    shown = records(b.machine, b.now, 0.0)["N1"]
    assert (shown["lost"], shown["lost-cpu"]) == (10, 40)
    assert shown["accept"] == []
    b.ok("reserve", "P1", reservation="r")
    assert records(b.machine, b.now, 0.0)["P1"]["locked"] == ["r"]
    assert records(b.machine, b.now, 0.0)["P1"]["state"] == "running-priority"


class Ear:
    """A test double for the other end of a connection."""

    def __init__(self, role: str, name: str) -> None:
        self.heard: list[dict[str, t.Any]] = []
        self.peer = Peer(role, name, self.heard.append, lambda: None)

    def last(self) -> dict[str, t.Any]:
        return self.heard[-1]


class World:
    """A cache with a clock that the test turns, and a master, a reader and root beside it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.cache = Cache(lambda: self.now, 1500.0)
        self.master, self.reader, self.root = Ear(PUBLISHER, "m1"), Ear(READER, "r"), Ear(ROOT, "0")

    def publish(self, version: tuple[int, int], vms: dict[str, t.Any], **fields: object) -> None:
        message = {"op": "publish", "machine": "m1", "version": list(version), "vms": vms, "gone": [], **fields}
        self.cache.received(self.master.peer, message)

    def ask(self, ear: Ear, **message: object) -> dict[str, t.Any]:
        self.cache.received(ear.peer, {"id": 1, **message})
        return ear.heard[-1] if ear.heard else {}


FREE = {"state": "free", "accept": ["normal"], "available": {"normal": 1}}
BUSY = {**FREE, "state": "running"}


def test_the_cache_knows_the_latest_and_forgets_what_nobody_confirms() -> None:
    """D22, D39."""
    world = World()
    world.publish((1, 1), {"n1": FREE, "n2": FREE}, full=True)
    world.publish((1, 3), {"n1": BUSY})
    world.publish((1, 2), {"n1": FREE})  # was under way for longer
    assert world.ask(world.reader, op="status")["machines"]["m1"]["n1"]["state"] == "running"
    assert world.ask(world.reader, op="watch", machine="m1")["ok"]
    world.publish((1, 4), {}, gone=["n2"])
    world.cache.flush()
    assert world.reader.last()["machines"] == {"m1": {"n2": None}}
    world.publish((2, 1), {"n1": FREE}, full=True)  # the master was restarted
    world.cache.flush()
    world.now = 1501.0
    world.cache.flush()
    told = world.reader.last()["machines"]["m1"]["n1"]
    assert (told["state"], told["accept"]) == ("unknown", [])
    assert world.ask(world.reader, op="status")["machines"]["m1"]["n1"]["state"] == "unknown"
    assert world.ask(world.reader, op="machines")["machines"]["m1"]["silent"]
    world.publish((2, 2), {"n1": FREE})
    assert world.ask(world.reader, op="status")["machines"]["m1"]["n1"]["state"] == "free"
    world.cache.gone(world.reader.peer)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"machine": "m2"}, "speaks for itself"),
        ({"version": [1]}, "pair of numbers"),
        ({"version": "new"}, "pair of numbers"),
        ({"vms": {"n1": 5}}, "vms are no records"),
        ({"gone": "n1"}, "no list of names"),
    ],
)
def test_the_cache_refuses_what_is_no_publication(message: dict[str, t.Any], why: str) -> None:
    world = World()
    whole = {"op": "publish", "machine": "m1", "version": [1, 1], "vms": {}, "gone": []}
    world.cache.received(world.master.peer, {**whole, **message})
    assert why in world.master.last()["text"]
    assert not world.cache.machines


def test_the_cache_is_asked_and_asks() -> None:
    world = World()
    world.publish((1, 1), {"n1": FREE}, full=True, id=4)
    assert world.master.last() == {"id": 4, "ok": True}
    assert world.ask(world.reader, op="ping")["ok"]
    assert "may not ask" in world.ask(world.reader, op="reserve", vm="n1")["text"]
    assert "no such machine" in world.ask(world.reader, op="status", machine="m9")["text"]
    asked = {"v": 1, "op": "reserve", "vm": "n1", "kind": "normal", "cpus": 1, "reservation": "r"}
    world.ask(world.root, **asked)
    number = world.master.last()["id"]
    world.cache.received(world.master.peer, {"id": number, "ok": True, "text": "promised"})
    assert world.root.last() == {"id": 1, "ok": True, "text": "promised"}
    assert "no master" in world.ask(world.root, **{**asked, "vm": "n9"})["text"]
    world.ask(world.root, **asked)
    world.cache.gone(world.master.peer)
    assert "went away" in world.root.last()["text"]


def test_configurations_are_refused_with_a_reason(tmp_path: Path) -> None:
    assert parse("x", {"name": "m1", "starved": 5}, MasterConfig).starved == 5
    assert parse("x", {"tls": {"key": "k"}}, CacheConfig).tls.key == "k"
    for given, why in (
        ([], "no JSON object"),
        ({}, "name is missing"),
        ({"name": "m", "color": 1}, "no such key: color"),
        ({"name": "m", "cpus": "4"}, "a int is wanted"),
        ({"name": "m", "cpus": True}, "a int is wanted"),
        ({"name": "m", "cpus": -1}, "not negative"),
        ({"name": "m", "mode": "half"}, "one of whole, cpus"),
        ({"name": "m", "driver": "kvm"}, "one of xen, container"),
        ({"name": "m", "tls": 5}, "no JSON object"),
    ):
        with pytest.raises(ConfigError, match=why):
            parse("x", given, MasterConfig)
    with pytest.raises(ConfigError, match="one of openpbs"):
        parse("x", {"name": "a", "master": "m", "batch": "at"}, AgentConfig)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none", MasterConfig)
    (tmp_path / "bad").write_text("{", "ascii")
    with pytest.raises(ConfigError, match="is no JSON"):
        load(tmp_path / "bad", MasterConfig)
    (tmp_path / "good").write_text('{"name": "m"}', "ascii")
    assert load(tmp_path / "good", MasterConfig).port == 5678
