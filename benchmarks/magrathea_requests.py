# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many start requests a master with 64 VMs answers, and how soon, where the VMM has nothing to do.

    PYTHONPATH=roles/magrathea/files python benchmarks/magrathea_requests.py --seconds 10 --clients 4

The master is a real one in a process of its own, asked over its Unix socket; each answer is on the disk before it is
given. The machine is shared whole and one VM has it, so further jobs of that VM move nothing, and those of others are
refused; both count. The driver does nothing, at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from frame import measured, write
from magrathea.client import Client, Unreachable
from magrathea.config import MasterConfig, Tls
from magrathea.masterd import MasterDaemon
from magrathea.net import Line, local, unix_socket
from magrathea.plan import Step

UNITS = {
    "starts_per_second": "1/s",
    "requests_per_second": "1/s",
    "median_ms": "ms",
    "p99_ms": "ms",
    "cpu_seconds": "s",
    "megabytes": "MB",
}


class Idle:
    """VMs that are always there, and change nothing."""

    def apply(self, step: Step) -> None: ...

    def existing(self, names: Sequence[str]) -> dict[str, bool]:
        return dict.fromkeys(names, True)

    def destroy(self, vm: str) -> None: ...


def master(place: str, numbers: multiprocessing.Queue[dict[str, float]]) -> None:
    async def serve() -> None:
        config = MasterConfig(name="bench", cpus=1 << 20, state=place, socket=f"{place}/socket", tls=Tls())
        daemon = MasterDaemon(config, Idle())
        who = local("")
        loop = asyncio.get_running_loop()
        await loop.create_unix_server(lambda: Line(daemon, who, daemon._settle), sock=unix_socket(config.socket))
        while not Path(place, "stop").exists():
            await asyncio.sleep(0.2)
        used = resource.getrusage(resource.RUSAGE_SELF)
        numbers.put({"cpu_seconds": used.ru_utime + used.ru_stime, "megabytes": used.ru_maxrss / 1024})

    asyncio.run(serve())


def connect(path: str) -> Client:
    for _try in range(100):
        try:
            return Client(path)
        except Unreachable:
            time.sleep(0.1)
    raise SystemExit("the master does not come up")


def ask_for(path: str, number: int, until: float, times: list[float], vms: int) -> None:
    with Client(path) as client:
        turn = 0
        while time.monotonic() < until:
            turn += 1
            job = f"{number}.{turn}"
            vm = f"vm{turn % vms if turn % 4 == 0 else 0}"
            for fields in ({"op": "start", "job": job, "kind": "normal", "cpus": 1}, {"op": "stop", "job": job}):
                began = time.monotonic()
                client.ask(str(fields["op"]), vm=vm, **{key: value for key, value in fields.items() if key != "op"})
                if fields["op"] == "start":
                    times.append(time.monotonic() - began)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--vms", type=int, default=64)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    numbers: multiprocessing.Queue[dict[str, float]] = multiprocessing.Queue()
    with tempfile.TemporaryDirectory() as place:
        process = multiprocessing.Process(target=master, args=(place, numbers))
        process.start()
        path = f"{place}/socket"
        with connect(path) as client:
            for vm in range(given.vms):
                assert client.ask("define", vm=f"vm{vm}", fields={})["ok"]
                assert client.ask("register", vm=f"vm{vm}", session="b/e")["ok"]
            assert client.ask("start", vm="vm0", job="standing", kind="normal", cpus=1)["ok"]
        times: list[list[float]] = [[] for _client in range(given.clients)]
        until = time.monotonic() + given.seconds
        threads = [
            threading.Thread(target=ask_for, args=(path, number, until, times[number], given.vms))
            for number in range(given.clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        Path(place, "stop").touch()
        usage = numbers.get(timeout=10)
        process.join()
    starts = sorted(second for each in times for second in each)
    result = {
        "vms": given.vms,
        "clients": given.clients,
        "starts_per_second": round(len(starts) / given.seconds),
        "requests_per_second": round(2 * len(starts) / given.seconds),
        "median_ms": round(1000 * statistics.median(starts), 2),
        "p99_ms": round(1000 * starts[int(len(starts) * 0.99)], 2),
        "load": os.getloadavg()[0],
        **usage,
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    write(given.json, [measured(name, result[name], unit) for name, unit in UNITS.items()])


if __name__ == "__main__":
    main()
