# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTPS server that knows its clients by grid certificates and RFC proxies of them, and by nothing else.

The certificate chain is OpenSSL's to verify, with revocation lists; who the client is, is the subject of the
certificate below which all proxies stand. Each connection reads certificate, key, trust anchors and revocation
lists anew: a new one holds from the next connection on, without a restart.
"""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

# Seconds that a client may keep a connection waiting.
PATIENCE = 120
# Connections served at once; more wait for their turn, so that memory has a bound.
AT_ONCE = 16

PROXY = "1.3.6.1.5.5.7.1.14"
# As the grid writes them; others are written as their numbers.
ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}


class Refused(Exception):
    """A request that is answered with an error: its HTTP status and, for the user, why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Certificate:
    """What matters of an X.509 certificate here."""

    subject: tuple[tuple[str, str], ...]
    is_proxy: bool

    @property
    def name(self) -> str:
        return "".join(f"/{key}={value}" for key, value in self.subject)


def elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The tag and the contents of each element of a DER sequence."""
    at = 0
    while at < len(der):
        if at + 2 > len(der):
            raise ValueError("DER ends within an element")
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        if at + length > len(der):
            raise ValueError("DER ends within an element")
        yield tag, der[at : at + length]
        at += length


def dotted(oid: bytes) -> str:
    """An object identifier in figures."""
    numbers = [0]
    for byte in oid:
        numbers[-1] = numbers[-1] << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(0)
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:-1]]))


def printable(tag: int, value: bytes) -> str:
    """A string of a name as OpenSSL's one-line form has it, which is what the grid's lists of names compare."""
    if tag == 0x1E:  # BMPString, two bytes a character
        value = value.decode("utf-16-be", "replace").encode()
    return "".join(chr(byte) if 0x20 <= byte <= 0x7E else f"\\x{byte:02X}" for byte in value)


def certificate(der: bytes) -> Certificate:
    """A certificate, from its DER form."""
    try:
        ((_tag, whole),) = elements(der)
        (_tag, signed), *_signature = elements(whole)
        parts = list(elements(signed))
        # The version comes first, with a tag of its own, in every certificate that can have extensions.
        fields = [content for tag, content in parts if not tag & 0x80]
        subject = []
        for _tag, names in elements(fields[4]):
            for _tag, pair in elements(names):
                (_tag, oid), (kind, value) = elements(pair)
                subject.append((ATTRIBUTES.get(dotted(oid), dotted(oid)), printable(kind, value)))
        extensions = [
            dotted(next(elements(extension))[1])
            for tag, content in parts
            if tag == 0xA3
            for _tag, all_of_them in elements(content)
            for _tag, extension in elements(all_of_them)
        ]
    except (ValueError, IndexError, StopIteration) as error:
        raise ValueError(f"not an X.509 certificate: {error}") from error
    return Certificate(tuple(subject), PROXY in extensions)


def holder(chain: list[bytes]) -> str:
    """The name of whoever a verified chain, the client's own certificate first, belongs to."""
    for der in chain:
        one = certificate(der)
        if not one.is_proxy:
            return one.name
    raise ValueError("nothing but proxies in the chain")


def verified_chain(connection: ssl.SSLSocket) -> list[bytes]:
    """The client's chain as OpenSSL verified it. Before Python 3.13 there is no public way to ask for it."""
    if sys.version_info >= (3, 13):
        return connection.get_verified_chain()
    found = cast(Any, connection)._sslobj.get_verified_chain() or []
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in found]


@dataclass(frozen=True)
class Credentials:
    """Where the server finds what it shows and what it trusts."""

    certificate: Path
    key: Path
    anchors: Path
    banned: Path | None = None

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        context.load_verify_locations(capath=str(self.anchors))
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_ALLOW_PROXY_CERTS | ssl.VERIFY_CRL_CHECK_CHAIN
        return context

    def is_banned(self, name: str) -> bool:
        return self.banned is not None and self.banned.exists() and name in self.banned.read_text().splitlines()


class GridServer(ThreadingHTTPServer):
    """One thread a connection; a connection that does not get through TLS costs its own thread only."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, handler: type[GridHandler], credentials: Credentials) -> None:
        super().__init__(("", port), handler, bind_and_activate=False)
        self.credentials = credentials
        self.turns = threading.BoundedSemaphore(AT_ONCE)
        self.socket.close()
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        self.socket = socket.create_server(("", port), family=family, backlog=128, dualstack_ipv6=dual)

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self.turns:
            request.settimeout(PATIENCE)
            # Not this server's noise: scanners, clients without a certificate, expired ones.
            try:
                secured = self.credentials.context().wrap_socket(request, server_side=True)
            except OSError as error:
                print(f"{client_address[0]}: {error}", file=sys.stderr, flush=True)
                return
            with secured:
                super().finish_request(secured, client_address)
                # Said goodbye properly, the client knows that it has got all.
                secured.unwrap().close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handle_error(request, client_address)


class GridHandler(BaseHTTPRequestHandler):
    """Answers in JSON, with text or with a file; a subclass says what to whom, in answer()."""

    server: GridServer
    protocol_version = "HTTP/1.1"
    server_version = "egee.box"
    sys_version = ""
    # Bytes that a request may bring, other than as a file.
    limit = 1 << 20

    def client_name(self) -> str:
        name = holder(verified_chain(cast(ssl.SSLSocket, self.connection)))
        if self.server.credentials.is_banned(name):
            raise Refused(403, f"{name} is banned here")
        return name

    def body_length(self, limit: int) -> int:
        given = self.headers.get("Content-Length") or "0"
        if not given.isascii() or not given.isdigit():
            raise Refused(400, f"Content-Length is {given!r}")
        if int(given) > limit:
            raise Refused(413, f"{given} bytes are more than the {limit} that may come")
        return int(given)

    def body(self) -> bytes:
        return self.rfile.read(self.body_length(self.limit))

    def body_to(self, file: Path, limit: int) -> None:
        """What comes goes to a file as it comes: a large one costs no memory."""
        left = self.body_length(limit)
        with file.open("xb") as out:
            while left:
                part = self.rfile.read(min(left, 1 << 16))
                if not part:
                    raise Refused(400, f"the connection ended {left} bytes early")
                out.write(part)
                left -= len(part)

    def answer(self, name: str) -> tuple[int, Any]:
        """The status and what goes with it, a file, a text or something for JSON, for the client of this name."""
        raise NotImplementedError

    def handle_method(self) -> None:
        try:
            status, content = self.answer(self.client_name())
        except Refused as refusal:
            status, content = refusal.status, {"error": str(refusal)}
        except Exception as error:
            # The user learns that it is not their fault, the administrator what it was.
            print(f"{self.command} {self.path}: {error!r}", file=sys.stderr, flush=True)
            status, content = 500, {"error": "the server failed; its administrator finds why in its journal"}
        if status >= 400:
            # What the client still sends is not read.
            self.close_connection = True
        if isinstance(content, Path):
            with content.open("rb") as file:
                self.begin(status, "application/x-tar", content.stat().st_size)
                shutil.copyfileobj(file, self.wfile)
        else:
            text = isinstance(content, str)
            data = (content if text else json.dumps(content) + "\n").encode()
            self.begin(status, "text/plain" if text else "application/json", len(data))
            self.wfile.write(data)

    def begin(self, status: int, kind: str, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    do_GET = do_POST = do_PUT = do_DELETE = handle_method

    def log_message(self, format: str, *arguments: Any) -> None:
        """The journal has enough of its own."""
