# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""magrathea-cache: the cache of a cluster in a process of its own."""

from __future__ import annotations

import asyncio
import logging

from .cache import PUBLISHER, Cache
from .config import CacheConfig
from .front import Peer
from .masterd import boottime
from .net import Later, Line, local, names, server_context, unix_socket, until_stopped
from .wire import READER, Malformed, Message

LOG = logging.getLogger("magrathea.cache")

# Watchers, such as the batch system, are told in bulk: once in so many seconds at most.
BULK = 0.5


class CacheDaemon:
    def __init__(self, config: CacheConfig) -> None:
        self._config = config
        self.cache = Cache(boottime, config.expiry)
        self._machines = {name.lower() for name in config.machines}
        self._readers = {name.lower() for name in config.readers}
        self._tell = Later(self.cache.flush, BULK)
        self._servers: list[asyncio.Server] = []
        self._clock: asyncio.Task[None] | None = None

    def received(self, peer: Peer, message: Message) -> None:
        self.cache.received(peer, message)

    def gone(self, peer: Peer) -> None:
        self.cache.gone(peer)

    def _who(self, transport: asyncio.BaseTransport) -> tuple[str, str]:
        found = names(transport)
        for name in found:
            if name in self._machines:
                return PUBLISHER, name
        for name in found:
            if name in self._readers:
                return READER, name
        raise Malformed(f"{', '.join(found) or 'nobody'}: is no machine and no reader of this cache")

    async def start(self) -> None:
        config, loop = self._config, asyncio.get_running_loop()
        who = local(config.group)
        unix = unix_socket(config.socket)
        self._servers.append(await loop.create_unix_server(lambda: Line(self, who, self._tell), sock=unix))
        self._servers.append(
            await loop.create_server(
                lambda: Line(self, self._who, self._tell),
                config.listen or None,
                config.port,
                ssl=server_context(config.tls),
                backlog=4096,
            )
        )
        self._clock = loop.create_task(self._expire())
        LOG.info("cache of %d machines", len(config.machines))

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(10.0)
            self._tell()

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        if self._clock:
            self._clock.cancel()


async def serve(config: CacheConfig) -> None:
    await until_stopped(CacheDaemon(config))
