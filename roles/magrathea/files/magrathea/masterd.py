# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""magrathea-master: the master in a process of its own, with real sockets, threads and clocks."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .config import MasterConfig
from .drivers import Driver, DriverError
from .drivers.container import Container
from .drivers.xen import Xen
from .events import Event
from .front import Front, Peer
from .master import Limits, Master
from .model import Machine, Policy
from .net import Later, Line, client_context, home, local, names, server_context, unix_socket, until_stopped
from .plan import AGENT_STEPS, Shares, Step
from .store import SqliteStore
from .wire import AGENT, BATCH, DEFROSTER, Malformed, Message

LOG = logging.getLogger("magrathea.master")

POLL = 10.0
HEARTBEAT = 600.0
# Changes that come close together are told together: each time all VMs are looked at.
PUBLISH = 0.1
# Seconds until a lost cache is tried again, at first and at most.
SOON, RECONNECT = 1.0, 10.0
CACHE = "cache"


def boottime() -> float:
    """Seconds that nobody sets back: the clock of the books (D34)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def make_driver(config: MasterConfig) -> Driver:
    if config.driver == "xen":
        images = Path(config.state) / "images"
        images.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Xen(Path(config.configs), images, image_patience=config.image_limit)
    return Container(config.commands, names=config.containers)


class Hands:
    """Steps of the VMM run in threads, those of one VM in order; agents are the front's."""

    def __init__(self, driver: Driver, front: Front, home: Callable[[Callable[[], None]], None]) -> None:
        self._driver, self._front, self._home = driver, front, home
        self._pool = ThreadPoolExecutor(16, "vmm")
        self._locks: dict[str, threading.Lock] = {}

    def do(self, machine: Machine, step: Step, report: Callable[[str], None]) -> None:
        if step.kind in AGENT_STEPS:
            self._front.do(step, report)
        else:
            lock = self._locks.setdefault(step.vm, threading.Lock())
            self._pool.submit(self._apply, lock, step, report)

    def _apply(self, lock: threading.Lock, step: Step, report: Callable[[str], None]) -> None:
        error = ""
        try:
            with lock:
                self._driver.apply(step)
        except (DriverError, OSError) as fault:
            error = str(fault)
        except Exception as fault:  # whatever it was, the switch must not wait for ever
            LOG.exception("%s", step)
            error = f"{type(fault).__name__}: {fault}"
        self._home(lambda: report(error))

    def destroy(self, vm: str) -> None:
        self._pool.submit(self._destroy, self._locks.setdefault(vm, threading.Lock()), vm)

    def _destroy(self, lock: threading.Lock, vm: str) -> None:
        try:
            with lock:
                self._driver.destroy(vm)
        except (DriverError, OSError) as fault:
            LOG.warning("%s", fault)

    def reachable(self) -> set[str]:
        return self._front.reachable()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class MasterDaemon:
    def __init__(self, config: MasterConfig, driver: Driver) -> None:
        self._config, self._driver = config, driver
        state = Path(config.state)
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = SqliteStore(state / "master.sqlite", boot_id(), boottime, time.time)
        self._store.trim(config.history)
        incarnation = int(self._store.times().get("incarnation", 0)) + 1
        self._store.time("incarnation", incarnation)
        token = Path(config.token).read_text("utf-8").strip() if config.token else ""
        self.front = Front(time.time, boottime, incarnation, token=token, history=self._store.history)
        self._loop = asyncio.get_running_loop()
        self._settle = Later(self._flush)
        self._hands = Hands(driver, self.front, home(self._settle))
        policy = Policy(
            config.mode,
            config.cpus,
            config.memory,
            config.reservation,
            config.boot_timeout,
            3,
            config.stop_timeout,
            config.starved,
            config.min_run,
            config.lend_idle,
        )
        self.master = Master(
            config.name,
            policy,
            self._store,
            self._hands,
            boottime,
            shares=Shares(config.running_weight, config.waiting_weight),
            limits=Limits(config.switch_limit, config.image_limit),
        )
        self.front.master = self.master
        for line in self.master.aside:
            LOG.warning("%s", line)
        self._publish = Later(self._tell, PUBLISH)
        self._timer: asyncio.TimerHandle | None = None
        self._caches: dict[str, Peer | None] = {}
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []

    # The loop

    def _flush(self) -> None:
        """At the end of each turn: all that came in at once is one write to the disk, then come the answers."""
        self.master.flush()
        self._publish()
        if self._timer:
            self._timer.cancel()
        due = self.master.next_wake()
        self._timer = self._loop.call_later(max(due - boottime(), 0.001), self._wake) if due is not None else None

    def _wake(self) -> None:
        self.master.wake()
        self._settle()

    def _tell(self, *, full: bool = False) -> None:
        message = self.front.publish(full=full)
        if message:
            for peer in self._caches.values():
                if peer:
                    peer.send(message)

    # Connections

    def received(self, peer: Peer, message: Message) -> None:
        if peer.role != CACHE:  # which has nothing to say but that it heard
            self.front.received(peer, message)

    def gone(self, peer: Peer) -> None:
        self.front.gone(peer)

    def _who(self, transport: asyncio.BaseTransport) -> tuple[str, str]:
        """What a certificate's name means here: a VM of this machine, or one of the hosts that may more."""
        found = names(transport)
        for name in found:
            if name in self.master.machine.vms:
                return AGENT, name
        for role, hosts in ((BATCH, self._config.batch), (DEFROSTER, self._config.defrosters)):
            for name in found:
                if name in hosts:
                    return role, name
        raise Malformed(f"{', '.join(found) or 'nobody'}: is no VM of {self._config.name}, and no host that may ask it")

    async def start(self) -> None:
        config, loop = self._config, self._loop
        unix = unix_socket(config.socket)
        who = local(config.group)
        self._servers.append(await loop.create_unix_server(lambda: Line(self, who, self._settle), sock=unix))
        self._servers.append(
            await loop.create_server(
                lambda: Line(self, self._who, self._settle),
                config.listen or None,
                config.port,
                ssl=server_context(config.tls),
            )
        )
        self._tasks = [loop.create_task(self._poll()), loop.create_task(self._heartbeat())]
        self._tasks += [loop.create_task(self._cache(cache)) for cache in config.caches]
        self._wake()
        LOG.info("master of %s, %d VMs", config.name, len(self.master.machine.vms))

    async def stop(self) -> None:
        """VMs and jobs stay as they are; the next master takes over from the journal."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        if self._timer:
            self._timer.cancel()
        self.master.flush()
        self._hands.close()
        self._store.close()

    async def _poll(self) -> None:
        """Ask the VMM which VMs there are: what vanished has no jobs any more."""
        while True:
            vms = list(self.master.machine.vms)
            try:
                there = await self._loop.run_in_executor(None, self._driver.existing, vms)
            except (DriverError, OSError) as error:
                LOG.warning("the VMM does not say which VMs there are: %s", error)
            else:
                self._seen(there)
            await asyncio.sleep(POLL)

    def _seen(self, there: dict[str, bool]) -> None:
        if self.master.switching:
            return  # in the middle of a save or restore a VM is neither here nor there
        for name, present in there.items():
            vm = self.master.machine.vms.get(name)
            if vm and (present == vm.absent or (not present and vm.life != "down")):
                self.master.submit(Event("seen", name, present=present), lambda _answer: None)
        self._settle()

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            self._tell(full=True)

    async def _cache(self, where: str) -> None:
        """Keep one cache told, however often it goes away: it gets all at first, then what is new."""
        host, port = where.rsplit(":", 1)
        host = host.strip("[]")
        # On the batch system's own host, the cache passes its requests on.
        role = BATCH if host in self._config.batch else CACHE
        context = client_context(self._config.tls)
        pause = SOON
        while True:
            try:
                _transport, line = await self._loop.create_connection(
                    lambda: Line(self, lambda _transport: (role, host), self._settle),
                    self._config.addresses.get(host, host),
                    int(port),
                    ssl=context,
                    server_hostname=host,
                )
                self._caches[where] = line.peer
                self._tell(full=True)
                pause = SOON
                await line.closed.wait()
            except (OSError, ValueError) as error:
                LOG.warning("cache %s: %s", where, error)
            self._caches[where] = None
            await asyncio.sleep(pause * (0.5 + secrets.randbelow(100) / 100))
            pause = min(2 * pause, RECONNECT)


async def serve(config: MasterConfig, driver: Driver | None = None) -> None:
    await until_stopped(MasterDaemon(config, driver or make_driver(config)))
