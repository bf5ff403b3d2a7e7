# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemons as processes, with real sockets, TLS, SQLite, processes to stop, and control groups if root may.

The preemption story, and `kill -9` of each daemon at its points.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from authority import Authority
from magrathea.client import Client
from magrathea.processes import tree

FILES = Path(__file__).parents[3] / "roles/magrathea/files"
CGROUP = Path("/sys/fs/cgroup")
GROUPS = ("cpu", "memory", "freezer")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(os.access(CGROUP / group, os.W_OK) for group in GROUPS),
    reason="needs root, and control groups of version 1 that it may make",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(what: str, test: Callable[[], t.Any], seconds: float = 120.0) -> t.Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError, KeyError, RuntimeError):
            if found := test():
                return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


class Site:
    """A machine with a normal and a priority VM. A VM is a control group, with a process to be its first."""

    def __init__(self, place: Path) -> None:
        self.place, self.port = place, free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.jobs: dict[str, subprocess.Popen[bytes]] = {}
        self.name = f"magrathea-test-{os.getpid()}-{self.port}"
        authority = self.authority = Authority(place)
        for vm in ("n1", "p1"):
            init = self.processes[f"init-{vm}"] = subprocess.Popen(["sleep", "1000"])
            (place / f"{vm}.pid").write_text(str(init.pid), "ascii")
            for group in GROUPS:
                (CGROUP / group / self.name / vm).mkdir(parents=True)
                (CGROUP / group / self.name / vm / "cgroup.procs").write_text(str(init.pid), "ascii")
        self.write(
            "master",
            {
                "name": "node",
                "mode": "whole",
                "cpus": 4,
                "memory": 640,
                "listen": "127.0.0.1",
                "port": self.port,
                "socket": str(place / "master.socket"),
                "state": str(place / "master"),
                "driver": "container",
                "commands": {"leader": ["cat", str(place / "{name}.pid")]},
                "switch_limit": 5.0,
                "tls": authority.host("localhost"),
            },
        )
        for vm in ("n1", "p1"):
            self.write(
                vm,
                {
                    "name": vm,
                    "master": "localhost",
                    "port": self.port,
                    "socket": str(place / f"{vm}.socket"),
                    "state": str(place / f"{vm}.state"),
                    "patience": 20.0,
                    "tls": authority.host(vm),
                },
            )
        self.begin("master")
        with self.client("master") as client:
            for vm in ("n1", "p1"):
                fields = {"priority": vm == "p1", "memory": 512, "floor": 64, "kept": 64}
                assert client.ask("define", vm=vm, fields=fields)["ok"]
        for vm in ("n1", "p1"):
            self.begin(vm)
            wait(f"{vm} registers", lambda vm=vm: self.state(vm) not in ("down", ""))

    def write(self, name: str, config: dict[str, t.Any]) -> None:
        (self.place / f"{name}.json").write_text(json.dumps(config), "utf-8")

    def begin(self, name: str) -> None:
        kind = "master" if name == "master" else "agent"
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", "magrathea", kind, "--config", str(self.place / f"{name}.json")],
            env={**os.environ, "PYTHONPATH": str(FILES)},
            stderr=(self.place / f"{name}.log").open("ab"),
        )
        wait(f"{name} answers", lambda: self.client(name).ask("status"))

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes.pop(name).wait()

    def client(self, name: str) -> Client:
        try:
            return Client(str(self.place / f"{name}.socket"), 30.0)
        except Exception as error:
            raise OSError(str(error)) from error

    def status(self, vm: str) -> dict[str, t.Any]:
        with self.client("master") as client:
            return dict(client.ask("status")["vms"][vm])

    def state(self, vm: str) -> str:
        return str(self.status(vm)["state"])

    def start(self, vm: str, job: str, kind: str = "normal") -> dict[str, t.Any]:
        """A prologue; and if it may, the job itself: a shell with a child, in a session of its own."""
        with self.client(vm) as client:
            reply = client.ask("start", job=job, kind=kind, cpus=1)
        if reply["ok"]:
            self.jobs[job] = subprocess.Popen(
                ["sh", "-c", "sleep 1000 & wait"], env={**os.environ, "MAGRATHEA_JOB": job}, start_new_session=True
            )
            wait(f"{job} has its processes", lambda: len(tree(job)) == 2)
        return reply

    def stop(self, vm: str, job: str) -> dict[str, t.Any]:
        for pid in tree(job):
            os.kill(pid, signal.SIGKILL)
        self.jobs.pop(job).wait()
        with self.client(vm) as client:
            return client.ask("stop", job=job)

    def states(self, job: str) -> set[str]:
        return {process.state for process in tree(job).values()}

    def limit(self, vm: str) -> int:
        path = CGROUP / "memory" / self.name / vm / "memory.limit_in_bytes"
        return int(path.read_text("ascii")) // 1024 // 1024

    def shares(self, vm: str) -> int:
        return int((CGROUP / "cpu" / self.name / vm / "cpu.shares").read_text("ascii"))

    def end(self) -> None:
        for job in list(self.jobs):
            for pid in tree(job):
                os.kill(pid, signal.SIGKILL)
            self.jobs[job].wait()
        for name in reversed(list(self.processes)):
            if name.startswith("init-"):
                self.kill(name)
            else:
                # As systemd ends it.
                self.processes[name].terminate()
                assert self.processes.pop(name).wait(30) == 0, f"{name} did not end by itself"
        for group in GROUPS:
            for vm in ("n1", "p1", ""):
                wait(f"{group} of {vm} is empty", lambda group=group, vm=vm: not self._remove(group, vm))

    def _remove(self, group: str, vm: str) -> bool:
        path = CGROUP / group / self.name / vm
        with contextlib.suppress(OSError):
            path.rmdir()
        return path.exists()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    try:
        yield site
    finally:
        site.end()


def test_t2_the_machine_is_handed_over_and_back(site: Site) -> None:
    assert site.start("n1", "low", "preemptible")["ok"]
    assert site.states("low") <= {"S", "R"}
    wait("shares", lambda: site.shares("n1") == 1024)
    reply = site.start("p1", "high")
    assert reply["ok"], reply
    assert site.states("low") == {"T"}
    assert site.state("n1") == "preempted"
    assert (site.limit("n1"), site.limit("p1")) == (64, 512)
    assert (site.shares("n1"), site.shares("p1")) == (16, 1024)
    assert site.stop("p1", "high")["ok"]
    wait("the job runs again", lambda: "T" not in site.states("low"))
    wait("books", lambda: site.state("n1") == "running-preemptible")
    assert site.limit("n1") == 512
    assert site.status("n1")["lost"] > 0


def test_t24_a_vm_speaks_for_itself_alone(site: Site) -> None:
    with Client(str(site.place / "n1.socket"), 5.0) as client:
        assert not client.ask("start", job="x;reboot", kind="normal", cpus=1)["ok"]
        assert not client.ask("boot", vm="p1")["ok"]
    assert not site.status("n1")["jobs"]


def test_t24_nobody_without_a_known_certificate_gets_a_word_in(site: Site) -> None:
    def say(context: ssl.SSLContext) -> bytes:
        plain = socket.create_connection(("127.0.0.1", site.port), 10)
        # To a client, TLS 1.3 shows a refusal as an error or as an end, whichever comes first.
        with plain, contextlib.suppress(ssl.SSLError, ConnectionError):
            channel = context.wrap_socket(plain, server_hostname="localhost")
            channel.sendall(b'{"v":1,"id":1,"op":"status"}\n')
            return channel.recv(4096)
        return b""

    tls = site.authority.host("stranger")
    assert say(ssl.create_default_context(cafile=tls["trust"])) == b""
    stranger = ssl.create_default_context(cafile=tls["trust"])
    stranger.load_cert_chain(tls["certificate"], tls["key"])
    assert b"stranger: is no VM of node" in say(stranger)


@pytest.mark.parametrize("who", ["master", "n1", "p1"])
@pytest.mark.parametrize("when", ["running", "preempted", "stopped"])
def test_t16_kill_9_at_every_point_of_the_story(site: Site, who: str, when: str) -> None:
    assert site.start("n1", "low", "preemptible")["ok"]
    if when == "running":
        site.kill(who)
        site.begin(who)
        wait("all are there", lambda: site.state("n1") == "running-preemptible")
        wait("agents", lambda: all(site.client(vm).ask("status")["registered"] for vm in ("n1", "p1")))
    assert site.start("p1", "high")["ok"]
    assert site.states("low") == {"T"}
    if when == "preempted":
        site.kill(who)
        assert site.states("low") == {"T"}, "whoever dies, what is stopped stays so"
        site.begin(who)
        wait("books", lambda: (site.state("n1"), site.state("p1")) == ("preempted", "running-priority"))
    if when == "stopped":
        if who == "p1":
            site.kill(who)
            site.begin(who)
            assert site.stop("p1", "high")["ok"]
        else:
            site.kill(who)
            assert site.stop("p1", "high")["ok"], "the end of a job is taken, whoever is away"
            site.begin(who)
    else:
        assert site.stop("p1", "high")["ok"]
    wait("the job runs again", lambda: "T" not in site.states("low"), 20.0)
    wait("books", lambda: site.state("n1") == "running-preemptible")
    assert not site.status("p1")["jobs"]


def test_t19_the_end_of_a_job_is_told_exactly_once(site: Site) -> None:
    assert site.start("n1", "low")["ok"]
    site.kill("master")
    wait("it noticed", lambda: not site.client("n1").ask("status")["registered"])
    assert "queued" in site.stop("n1", "low")["text"]
    site.kill("n1")
    site.begin("n1")
    site.begin("master")
    wait("the books are empty", lambda: site.state("n1") == "free")
    with site.client("master") as client:
        ends = [entry for entry in client.ask("history", last=100)["history"] if entry["kind"] == "ended"]
    assert len(ends) == 1


def test_t20_a_silent_agent(site: Site) -> None:
    assert site.start("n1", "low", "preemptible")["ok"]
    os.kill(site.processes["n1"].pid, signal.SIGSTOP)
    try:
        reply = site.start("p1", "high")
        assert not reply["ok"]
        assert "not done after" in reply["text"]
        assert site.state("n1") == "running-preemptible"
        with site.client("master") as client:
            assert "stop-jobs of n1" in client.ask("status")["fault"]
    finally:
        os.kill(site.processes["n1"].pid, signal.SIGCONT)
    wait("what was stopped late runs again", lambda: "T" not in site.states("low"), 20.0)
    wait("and another try succeeds", lambda: site.start("p1", f"again-{time.monotonic_ns()}")["ok"], 30.0)


def test_t11_a_frozen_service_is_defrosted(site: Site) -> None:
    assert site.start("p1", "service")["ok"]
    with site.client("master") as client:
        assert client.ask("freeze", vm="p1")["ok"]
        assert (CGROUP / "freezer" / site.name / "p1" / "freezer.state").read_text("ascii").strip() == "FROZEN"
        assert site.start("n1", "low", "preemptible")["ok"]
        assert not site.start("n1", "hard")["ok"]
        assert client.ask("defrost", vm="p1")["ok"]
    assert site.state("n1") == "preempted"
    assert site.states("low") == {"T"}
    assert (CGROUP / "freezer" / site.name / "p1" / "freezer.state").read_text("ascii").strip() == "THAWED"
