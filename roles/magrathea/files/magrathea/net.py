# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets: lines over asyncio, who is at the other end, and the life of a daemon around them.

Nothing here knows what the messages mean.
"""

from __future__ import annotations

import asyncio
import grp
import logging
import os
import pwd
import signal
import socket
import ssl
import struct
import typing as t
from collections.abc import Callable
from pathlib import Path

from .config import Tls
from .front import Peer
from .wire import READER, ROOT, Malformed, Message, decode, encode, lines

LOG = logging.getLogger("magrathea")

# A peer that lets so much pile up is not listening any more.
BACKLOG = 16 * 1024 * 1024


class Handler(t.Protocol):
    """Whoever messages are for."""

    def received(self, peer: Peer, message: Message) -> None: ...

    def gone(self, peer: Peer) -> None: ...


class Line(asyncio.Protocol):
    """One connection. `who` says, from the transport alone, which role and name the other end has proved."""

    def __init__(
        self, handler: Handler, who: Callable[[asyncio.BaseTransport], tuple[str, str]], done: Callable[[], None]
    ) -> None:
        self._handler, self._who, self._done = handler, who, done
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self.peer: Peer | None = None
        self.closed: asyncio.Event = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        try:
            role, name = self._who(transport)
        except Malformed as error:
            LOG.warning("refused %s: %s", transport.get_extra_info("peername"), error)
            transport.write(encode({"id": 0, "ok": False, "error": "refused", "text": str(error)}))
            transport.close()
            return
        self.peer = Peer(role, name, self.send, transport.close)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self.peer is None:
            return
        try:
            for line in lines(self._buffer):
                self._handler.received(self.peer, decode(line))
        except Malformed as error:
            # Whoever breaks the form once has lost his place in it: he is told, and may begin anew.
            LOG.warning("%s %s: %s", self.peer.role, self.peer.name, error)
            self.send({"id": 0, "ok": False, "error": "malformed", "text": str(error)})
            self.close()
        self._done()

    def send(self, message: Message) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(encode(message))
        if transport.get_write_buffer_size() > BACKLOG:
            LOG.warning("dropped a peer that does not read")
            transport.abort()

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        if self.peer:
            self._handler.gone(self.peer)
            self._done()


def local(group: str) -> Callable[[asyncio.BaseTransport], tuple[str, str]]:
    """Who is at the other end of a Unix socket: the kernel says."""
    gid = grp.getgrnam(group).gr_gid if group else -1

    def who(transport: asyncio.BaseTransport) -> tuple[str, str]:
        raw = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        _pid, uid, main = struct.unpack("3i", raw)
        member = uid in (0, os.geteuid()) or (gid >= 0 and (main == gid or gid in _groups(uid)))
        return (ROOT if member else READER), str(uid)

    return who


def _groups(uid: int) -> list[int]:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return []
    return os.getgrouplist(entry.pw_name, entry.pw_gid)


def names(transport: asyncio.BaseTransport) -> list[str]:
    """The host names in the certificate that the other end proved to be its own."""
    certificate = transport.get_extra_info("peercert") or {}
    found = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                # Old grid certificates say which service they are for: host/name.
                found.append(value.rpartition("/")[2])
    return [name.lower() for name in found]


def server_context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _fill(context, tls)
    # Nobody gets a word in without a certificate.
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _fill(context, tls)
    return context


def _fill(context: ssl.SSLContext, tls: Tls) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key)
    if Path(tls.trust).is_dir():
        context.load_verify_locations(capath=tls.trust)
    else:
        context.load_verify_locations(cafile=tls.trust)


def unix_socket(path: str) -> socket.socket:
    """A listening socket that everybody may connect to: what they may do depends on who they are."""
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    place.chmod(0o666)
    listening.listen(128)
    return listening


def _tell_systemd(word: str) -> None:
    """The whole of sd_notify that we need."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            notify.connect("\0" + address[1:] if address.startswith("@") else address)
            notify.sendall(word.encode())


class Later:
    """One call for many occasions: at the end of this turn of the loop, or after a while."""

    def __init__(self, act: Callable[[], None], seconds: float = 0.0) -> None:
        self._act, self._seconds = act, seconds
        self._waits = False

    def __call__(self) -> None:
        if not self._waits:
            self._waits = True
            loop = asyncio.get_running_loop()
            if self._seconds:
                loop.call_later(self._seconds, self._run)
            else:
                loop.call_soon(self._run)

    def _run(self) -> None:
        self._waits = False
        self._act()


def home(settle: Callable[[], None]) -> Callable[[Callable[[], None]], None]:
    """The way from other threads back into this loop: what they bring is done there, and then all is settled."""
    loop = asyncio.get_running_loop()

    def bring(act: Callable[[], None]) -> None:
        def run() -> None:
            act()
            settle()

        if not loop.is_closed():
            loop.call_soon_threadsafe(run)

    return bring


class Daemon(t.Protocol):
    """What runs until it is stopped."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


async def until_stopped(daemon: Daemon) -> None:
    """Run a daemon until a signal ends it; systemd is told of both."""
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    await daemon.start()
    _tell_systemd("READY=1")
    await over.wait()
    _tell_systemd("STOPPING=1")
    await daemon.stop()
