# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a certificate authority has yet to do: which certificates and lists are missing, wrong or about to end.

Private to this collection. Pure functions on PEM bytes; the lookup C(egee.box.ca_due) reads the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

# id-kp, RFC 5280.
_USAGES = {"serverAuth": "1.3.6.1.5.5.7.3.1", "clientAuth": "1.3.6.1.5.5.7.3.2"}


@dataclass(frozen=True)
class Wanted:
    """A certificate as it should be."""

    dn: str
    names: frozenset[str]  # like DNS:voms.egee.test
    usages: frozenset[str]  # like serverAuth


@dataclass(frozen=True)
class Authority:
    """The CA that signs: its certificate, and the serial numbers it has revoked."""

    certificate: x509.Certificate
    revoked: frozenset[int] = frozenset()


def slash_form(name: x509.Name) -> str:
    return "".join(f"/{attribute.rfc4514_attribute_name}={attribute.value!s}" for attribute in name)


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _der_oid(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = b""
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.insert(0, 0x80 | arc & 0x7F)
        content += bytes(groups)
    return _der(0x06, content)


def link_names(certificate: x509.Certificate) -> list[str]:
    """The names that OpenSSL, and the older one that Globus, looks a CA up by: hashes of its subject.

    OpenSSL hashes a canonical form, without the outer sequence: all strings as UTF-8, in lower case,
    with single spaces. What c_rehash makes as links are files here.
    """
    canonical = b""
    for rdn in certificate.subject.rdns:
        pairs = []
        for attribute in rdn:
            text = " ".join(str(attribute.value).split())
            value = "".join(letter.lower() if letter.isascii() else letter for letter in text)
            pairs.append(_der(0x30, _der_oid(attribute.oid.dotted_string) + _der(0x0C, value.encode())))
        canonical += _der(0x31, b"".join(sorted(pairs)))
    new = hashlib.sha1(canonical, usedforsecurity=False).digest()
    old = hashlib.md5(certificate.subject.public_bytes(), usedforsecurity=False).digest()
    return [f"{int.from_bytes(digest[:4], 'little'):08x}" for digest in (new, old)]


def read_certificate(pem: bytes | None) -> x509.Certificate | None:
    """None for a file that is missing or holds no certificate: either way there is one to make."""
    try:
        return x509.load_pem_x509_certificate(pem) if pem else None
    except ValueError:
        return None


def read_list(pem: bytes | None) -> x509.CertificateRevocationList | None:
    try:
        return x509.load_pem_x509_crl(pem) if pem else None
    except ValueError:
        return None


def holds_key(certificate: x509.Certificate, key: bytes | None) -> bool:
    """Whether the key is the certificate's own."""
    try:
        return bool(key) and load_pem_private_key(key or b"", None).public_key() == certificate.public_key()
    except (ValueError, TypeError):
        return False


def _ends(end: datetime, now: datetime, before: timedelta) -> str | None:
    return f"it ends on {end:%Y-%m-%d}" if end - now < before else None


def _alternative_names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(
        [f"DNS:{name}" for name in names.get_values_for_type(x509.DNSName)]
        + [f"email:{name}" for name in names.get_values_for_type(x509.RFC822Name)]
    )


def _usages(certificate: x509.Certificate) -> frozenset[str]:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        return frozenset(usage.dotted_string for usage in usages)
    except x509.ExtensionNotFound:
        return frozenset()


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def why_authority(pem: bytes | None, key: bytes | None, dn: str, now: datetime, before: timedelta) -> str | None:
    """Why the CA's own certificate must be made, or None."""
    certificate = read_certificate(pem)
    if certificate is None:
        return "there is none yet"
    if slash_form(certificate.subject) != dn:
        return f"it names {slash_form(certificate.subject)}"
    if not holds_key(certificate, key):
        return "its key is missing or another's"
    return _ends(certificate.not_valid_after_utc, now, before)


def why_certificate(
    pem: bytes | None, key: bytes | None, wanted: Wanted, authority: Authority, now: datetime, before: timedelta
) -> str | None:
    """Why a certificate must be issued, or None."""
    certificate = read_certificate(pem)
    if certificate is None:
        return "there is none yet"
    if not _signed_by(certificate, authority.certificate):
        return "another CA signed it"
    if certificate.serial_number in authority.revoked:
        return "it is revoked"
    if slash_form(certificate.subject) != wanted.dn:
        return f"it names {slash_form(certificate.subject)}"
    if _alternative_names(certificate) != wanted.names:
        return f"its alternative names are {', '.join(sorted(_alternative_names(certificate))) or 'none'}"
    if _usages(certificate) != {_USAGES[usage] for usage in wanted.usages}:
        return "it is for another use"
    if not holds_key(certificate, key):
        return "its key is missing or another's"
    return _ends(certificate.not_valid_after_utc, now, before)


def why_list(
    pem: bytes | None, serials: Collection[int], authority: x509.Certificate, now: datetime, before: timedelta
) -> str | None:
    """Why the revocation list must be made, or None."""
    crl = read_list(pem)
    if crl is None:
        return "there is none yet"
    key = authority.public_key()
    if not isinstance(key, RSAPublicKey) or not crl.is_signature_valid(key):
        return "another CA signed it"
    if not set(serials) <= {entry.serial_number for entry in crl}:
        return "a revoked certificate is not on it"
    if crl.next_update_utc is None:
        return "it never ends"
    return _ends(crl.next_update_utc, now, before)
