# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxies of jobs: accepted from users, renewed with MyProxy and VOMS, renewed at the CE."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grid_delegation import CERTIFICATE, DelegationError, assemble, openssl, sign
from grid_https import certificate, holder

ANCHORS = "/etc/grid-security/certificates"
# Seconds that one question to another service may take.
PATIENCE = 120


class Unusable(Exception):
    """A proxy that is not accepted, or could not be renewed; the message says why."""


@dataclass(frozen=True)
class Attributes:
    """What VOMS certified in a proxy, and when that ends."""

    vos: list[str]
    fqans: list[str]
    expires: float


def said(argv: list[str], **environment: str) -> str:
    try:
        done = subprocess.run(
            argv,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/nonexistent", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unusable(f"{argv[0]}: no end after {PATIENCE} s") from error
    if done.returncode != 0:
        raise Unusable(f"{argv[0]}: {' '.join(done.stdout.split()) or 'failed'}")
    return done.stdout


def attributes(proxy: Path) -> Attributes:
    """What VOMS certified in a proxy; voms-proxy-info checks who signed it, for whom, and how long it holds."""
    shown = said(["voms-proxy-info", "-file", str(proxy), "-all"])
    return read_attributes(shown, time.time())


def read_attributes(shown: str, now: float) -> Attributes:
    """The attributes, from what voms-proxy-info says."""
    vos, fqans, left = [], [], []
    for line in shown.splitlines():
        key, _colon, value = (part.strip() for part in line.partition(":"))
        if key == "VO":
            vos.append(value)
        elif key == "attribute":
            fqans.append(value.removesuffix("/Capability=NULL").removesuffix("/Role=NULL"))
        elif key == "timeleft":
            hours, minutes, seconds = map(int, value.split(":"))
            left.append(hours * 3600 + minutes * 60 + seconds)
    # The shortest counts: that of the proxy, or that of what VOMS certified.
    return Attributes(vos, fqans, now + min(left, default=0))


def accept(chain: str, key: Path, proxy: Path, client: str) -> Attributes:
    """Put a delegated proxy in place, if it is the client's own and all in it is in order."""
    parts = CERTIFICATE.findall(chain)
    if len(parts) < 2 or holder([ssl.PEM_cert_to_DER_cert(part) for part in parts]) != client:
        raise Unusable(f"what was delegated is not a proxy of {client}")
    if not certificate(ssl.PEM_cert_to_DER_cert(parts[0])).is_proxy:
        raise Unusable("what was delegated is not an RFC 3820 proxy")
    fresh = proxy.with_name("proxy.new")
    fresh.touch(mode=0o600)
    fresh.write_text(assemble(chain, key.read_text()))
    try:
        ssl.create_default_context().load_cert_chain(fresh)
        verify = ["-allow_proxy_certs", "-crl_check_all", "-CApath", ANCHORS, "-untrusted", str(fresh)]
        openssl("verify", *verify, str(fresh))
        found = attributes(fresh)
    except (ssl.SSLError, DelegationError) as error:
        raise Unusable(str(error)) from error
    if not found.vos:
        raise Unusable("the proxy has no attributes of a VO; get one with voms-proxy-init --voms")
    fresh.rename(proxy)
    key.unlink()
    return found


def renew(proxy: Path, server: str, name: str, fqans: list[str], vo: str, host: dict[str, str]) -> Attributes:
    """A new proxy in the place of one that ends: MyProxy's, with the same attributes, asked of VOMS again."""
    plain, fresh = proxy.with_name("proxy.plain"), proxy.with_name("proxy.new")
    fetch = ["myproxy-logon", "-s", server, "-d", "-a", str(proxy), "-k", name, "-n", "-t", "12", "-o", str(plain)]
    said(fetch, X509_USER_CERT=host["certificate"], X509_USER_KEY=host["key"])
    add = ["voms-proxy-init", "-quiet", "-noregen", "-cert", str(plain), "-key", str(plain), "-out", str(fresh)]
    try:
        # The order of the attributes decides whom the CE takes the user for.
        said([*add, *(option for fqan in wanted(fqans, vo) for option in ("-voms", fqan))])
        before = CERTIFICATE.findall(proxy.read_text())
        after = CERTIFICATE.findall(fresh.read_text())
        names = [holder([ssl.PEM_cert_to_DER_cert(part) for part in parts]) for parts in (before, after)]
        if names[0] != names[1]:
            raise Unusable(f"MyProxy renewed a proxy of {names[0]} with one of {names[1]}")
        found = attributes(fresh)
        if vo not in found.vos:
            raise Unusable(f"VOMS no longer certifies attributes of {vo}")
        fresh.chmod(0o600)
        fresh.rename(proxy)
    finally:
        plain.unlink(missing_ok=True)
        fresh.unlink(missing_ok=True)
    return found


def wanted(fqans: list[str], vo: str) -> list[str]:
    """What to ask VOMS for, to get these attributes in this order: the first and the roles; groups come with them."""
    asked = [f"{vo}:{fqan}" for number, fqan in enumerate(fqans) if number == 0 or "/Role=" in fqan]
    return asked if asked != [f"{vo}:/{vo}"] else [vo]


def ask_ce(url: str, proxy: Path, method: str, path: str, body: str = "", kind: str = "application/json") -> Any:
    """What A-REX's REST interface answers."""
    context = ssl.create_default_context(capath=ANCHORS)
    context.load_cert_chain(proxy)
    ce = urlsplit(url)
    connection = http.client.HTTPSConnection(str(ce.hostname), ce.port, context=context, timeout=PATIENCE)
    try:
        headers = {"Content-Type": kind, "Accept": "application/json"}
        connection.request(method, ce.path + path, body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise Unusable(f"{ce.hostname}: {error}") from error
    finally:
        connection.close()
    if answer.status >= 300:
        raise Unusable(f"{ce.hostname}: {answer.status} {answer.reason}")
    return content


def listed(content: str, key: str) -> list[dict[str, Any]]:
    """The rows of an answer, which A-REX gives as a list, or as one where there is one."""
    rows = json.loads(content).get(key, [])
    return rows if isinstance(rows, list) else [rows]


def renew_at_ce(url: str, ce_job: str, proxy: Path) -> None:
    """Delegate the renewed proxy to the CE, where the job gets it."""
    jobs = json.dumps({"job": [{"id": ce_job}]})
    for row in listed(ask_ce(url, proxy, "POST", "/jobs?action=delegations", jobs), "job"):
        for delegation in row.get("delegation_id", []):
            asked = ask_ce(url, proxy, "POST", f"/delegations/{delegation}?action=renew")
            ask_ce(url, proxy, "PUT", f"/delegations/{delegation}", sign(asked, proxy), "application/x-pem-file")


def kill_at_ce(url: str, ce_job: str, proxy: Path) -> None:
    """End and forget a job that nobody waits for any more."""
    jobs = json.dumps({"job": [{"id": ce_job}]})
    for action in ("kill", "clean"):
        ask_ce(url, proxy, "POST", f"/jobs?action={action}", jobs)
