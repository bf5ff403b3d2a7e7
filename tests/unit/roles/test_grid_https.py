# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a client is, from the certificates that it shows; and how proxies are delegated."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grid_delegation
import grid_https
import pytest
import wms_proxy

NAME = "/DC=test/O=Users/CN=Alice O'Neil + Co"


def openssl(*argv: str) -> None:
    subprocess.run(["openssl", *argv], check=True, capture_output=True)


class Pki:
    """A CA with a revocation list, a host, and people."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.anchors = place / "anchors"
        self.anchors.mkdir()
        self.issue("ca", "/DC=test/CN=CA", "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
        self.issue("host", "/DC=test/CN=localhost", "subjectAltName=DNS:localhost", by="ca")
        for person, name in (
            ("alice", r"/DC=test/O=Users/CN=Alice O'Neil \+ Co"),
            ("revoked", "/DC=test/O=Users/CN=Revoked"),
        ):
            self.issue(person, name, "keyUsage=digitalSignature", by="ca")
        (place / "index").touch()
        (place / "crlnumber").write_text("01\n")
        (place / "ca.conf").write_text(
            "[ca]\ndefault_ca=it\n[it]\ndatabase=index\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=9\n"
        )
        for step in (["-revoke", "revoked.pem"], ["-gencrl", "-out", "crl.pem"]):
            with_ca = ["ca", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key", *step]
            subprocess.run(["openssl", *with_ca], check=True, capture_output=True, cwd=place)
        (self.anchors / "ca.pem").write_text((place / "ca.pem").read_text())
        (self.anchors / "crl.pem").write_text((place / "crl.pem").read_text())
        openssl("rehash", str(self.anchors))

    def issue(self, file: str, name: str, *extensions: str, by: str = "") -> None:
        at = {kind: str(self.place / f"{file}.{kind}") for kind in ("key", "pem")}
        signer = ["-CA", str(self.place / f"{by}.pem"), "-CAkey", str(self.place / f"{by}.key")] if by else []
        more = [option for extension in extensions for option in ("-addext", extension)]
        key = ["-newkey", "rsa:2048", "-nodes", "-keyout", at["key"]]
        openssl("req", "-x509", *key, "-days", "2", "-subj", name, *signer, *more, "-out", at["pem"])

    def credential(self, person: str) -> Path:
        """Certificate and key in one file, as a proxy's."""
        whole = self.place / f"{person}.all"
        whole.write_text((self.place / f"{person}.pem").read_text() + (self.place / f"{person}.key").read_text())
        return whole

    def proxy(self, below: Path, name: str) -> Path:
        key, proxy = self.place / f"{name}.key", self.place / name
        chain = grid_delegation.sign(grid_delegation.request(key), below)
        proxy.write_text(grid_delegation.assemble(chain, key.read_text()))
        return proxy


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


class Handler(grid_https.GridHandler):
    def answer(self, name: str) -> tuple[int, Any]:
        if self.path == "/fault":
            raise RuntimeError("a secret detail")
        return 200, {"name": name, "sent": len(self.body())}


@pytest.fixture(scope="module")
def port(pki: Pki) -> Iterator[int]:
    banned = pki.place / "banned"
    credentials = grid_https.Credentials(pki.place / "host.pem", pki.place / "host.key", pki.anchors, banned)
    server = grid_https.GridServer(0, Handler, credentials)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.socket.getsockname()[1]
    server.shutdown()


def ask(
    pki: Pki, port: int, credential: Path | None, path: str = "/", body: bytes = b"", length: int | None = None
) -> tuple[int, dict[str, Any]]:
    context = ssl.create_default_context(capath=str(pki.anchors))
    # Where the server's verdict on the client is a part of the handshake.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if credential:
        context.load_cert_chain(credential)
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=20)
    connection.request(
        "POST", path, body=body, headers={"Content-Length": str(len(body) if length is None else length)}
    )
    answer = connection.getresponse()
    return answer.status, json.load(answer)


def test_a_certificate_and_proxies_of_it_have_one_name(pki: Pki, port: int) -> None:
    first = pki.proxy(pki.credential("alice"), "first")
    second = pki.proxy(first, "second")
    for credential in (pki.credential("alice"), first, second):
        assert ask(pki, port, credential, body=b"12345") == (200, {"name": NAME, "sent": 5})


@pytest.mark.parametrize("who", [None, "revoked", "proxy of revoked", "legacy proxy", "stranger"])
def test_others_do_not_get_in(pki: Pki, port: int, who: str | None) -> None:
    credential: Path | None = None
    if who == "revoked":
        credential = pki.credential("revoked")
    elif who == "proxy of revoked":
        credential = pki.proxy(pki.credential("revoked"), "revoked-proxy")
    elif who == "legacy proxy":
        pki.issue("legacy", r"/DC=test/O=Users/CN=Alice O'Neil \+ Co/CN=proxy", by="alice")
        credential = pki.place / "legacy.all"
        parts = ("legacy.pem", "legacy.key", "alice.pem")
        credential.write_text("".join((pki.place / part).read_text() for part in parts))
    elif who == "stranger":
        pki.issue("stranger", "/DC=test/O=Users/CN=Alice")
        credential = pki.credential("stranger")
    with pytest.raises(OSError, match="(?i)alert|eof|reset"):
        ask(pki, port, credential)


def test_a_ban_holds_from_the_next_request_on(pki: Pki, port: int) -> None:
    (pki.place / "banned").write_text(f"{NAME}\n")
    try:
        status, said = ask(pki, port, pki.proxy(pki.credential("alice"), "banned-proxy"))
    finally:
        (pki.place / "banned").write_text("")
    assert (status, "banned" in said["error"]) == (403, True)
    assert ask(pki, port, pki.credential("alice"))[0] == 200


def test_more_than_may_come_is_refused_unread(pki: Pki, port: int) -> None:
    status, said = ask(pki, port, pki.credential("alice"), length=Handler.limit + 1)
    assert (status, "more than" in said["error"]) == (413, True)


def test_a_fault_tells_the_user_nothing_of_its_inside(pki: Pki, port: int, capfd: pytest.CaptureFixture[str]) -> None:
    status, said = ask(pki, port, pki.credential("alice"), "/fault")
    assert status == 500
    assert "secret" not in said["error"]
    assert "a secret detail" in capfd.readouterr().err


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x82\xff\xff", b"\x30\x03\x02\x01\x05", bytes(100)])
def test_what_is_no_certificate_is_an_error(der: bytes) -> None:
    with pytest.raises(ValueError, match="not an X.509 certificate"):
        grid_https.certificate(der)


@pytest.mark.parametrize(
    ("oid", "text"), [(b"\x55\x04\x03", "2.5.4.3"), (b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", "1.2.840.113549.1.9.1")]
)
def test_object_identifiers_read_as_figures(oid: bytes, text: str) -> None:
    assert grid_https.dotted(oid) == text


def test_a_delegated_proxy_must_be_the_clients_own(pki: Pki, tmp_path: Path) -> None:
    key = tmp_path / "key"
    chain = grid_delegation.sign(grid_delegation.request(key), pki.credential("alice"))
    with pytest.raises(wms_proxy.Unusable, match="not a proxy of /CN=Bob"):
        wms_proxy.accept(chain, key, tmp_path / "proxy", "/CN=Bob")
    with pytest.raises(wms_proxy.Unusable, match="not a proxy of"):
        wms_proxy.accept("nothing", key, tmp_path / "proxy", NAME)


def test_what_voms_certified_is_read_from_what_its_client_says() -> None:
    said = """subject   : /CN=Alice/CN=1
timeleft  : 11:59:00
=== VO voce extension information ===
VO        : voce
attribute : /voce/Role=SoftwareManager/Capability=NULL
attribute : /voce/Role=NULL/Capability=NULL
timeleft  : 1:00:05
"""
    assert wms_proxy.read_attributes(said, 100) == wms_proxy.Attributes(
        ["voce"], ["/voce/Role=SoftwareManager", "/voce"], 3705
    )


@pytest.mark.parametrize(
    ("fqans", "asked"),
    [
        (["/voce", "/voce/physics"], ["voce"]),
        (["/voce/physics", "/voce"], ["voce:/voce/physics"]),
        (["/voce/Role=A", "/voce", "/voce/Role=B"], ["voce:/voce/Role=A", "voce:/voce/Role=B"]),
    ],
)
def test_a_renewed_proxy_has_the_same_attributes_in_the_same_order(fqans: list[str], asked: list[str]) -> None:
    assert wms_proxy.wanted(fqans, "voce") == asked
