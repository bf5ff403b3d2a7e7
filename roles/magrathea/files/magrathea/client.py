# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the daemons' local sockets, for the command line: one request, one reply, or a stream of news."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from .wire import Message, decode, encode, lines

# What a cache tells at once of a large site; a daemon of this host is believed.
LONGEST = 1 << 28


class Unreachable(Exception):
    """Nobody answers; the text says where, and what to look at."""


class Client:
    def __init__(self, path: str, timeout: float | None = 120.0) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._buffer = bytearray()
        self._number = 0
        try:
            self._socket.connect(path)
        except OSError as error:
            raise Unreachable(f"{path}: {error.strerror}; is the daemon running?") from None

    def ask(self, op: str, **fields: object) -> Message:
        """The reply, whatever it says."""
        self._number += 1
        message = {key: value for key, value in fields.items() if value is not None}
        self._socket.sendall(encode({"op": op, "id": self._number, **message}))
        for reply in self.messages():
            if reply.get("id") == self._number or reply.get("error") == "malformed":
                return reply
        raise Unreachable(f"{self._path}: closed the connection without an answer; see the daemon's log")

    def messages(self) -> Iterator[Message]:
        while True:
            for line in lines(self._buffer, LONGEST):
                yield decode(line, LONGEST)
            try:
                data = self._socket.recv(1 << 20)
            except TimeoutError:
                raise Unreachable(f"{self._path}: no answer in time") from None
            if not data:
                return
            self._buffer += data

    def patient(self) -> None:
        """Wait for ever: for news there is no time limit."""
        self._socket.settimeout(None)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
