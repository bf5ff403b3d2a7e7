# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delegation as the grid does it: who is to act for somebody makes a key and asks; only certificates travel."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import tempfile
from pathlib import Path

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)
# openssl ca, because it alone can be told, in every version, from when and until when a certificate holds. What it
# makes is an RFC 3820 proxy that may do all that its holder may.
AUTHORITY = """
[ca]
default_ca = proxies
[proxies]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
unique_subject = no
policy = any
x509_extensions = proxy
[any]
commonName = supplied
[proxy]
keyUsage = critical, digitalSignature, keyEncipherment
proxyCertInfo = critical, language:id-ppl-inheritAll
"""


class DelegationError(Exception):
    """What did not work, and what OpenSSL said of it."""


def openssl(*argv: str, told: str = "", cwd: str | None = None) -> str:
    done = subprocess.run(["openssl", *argv], input=told, capture_output=True, text=True, check=False, cwd=cwd)
    if done.returncode != 0:
        raise DelegationError(f"openssl {argv[0]}: {done.stderr.strip() or 'failed'}")
    return done.stdout


def request(key: Path) -> str:
    """Make a key, in a file, and a request to have it certified."""
    mask = os.umask(0o077)
    try:
        return openssl("req", "-new", "-newkey", "rsa:2048", "-noenc", "-keyout", str(key), "-subj", "/CN=proxy")
    finally:
        os.umask(mask)


def slash_form(lines: str) -> str:
    """A name for openssl's -subj, from the one with an attribute a line that openssl prints."""
    parts = [line.strip() for line in lines.splitlines() if "=" in line.strip(" \n") and line.startswith(" ")]
    return "".join("/" + re.sub(r"([\\/+])", r"\\\1", part) for part in parts)


def sign(asked: str, proxy: Path) -> str:
    """Certify the key of a request as a proxy below a proxy; the certificates from the new one upwards."""
    shown = openssl(
        "x509",
        "-in",
        str(proxy),
        "-noout",
        "-subject",
        "-dates",
        "-dateopt",
        "iso_8601",
        "-nameopt",
        "sname,utf8,sep_multiline",
    )
    # 'notBefore=2026-11-22 22:13:00Z' as openssl itself takes it: 20261122221300Z
    begin, end = (
        re.sub(r"[^0-9Z]", "", found) for found in re.findall(r"^not(?:Before|After)=(.*)$", shown, re.MULTILINE)
    )
    number = secrets.randbits(62)
    above = str(proxy.absolute())
    with tempfile.TemporaryDirectory() as place:
        for name, content in (("conf", AUTHORITY), ("index", ""), ("serial", f"{number:032x}"), ("asked", asked)):
            Path(place, name).write_text(content)
        made = openssl(
            *(
                "ca",
                "-batch",
                "-preserveDN",
                "-config",
                "conf",
                "-in",
                "asked",
                "-notext",
                "-cert",
                above,
                "-keyfile",
                above,
            ),
            *("-subj", f"{slash_form(shown)}/CN={number}", "-utf8"),
            # As long as what stands above it; and from then on, because clocks differ.
            *("-startdate", begin, "-enddate", end),
            cwd=place,
        )
    return "".join(CERTIFICATE.findall(made) + CERTIFICATE.findall(proxy.read_text()))


def assemble(chain: str, key: str) -> str:
    """The contents of a proxy's file: its certificate, its key, then the certificates above it."""
    first, *others = map(str, CERTIFICATE.findall(chain) or [""])
    return first + key + "".join(others)
