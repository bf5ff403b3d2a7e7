# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cache and a master as processes that meet over TLS, and the command line that asks them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from authority import Authority
from magrathea import cli
from magrathea.client import Client, Unreachable
from magrathea.wire import encode

FILES = Path(__file__).parents[3] / "roles/magrathea/files"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, test: t.Callable[[], t.Any], seconds: float = 120.0) -> t.Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := test():
                return found
        except (Unreachable, KeyError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


class Site:
    """A cache, and a master that tells it; the machine has no VM that could run."""

    def __init__(self, place: Path) -> None:
        self.place, self.port = place, free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.authority = Authority(place)
        tls = self.authority.host("localhost")
        common = {"listen": "127.0.0.1", "tls": tls}
        self.begin("cache", {**common, "port": self.port, "machines": ["localhost"], "readers": ["reader"]})
        ports = {"port": free_port(), "caches": [f"localhost:{self.port}"], "addresses": {"localhost": "127.0.0.1"}}
        books = {"name": "localhost", "cpus": 4, "state": str(place / "state"), "driver": "container"}
        self.begin("master", {**common, **ports, **books, "batch": ["localhost"]})

    def begin(self, name: str, config: dict[str, t.Any]) -> None:
        path = self.place / f"{name}.json"
        path.write_text(json.dumps({**config, "socket": str(self.socket(name))}), "utf-8")
        command = [sys.executable, "-m", "magrathea", name, "--config", str(path)]
        log = (self.place / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(FILES)}, stderr=log)
        until(f"the {name} answers", lambda: self.ask(name, "status"))

    def socket(self, name: str) -> Path:
        return self.place / f"{name}.socket"

    def ask(self, name: str, op: str, **fields: object) -> dict[str, t.Any]:
        with Client(str(self.socket(name)), 30.0) as client:
            return client.ask(op, **fields)

    def say(self, name: str, *arguments: str) -> int:
        return cli.main(["--socket", str(self.socket(name)), *arguments])

    def end(self) -> None:
        for name, process in self.processes.items():
            process.terminate()
            assert process.wait(30) == 0, f"the {name} did not end by itself"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    # A socket's path is at most 107 characters long, and pytest's directories are not short.
    place = Path("/tmp") / f"magrathea-{os.getpid()}"
    place.mkdir()
    found = Site(place)
    try:
        yield found
    finally:
        found.end()
        shutil.rmtree(place)


def test_a_cache_knows_what_a_master_told_it_and_asks_it_for_others(site: Site, capsys: pytest.CaptureFixture) -> None:
    assert site.say("master", "define", "n1", "--bootable") == cli.DONE
    shown = until("the cache knows n1", lambda: site.ask("cache", "status")["machines"]["localhost"]["n1"])
    assert shown["state"] == "down"
    # Asked of the cache, and refused by the master.
    refused = until("it answers", lambda: site.ask("cache", "reserve", vm="n1", kind="normal", cpus=1, reservation="r"))
    assert "n1: reserve is refused" in refused["text"]

    capsys.readouterr()
    assert site.say("cache", "status") == cli.DONE
    told = capsys.readouterr().out
    assert told.splitlines()[0] == "localhost:"
    assert told.split()[1:7] == ["VM", "STATE", "CPUS", "ACCEPTS", "LOST", "JOBS"]


@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        pytest.param(["status"], cli.DONE, "localhost: whole machine, uncounted MiB", "", id="what there is"),
        pytest.param(["history", "--last", "5"], cli.DONE, "define", "", id="what happened"),
        pytest.param(["lost", "n2"], cli.REFUSED, "", "no such VM", id="a VM that is not there"),
        pytest.param(["boot", "n9"], cli.REFUSED, "", "magrathea: n9: no such VM", id="a boot of nothing"),
        pytest.param(["release", "r"], cli.DONE, "no reservation r", "", id="a promise that nobody gave"),
        pytest.param(["define", "-x"], 2, "", "usage", id="an option that there is not"),
    ],
)
def test_the_command_line_says_what_came_of_it(
    site: Site, capsys: pytest.CaptureFixture, arguments: list[str], code: int, out: str, err: str
) -> None:
    site.say("master", "define", "n1")
    capsys.readouterr()
    try:
        found = site.say("master", *arguments)
    except SystemExit as error:  # argparse's way
        found = int(str(error.code))
    told = capsys.readouterr()
    assert (found, out in told.out, err in told.err) == (code, True, True), told


def test_for_programs_it_says_the_reply_as_it_came(site: Site, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["--json", "--socket", str(site.socket("master")), "status"]) == cli.DONE
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_where_no_daemon_runs_it_says_where_it_looked(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["--socket", str(tmp_path / "none"), "status"]) == cli.NOBODY
    assert f"{tmp_path / 'none'}: No such file or directory; is the daemon running?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("who", "told"),
    [
        pytest.param("reader", '"ok":true', id="a reader may read"),
        pytest.param("stranger", "", id="whoever else the authority knows is not served"),
    ],
)
def test_the_cache_knows_its_readers_by_their_certificates(site: Site, who: str, told: str) -> None:
    tls = site.authority.host(who)
    context = ssl.create_default_context(cafile=tls["trust"])
    context.load_cert_chain(tls["certificate"], tls["key"])
    with (
        socket.create_connection(("127.0.0.1", site.port), 30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as line,
    ):
        line.sendall(encode({"op": "machines", "id": 1}))
        answer = line.recv(1 << 16)
    assert told in answer.decode().replace(" ", "") if told else b'"machines"' not in answer
