# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""magrathea-agent: the agent of a VM, with a real connection to its master and a socket for prologues and epilogues."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from pathlib import Path

from .agent import Agent, Jobs
from .config import AgentConfig
from .front import Peer
from .jobs import Control
from .masterd import boot_id, boottime
from .model import CLUSTER, NAME, NORMAL, PREEMPTIBLE
from .net import Later, Line, client_context, home, local, unix_socket, until_stopped
from .outbox import Held, SqliteOutbox
from .wire import ROOT, Malformed, Message, is_number

LOG = logging.getLogger("magrathea.agent")

MASTER = "master"


class AgentDaemon:
    def __init__(self, config: AgentConfig, jobs: Jobs | None = None) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        state = Path(config.state)
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._outbox = SqliteOutbox(state / "agent.sqlite", secrets.token_hex(8))
        self._settle = Later(self._flush)
        self._jobs: Jobs = jobs or Control(config.batch, home(self._settle))
        self.agent = Agent(self._outbox, self._jobs, boottime, life_id(), patience=config.patience)
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._line: Line | None = None

    def _flush(self) -> None:
        self.agent.flush()

    def received(self, peer: Peer, message: Message) -> None:
        if peer.role == MASTER:
            self.agent.received(message)
            return
        number = message.get("id", 0)
        try:
            self._local(peer, message, number)
        except Malformed as error:
            peer.send({"id": number, "ok": False, "error": "malformed", "text": str(error)})

    def gone(self, peer: Peer) -> None:
        if peer.role == MASTER:
            self.agent.lost()

    # What prologues, epilogues and hooks ask for

    def _local(self, peer: Peer, message: Message, number: int) -> None:
        op = message.get("op")

        def told(ok: bool, text: str) -> None:
            reply: Message = {"id": number, "ok": ok}
            if not ok:
                reply["error"] = "refused"
            if text:
                reply["text"] = text
            peer.send(reply)

        if op == "status":
            peer.send({"id": number, "ok": True, **self._status()})
            return
        if peer.role != ROOT:
            raise Malformed(
                f"{str(op)[:40]}: only root and the group {self._config.group or '(none)'} may ask for this"
            )
        if op == "start":
            self.agent.start(_held(message), told, _name(message, "reservation", ""))
        elif op == "stop":
            self.agent.stop(_name(message, "job"), told)
        elif op == "stop-all":
            self.agent.stop_all(told)
        elif op == "list":
            self.agent.listed(_names(message))
            told(True, "")
        elif op in ("freeze", "unregister"):
            self.agent.ask({"op": op}, told)
        else:
            raise Malformed(f"no such request: {str(op)[:40]!r}")

    def _status(self) -> Message:
        held = {
            each.id: {"state": each.state, "kind": each.kind, "cpus": each.cpus, "lost": each.lost}
            for each in self.agent.held.values()
        }
        return {"vm": self._config.name, "registered": self.agent.registered, "jobs": held}

    # Its two sides

    async def start(self) -> None:
        config, loop = self._config, self._loop
        who = local(config.group)
        server = await loop.create_unix_server(lambda: Line(self, who, self._settle), sock=unix_socket(config.socket))
        self._servers.append(server)
        self._tasks = [loop.create_task(self._master()), loop.create_task(self._clock())]
        LOG.info("agent of %s, %d jobs, master %s", config.name, len(self.agent.held), config.master)

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        if isinstance(self._jobs, Control):
            self._jobs.close()
        self.agent.flush()
        self._outbox.close()

    async def _clock(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.agent.wake()
            if self.agent.stuck and self._line:
                self._line.close()
            self._settle()

    async def _master(self) -> None:
        """Stay connected, however often the master goes away. At first soon again, then less often."""
        pause = 0.5
        while True:
            try:
                # Read anew each time: host certificates are renewed while the agent runs.
                context = client_context(self._config.tls)
                _transport, line = await self._loop.create_connection(
                    lambda: Line(self, lambda _transport: (MASTER, self._config.master), self._settle),
                    self._config.master,
                    self._config.port,
                    ssl=context,
                )
                self._line, since = line, time.monotonic()
                self.agent.connected(line.send)
                await line.closed.wait()
                if time.monotonic() - since > 10:
                    pause = 0.5
            except (OSError, ValueError) as error:
                LOG.warning("master %s: %s", self._config.master, error)
            self._line = None
            await asyncio.sleep(pause * (0.75 + random.random() / 2))
            pause = min(pause * 2, 2.0)


def life_id() -> str:
    """This life of the VM. Containers share their kernel's, but each has a first process of its own."""
    first = Path("/proc/1/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
    return f"{boot_id()}-{first}"


def _name(message: Message, key: str, default: str | None = None) -> str:
    value = message.get(key, default)
    if not isinstance(value, str) or not (NAME.match(value) or value == default):
        raise Malformed(f"{key} is no name: {str(value)[:60]!r}")
    return value


def _names(message: Message) -> set[str]:
    value = message.get("jobs")
    if not isinstance(value, list) or not all(isinstance(each, str) and NAME.match(each) for each in value):
        raise Malformed("jobs is no list of names")
    return set(value)


def _held(message: Message) -> Held:
    kind, cpus, process = message.get("kind", NORMAL), message.get("cpus", 1), message.get("process", 0)
    if kind not in (NORMAL, PREEMPTIBLE, CLUSTER):
        raise Malformed(f"kind is {str(kind)[:40]!r}; it is normal, preemptible or cluster")
    if cpus != "all" and not is_number(cpus, 1, 1 << 20):
        raise Malformed(f"cpus is {str(cpus)[:40]!r}; it is a number from 1, or all")
    if not is_number(process, 0, 1 << 32):
        raise Malformed("process is no process id")
    job = _name(message, "job")
    return Held(job, "starting", kind, cpus, secrets.token_hex(8), _name(message, "label", ""), 0.0, process)


async def serve(config: AgentConfig) -> None:
    await until_stopped(AgentDaemon(config))
