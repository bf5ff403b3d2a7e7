# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cache of 10,000 machines takes: a change of each a second, and a watcher that is told in bulk.

    PYTHONPATH=roles/magrathea/files python benchmarks/magrathea_cache.py --machines 10000 --seconds 10

The cache is a real one in a process of its own; the masters are simulated and speak the real protocol, each on a
connection of its own. Unix sockets stand in for TLS, whose cost is a handshake a master and then small.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import socket
import sys
import tempfile
import time
from pathlib import Path

from frame import measured, write
from magrathea.cache import PUBLISHER
from magrathea.cached import CacheDaemon
from magrathea.config import CacheConfig
from magrathea.net import Line, unix_socket
from magrathea.wire import READER, encode

UNITS = {
    "changes_per_second": "1/s",
    "told_per_second": "1/s",
    "mean_lag_seconds": "s",
    "cpu_seconds": "s",
    "megabytes": "MB",
}
RECORD = {
    "vm": "n1",
    "state": "free",
    "class": "normal",
    "cpus": 0,
    "accept": ["normal", "preemptible"],
    "available": {"normal": 8, "preemptible": 8, "priority": 0, "at-once": 0},
    "jobs": [],
    "lost": 0.0,
    "lost-cpu": 0.0,
    "cluster": "",
    "locked": [],
    "boot": "",
    "changed": 0.0,
}


def cache(place: str, numbers: multiprocessing.Queue[dict[str, float]]) -> None:
    async def serve() -> None:
        daemon = CacheDaemon(CacheConfig())
        loop = asyncio.get_running_loop()
        names = iter(range(1 << 30))
        await loop.create_unix_server(
            lambda: Line(daemon, lambda _transport: (PUBLISHER, f"machine{next(names)}"), daemon._tell),
            sock=unix_socket(f"{place}/masters"),
        )
        await loop.create_unix_server(
            lambda: Line(daemon, lambda _transport: (READER, "reader"), daemon._tell),
            sock=unix_socket(f"{place}/readers"),
        )
        while not Path(place, "stop").exists():
            await asyncio.sleep(0.2)
        used = resource.getrusage(resource.RUSAGE_SELF)
        numbers.put({"cpu_seconds": used.ru_utime + used.ru_stime, "megabytes": used.ru_maxrss / 1024})

    asyncio.run(serve())


async def masters(place: str, count: int, seconds: float) -> dict[str, float]:
    """All masters, and the watcher that says when their last word arrived."""
    for _try in range(100):
        if Path(place, "readers").exists():
            break
        await asyncio.sleep(0.1)
    writers = []
    for number in range(count):
        # One after another, so that the cache numbers them alike; and waiting until there is room for one more, which
        # a connection that does not block would not.
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(f"{place}/masters")
        _reader, writer = await asyncio.open_unix_connection(sock=connection)
        writers.append(writer)
        message = {"op": "publish", "machine": f"machine{number}", "version": [1, 0], "full": True, "gone": []}
        writer.write(encode({**message, "vms": {"n1": RECORD, "p1": RECORD}}))
        if number % 100 == 0:
            await asyncio.sleep(0)
    reader, asker = await asyncio.open_unix_connection(f"{place}/readers", limit=1 << 28)
    asker.write(encode({"op": "watch", "id": 1}))
    await reader.readline()
    heard = 0
    latest: dict[str, float] = {}
    lags: list[float] = []

    async def listen() -> None:
        nonlocal heard
        while line := await reader.readline():
            for vms in json.loads(line)["machines"].values():
                heard += 1
                lags.append(time.monotonic() - vms["n1"]["changed"])

    listener = asyncio.create_task(listen())
    began = time.monotonic()
    sent = rounds = 0
    while time.monotonic() - began < seconds:
        rounds += 1
        for number, writer in enumerate(writers):
            now = time.monotonic()
            state = ("free", "running")[rounds % 2]
            message = {"op": "publish", "machine": f"machine{number}", "version": [1, rounds], "gone": []}
            writer.write(encode({**message, "vms": {"n1": {**RECORD, "state": state, "changed": now}}}))
            sent += 1
            if number % 200 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(max(0.0, began + rounds - time.monotonic()))
    elapsed = time.monotonic() - began
    await asyncio.sleep(2)
    listener.cancel()
    latest["changes_per_second"] = round(sent / elapsed)
    latest["told_per_second"] = round(heard / elapsed)
    latest["mean_lag_seconds"] = round(sum(lags) / max(len(lags), 1), 3)
    return latest


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--machines", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    numbers: multiprocessing.Queue[dict[str, float]] = multiprocessing.Queue()
    with tempfile.TemporaryDirectory() as place:
        process = multiprocessing.Process(target=cache, args=(place, numbers))
        process.start()
        result = asyncio.run(masters(place, given.machines, given.seconds))
        Path(place, "stop").touch()
        usage = numbers.get(timeout=60)
        process.join()
    whole = {"machines": given.machines, **result, **usage, "load": os.getloadavg()[0]}
    sys.stdout.write(json.dumps(whole, indent=2) + "\n")
    write(given.json, [measured(name, whole[name], unit) for name, unit in UNITS.items()])


if __name__ == "__main__":
    main()
