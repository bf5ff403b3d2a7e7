# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the disk, what OpenPBS's hooks say and ask, and what is typed at the command line."""

from __future__ import annotations

import argparse
import json
import runpy
import socket
import sqlite3
import subprocess
import threading
import types
import typing as t
from pathlib import Path

import pytest
from magrathea import cli, long
from magrathea.client import Client
from magrathea.model import FROZEN, UP, Ended, Job, Machine, Policy, Reservation, Vm
from magrathea.outbox import Held, SqliteOutbox
from magrathea.plan import Actual
from magrathea.store import Entry, SqliteStore

HOOKS = Path(__file__).parents[3] / "roles/magrathea/files/hooks"


class Clocks:
    def __init__(self) -> None:
        self.boot, self.now, self.wall = "boot1", 100.0, 10_000.0

    def open(self, path: Path) -> SqliteStore:
        return SqliteStore(path, self.boot, lambda: self.now, lambda: self.wall)


MACHINE = Machine(
    "m1",
    Policy("cpus", 8),
    {
        "n1": Vm(
            "n1", memory=512, floor=64, life=UP, preempted=True, since=50.0, jobs=(Job("a", "preemptible", 2, 10.0),)
        ),
        "p1": Vm("p1", priority=True, life=FROZEN, jobs=(Job("s", "normal", 4, 20.0, "r", 1.5, 2.5, "l"),), since=60.0),
    },
    (Reservation("r", "n1", "normal", 1, 160.0),),
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """I12, D23, D24."""
    clocks = Clocks()
    store = clocks.open(tmp_path / "db")
    empty = store.load("m1", MACHINE.policy)[0]
    store.machine(empty, MACHINE)
    store.actual("n1", Actual(16, 0, 64, 1))
    store.time("stop-jobs n1", 0.25)
    store.ended([Ended("n1", "x", 1, 0.0, 5.0, 1.0, 0.0, "stop")])
    store.intent("start b")
    store.close()
    store = clocks.open(tmp_path / "db")
    machine, actual, aside = store.load("m1", MACHINE.policy)
    assert machine == MACHINE
    assert actual == {"n1": Actual(16, 0, 64, 1)}
    assert aside == ["stopped in the middle of: start b"]
    assert store.times() == {"stop-jobs n1": 0.25}
    assert json.loads(store.history(5)[0]["text"])["lost"] == 1.0
    store.machine(machine, machine._replace(vms={"n1": machine.vms["n1"]}, reservations=()))
    for number in range(9):
        store.entry(Entry("start", "n1", str(number)))
    store.trim(3)
    assert [entry["text"] for entry in store.history(9, "n1")] == ["6", "7", "8"]
    store.close()
    assert list(clocks.open(tmp_path / "db").load("m1", MACHINE.policy)[0].vms) == ["n1"]


def test_times_survive_a_boot_of_the_machine(tmp_path: Path) -> None:
    """D34: the clock begins anew, and how long ago something was does not."""
    clocks = Clocks()
    store = clocks.open(tmp_path / "db")
    store.machine(store.load("m1", MACHINE.policy)[0], MACHINE)
    store.actual("n1", Actual(16))
    store.close()
    clocks.boot, clocks.now, clocks.wall = "boot2", 5.0, 10_030.0
    machine, actual, _aside = clocks.open(tmp_path / "db").load("m1", MACHINE.policy)
    assert clocks.now - machine.vms["n1"].since == 100 - 50 + 30
    assert clocks.now - machine.vms["n1"].jobs[0].started == 100 - 10 + 30
    assert machine.reservations[0].expires == 160 - 125
    assert actual == {}


def test_a_record_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    clocks = Clocks()
    store = clocks.open(tmp_path / "db")
    store.machine(store.load("m1", MACHINE.policy)[0], MACHINE)
    store.close()
    with sqlite3.connect(tmp_path / "db") as database:
        database.execute("UPDATE state SET value = '{' WHERE name = 'n1'")
    machine, _actual, aside = clocks.open(tmp_path / "db").load("m1", MACHINE.policy)
    assert machine.vms["n1"].life == "down"
    assert machine.vms["p1"] == MACHINE.vms["p1"]
    assert "n1: its record cannot be read" in aside[0]
    with sqlite3.connect(tmp_path / "db") as database:
        database.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(ValueError, match="is of schema 99"):
        clocks.open(tmp_path / "db")


def test_an_outbox_survives_its_agent_but_not_its_vm(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path / "db", "e1")
    outbox.boot("b1")
    held = Held("a", "live", "normal", 2, "r", "l", 1.5, 77)
    outbox.put(held)
    first = outbox.add({"op": "stop", "job": "x"})
    outbox.add({"op": "stop", "job": "y"})
    outbox.remove(first)
    outbox.close()
    outbox = SqliteOutbox(tmp_path / "db", "e2")
    outbox.boot("b1")
    assert outbox.epoch == "e1"
    assert outbox.jobs() == {"a": held}
    assert outbox.head() == (first + 1, {"op": "stop", "job": "y"})
    outbox.drop("a")
    outbox.put(held)
    outbox.boot("b2")
    assert (outbox.jobs(), outbox.head()) == ({}, None)
    assert outbox.add({"op": "sync"}) == first + 2, "numbers are never used again"


class Accepted(Exception):
    """The hook let the event pass."""


class Rejected(Exception):
    """The hook did not."""


class PbsDouble(types.ModuleType):
    """A test double for the module that PBS gives its hooks."""

    QUEUEJOB, MODIFYJOB, MOVEJOB, EXECJOB_BEGIN, EXECJOB_END, EXECHOST_PERIODIC = range(6)

    def __init__(self, kind: int, job: object = None, config: Path | None = None, **event: object) -> None:
        super().__init__("pbs")
        self.hook_config_filename = str(config)
        self.the_event = types.SimpleNamespace(
            type=kind, job=job, accept=self._accept, reject=self._reject, src_queue=None, **event
        )
        self.select = str

    def event(self) -> object:
        return self.the_event

    def server(self) -> object:
        return types.SimpleNamespace(default_queue="workq")

    def get_local_nodename(self) -> str:
        return "n1"

    def _accept(self) -> None:
        raise Accepted

    def _reject(self, text: str) -> None:
        raise Rejected(text)


def hook(name: str, pbs: PbsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pbs", pbs)
    runpy.run_path(str(HOOKS / name))


def job(select: str | None, queue: str = "", **fields: object) -> types.SimpleNamespace:
    resources = {"select": select, "ncpus": None}
    defaults = {"interactive": False, "project": "_pbs_project_default", "id": "12.batch"}
    named = types.SimpleNamespace(name=queue) if queue else None
    return types.SimpleNamespace(Resource_List=resources, queue=named, **{**defaults, **fields})


@pytest.mark.parametrize(
    ("wanted", "select"),
    [
        (job("1:ncpus=2"), "1:ncpus=2:mag_accept=preemptible"),
        (job("ncpus=2"), "ncpus=2:mag_accept=preemptible"),
        (job(None), "1:ncpus=1:mag_accept=preemptible"),
        (job("1:ncpus=2:mag_accept=priority"), "1:ncpus=2:mag_accept=preemptible"),
        (job("2:ncpus=2"), "2:ncpus=2:mag_accept=normal"),
        (job("1:a=b+1:c=d"), "1:a=b:mag_accept=normal+1:c=d:mag_accept=normal"),
        (job("1:ncpus=2", interactive=True), "1:ncpus=2:mag_accept=normal"),
        (job("1:ncpus=2", project="normal"), "1:ncpus=2:mag_accept=normal"),
        (job("1:ncpus=2", "urgent"), "1:ncpus=2:mag_accept=priority"),
    ],
)
def test_every_job_asks_for_its_class(
    wanted: types.SimpleNamespace, select: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text('{"priority": ["urgent"]}', "ascii")
    with pytest.raises(Accepted):
        hook("magrathea_class.py", PbsDouble(PbsDouble.QUEUEJOB, wanted, tmp_path / "config"), monkeypatch)
    assert wanted.Resource_List["select"] == select


def agent_double(path: Path, reply: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    """A test double for an agent's socket: one connection, one answer."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen(1)
    heard: list[dict[str, t.Any]] = []

    def serve() -> None:
        with listening, listening.accept()[0] as connection:
            heard.append(json.loads(connection.makefile("rb").readline()))
            connection.sendall(json.dumps(reply).encode() + b"\n")

    threading.Thread(target=serve, daemon=True).start()
    return heard


def job_hook(
    kind: int, reply: dict[str, t.Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **event: object
) -> dict[str, t.Any]:
    path = tmp_path / "socket"
    heard = agent_double(path, reply)
    source = (HOOKS / "magrathea_job.py").read_text("utf-8").replace("/run/magrathea/agent.socket", str(path))
    where = "(n1:ncpus=2:mem=5kb+n1[1]:ncpus=1)+(n2:ncpus=4)"
    running = job("1:ncpus=2", schedselect="1:ncpus=2:mag_accept=preemptible", exec_vnode=where)
    monkeypatch.setitem(__import__("sys").modules, "pbs", PbsDouble(kind, running, **event))
    try:
        exec(compile(source, "magrathea_job.py", "exec"), {"__name__": "__main__"})
    except Accepted:
        return {"accepted": True, **heard[0]}
    except Rejected as refusal:
        return {"accepted": False, "why": str(refusal), **heard[0]}
    raise AssertionError("the hook said nothing")


def test_the_agent_is_asked_before_a_job_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = job_hook(PbsDouble.EXECJOB_BEGIN, {"ok": True}, tmp_path, monkeypatch)
    assert said["accepted"]
    assert (said["op"], said["job"], said["kind"], said["cpus"]) == ("start", "12.batch", "preemptible", 3)


def test_a_refused_job_goes_back_into_its_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = job_hook(PbsDouble.EXECJOB_BEGIN, {"ok": False, "text": "no room"}, tmp_path, monkeypatch)
    assert said["why"] == "magrathea: no room"


def test_the_agent_hears_of_ends_and_of_all_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert job_hook(PbsDouble.EXECJOB_END, {"ok": True}, tmp_path, monkeypatch)["op"] == "stop"
    (tmp_path / "socket").unlink()
    said = job_hook(PbsDouble.EXECHOST_PERIODIC, {"ok": True}, tmp_path, monkeypatch, job_list={"12.batch": None})
    assert (said["op"], said["jobs"]) == ("list", ["12.batch"])


@pytest.mark.parametrize(
    ("line", "op", "fields"),
    [
        ("status", "status", {"vm": None}),
        ("boot n1", "boot", {"vm": "n1"}),
        (
            "boot n1 --reservation r --cpus all",
            "boot",
            {"vm": "n1", "kind": "normal", "cpus": "all", "reservation": "r"},
        ),
        ("down n1 --force", "down", {"vm": "n1", "force": True}),
        ("define n1 --priority --memory 5", "define", {"vm": "n1", "fields": {"priority": True, "memory": 5}}),
        ("defrost p1", "defrost", {"vm": "p1", "token": None}),
        ("reserve n1 r --cpus all", "reserve", {"vm": "n1", "reservation": "r", "kind": "normal", "cpus": "all"}),
        ("job stop 1.x --vm n1", "stop", {"job": "1.x", "vm": "n1"}),
        ("job list 1.x 2.x", "list", {"jobs": ["1.x", "2.x"]}),
        ("history n1 --last 3", "history", {"vm": "n1", "last": 3}),
    ],
)
def test_what_is_typed_is_what_is_asked(line: str, op: str, fields: dict[str, t.Any]) -> None:
    assert cli._request(cli.parser().parse_args(line.split())) == (op, fields)


def test_answers_are_told_to_people(capsys: pytest.CaptureFixture[str]) -> None:
    given = argparse.Namespace(json=False, command="job")
    took = {"ok": True, "took": {"stop-jobs n1": 0.25}, "predicted": 0.5}
    assert cli._told(given, took) == cli.DONE
    assert "took 0.250 s, predicted 0.500 s" in capsys.readouterr().out
    assert cli._told(given, {"ok": False, "text": "no room"}) == cli.REFUSED
    assert "no room" in capsys.readouterr().err
    assert cli._told(argparse.Namespace(json=True, command="x"), {"ok": True}) == cli.DONE
    assert json.loads(capsys.readouterr().out) == {"ok": True}


def test_nobody_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--socket", str(tmp_path / "none"), "status"]) == cli.NOBODY
    assert "is the daemon running?" in capsys.readouterr().err
    assert cli.main(["master", "--config", str(tmp_path / "none")]) == cli.MISUSED
    assert cli.main(["simulate", "--machines", "1", "--events", "200", "--processes", "1"]) == cli.DONE
    assert "every invariant held" in capsys.readouterr().out


def cache_double(place: Path, *said: dict[str, t.Any]) -> threading.Thread:
    """A test double for a cache: to whoever comes first it says this, and goes."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(place))
    listening.listen()

    def speak() -> None:
        connection, _address = listening.accept()
        with connection, listening:
            connection.recv(65536)
            for message in said:
                connection.sendall(json.dumps({"v": 1, **message}).encode() + b"\n")

    thread = threading.Thread(target=speak)
    thread.start()
    return thread


def test_a_large_site_is_told_at_once(tmp_path: Path) -> None:
    machines = {f"machine{number}": {"n1": {"state": "free" * 20}} for number in range(5000)}
    thread = cache_double(tmp_path / "socket", {"id": 1, "ok": True, "machines": machines})
    with Client(str(tmp_path / "socket")) as client:
        assert client.ask("status")["machines"] == machines
    thread.join()


def test_slurm_is_told_until_it_does_not_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(state: str, *accept: str) -> dict[str, t.Any]:
        available = {"normal": 0, "preemptible": 0, "priority": 0, "at-once": 0}
        rest = {"cpus": 0, "lost": 0, "lost-cpu": 0, "changed": 0, "boot": ""}
        return {"state": state, "accept": list(accept), "available": available, **rest}

    told: list[str] = []

    def run(argv: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        if "--json" in argv:
            return subprocess.CompletedProcess(argv, 0, json.dumps({"nodes": []}), "")
        told.append(" ".join(argv[2:]))
        return subprocess.CompletedProcess(argv, int("reason=magrathea:occupied" in argv), "", "no controller")

    monkeypatch.setattr(long, "RETRY", 0.0)
    monkeypatch.setattr(subprocess, "run", run)
    first = {"id": 1, "ok": True, "machines": {"m1": {"n1.x": shown("free", "normal")}}}
    news = [
        {"op": "publish", "machines": {"m1": {"n1.x": shown(state, *accept)}}}
        for state, accept in (("running", ["normal"]), ("preempted", []), ("occupied", []), ("free", ["normal"]))
    ]
    thread = cache_double(tmp_path / "socket", first, *news)
    given = cli.parser().parse_args(["--socket", str(tmp_path / "socket"), "tell-batch", "--short", "slurm"])
    assert long.tell_batch(given) == cli.NOBODY
    thread.join()
    # What it did not take is written again by whoever comes after.
    assert told == [
        "nodename=n1 state=undrain",
        "nodename=n1 state=drain reason=magrathea:preempted",
        "nodename=n1 state=drain reason=magrathea:occupied",
    ]
