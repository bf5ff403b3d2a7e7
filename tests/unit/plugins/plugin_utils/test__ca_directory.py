# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a CA has yet to do, in a directory of real keys and certificates."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.plugin_utils._ca_directory import Request, survey
from ansible_collections.egee.box.plugins.plugin_utils._pki import link_names
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CA = "/DC=test/DC=egee/CN=EGEE-BOX CA"
ALICE = {"name": "alice", "cn": "Alice Novak", "email": "alice@egee.test"}
REQUEST = Request(dn=CA, domain="egee.test", hosts=["ce.egee.test"], users=[ALICE])

OIDS = {"DC": NameOID.DOMAIN_COMPONENT, "O": NameOID.ORGANIZATION_NAME, "CN": NameOID.COMMON_NAME}
BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)

# Making keys is what costs time here, and which keys they are does not matter.
KEYS = [rsa.generate_private_key(65537, 2048) for index in range(3)]


def name(slash: str) -> x509.Name:
    pairs = [part.split("=", 1) for part in slash.split("/")[1:]]
    return x509.Name([x509.NameAttribute(OIDS[key], value) for key, value in pairs])


def certificate(
    dn: str,
    key: rsa.RSAPrivateKey,
    days: int,
    usages: t.Iterable[x509.ObjectIdentifier] = (),
    names: t.Iterable[x509.GeneralName] = (),
    issuer: str = CA,
    signer: rsa.RSAPrivateKey = KEYS[0],
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder(name(issuer), name(dn), key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=900))
        .not_valid_after(NOW + timedelta(days=days))
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())


def host(days: int = 300, key: rsa.RSAPrivateKey = KEYS[1], **other: t.Any) -> x509.Certificate:
    given = {"dn": "/DC=test/DC=egee/CN=ce.egee.test", "usages": BOTH, "names": [x509.DNSName("ce.egee.test")], **other}
    return certificate(key=key, days=days, **given)


def user(days: int = 300) -> x509.Certificate:
    names = [x509.RFC822Name("alice@egee.test")]
    return certificate("/DC=test/DC=egee/O=Users/CN=Alice Novak", KEYS[2], days, CLIENT, names)


def write_key(path: Path, key: rsa.RSAPrivateKey) -> None:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))


def write(path: Path, what: x509.Certificate | x509.CertificateRevocationList) -> None:
    path.write_bytes(what.public_bytes(Encoding.PEM))


def revocation_list(
    *serials: int, days: int = 100, signer: rsa.RSAPrivateKey = KEYS[0]
) -> x509.CertificateRevocationList:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name(CA))
        .last_update(NOW - timedelta(days=1))
        .next_update(NOW + timedelta(days=days))
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(signer, hashes.SHA256())


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A CA with nothing left to do."""
    for place in ("hosts", "users"):
        (tmp_path / place).mkdir()
    write(tmp_path / "ca.pem", certificate(CA, KEYS[0], 3000))
    write_key(tmp_path / "ca.key", KEYS[0])
    write(tmp_path / "crl.pem", revocation_list())
    write(tmp_path / "hosts/ce.egee.test.pem", host())
    write_key(tmp_path / "hosts/ce.egee.test.key", KEYS[1])
    write(tmp_path / "users/alice.pem", user())
    write_key(tmp_path / "users/alice.key", KEYS[2])
    return tmp_path


def due(directory: Path, request: Request = REQUEST) -> dict[str, t.Any]:
    """Only what is due, in short."""
    found = survey(directory, request, NOW)
    reasons = {"ca": found["ca"], "crl": found["crl"]}
    reasons |= {row["name"]: row["why"] for row in found["certificates"]}
    return {key: value for key, value in reasons.items() if value}


def test_nothing_is_due(directory: Path) -> None:
    assert due(directory) == {}


def test_everything_is_due_where_there_is_nothing(tmp_path: Path) -> None:
    found = survey(tmp_path / "none", REQUEST, NOW)
    new = "the CA is new"
    assert (found["ca"], found["crl"], found["links"], found["serials"]) == ("there is none yet", new, [], [])
    assert found["subject"] == [{"DC": "test"}, {"DC": "egee"}, {"CN": "EGEE-BOX CA"}]
    assert found["certificates"] == [
        {
            "name": "ce.egee.test",
            "why": new,
            "path": str(tmp_path / "none/hosts/ce.egee.test"),
            "subject": [{"DC": "test"}, {"DC": "egee"}, {"CN": "ce.egee.test"}],
            "alternative_names": ["DNS:ce.egee.test"],
            "usages": ["clientAuth", "serverAuth"],
            "new_key": False,
        },
        {
            "name": "alice",
            "why": new,
            "path": str(tmp_path / "none/users/alice"),
            "subject": [{"DC": "test"}, {"DC": "egee"}, {"O": "Users"}, {"CN": "Alice Novak"}],
            "alternative_names": ["email:alice@egee.test"],
            "usages": ["clientAuth"],
            "new_key": False,
        },
    ]


HOST = "hosts/ce.egee.test.pem"
OTHER_CA = "its key is missing or another's"


@pytest.mark.parametrize(
    ("harm", "reasons"),
    [
        pytest.param(lambda d: (d / HOST).unlink(), {"ce.egee.test": "there is none yet"}, id="no certificate"),
        pytest.param(
            lambda d: (d / HOST).write_text("no certificate"), {"ce.egee.test": "there is none yet"}, id="rubbish"
        ),
        pytest.param(
            lambda d: write(d / HOST, host(29)), {"ce.egee.test": "it ends on 2026-01-30"}, id="it ends in 29 days"
        ),
        pytest.param(lambda d: write(d / HOST, host(30)), {}, id="it ends in 30 days"),
        pytest.param(
            lambda d: write(d / HOST, host(dn="/CN=x")), {"ce.egee.test": "it names /CN=x"}, id="another name"
        ),
        pytest.param(
            lambda d: write(d / HOST, host(names=[])),
            {"ce.egee.test": "its alternative names are none"},
            id="no alternative names",
        ),
        pytest.param(
            lambda d: write(d / HOST, host(names=[x509.DNSName("b"), x509.DNSName("a")])),
            {"ce.egee.test": "its alternative names are DNS:a, DNS:b"},
            id="other alternative names",
        ),
        pytest.param(
            lambda d: write(d / HOST, host(usages=CLIENT)), {"ce.egee.test": "it is for another use"}, id="another use"
        ),
        pytest.param(
            lambda d: write(d / HOST, host(usages=())), {"ce.egee.test": "it is for another use"}, id="no use"
        ),
        pytest.param(lambda d: write(d / HOST, host(key=KEYS[2])), {"ce.egee.test": OTHER_CA}, id="another's key"),
        pytest.param(lambda d: (d / "users/alice.key").unlink(), {"alice": OTHER_CA}, id="no key"),
        pytest.param(
            lambda d: write(d / HOST, host(signer=KEYS[2])),
            {"ce.egee.test": "another CA signed it"},
            id="a CA of the same name",
        ),
        pytest.param(
            lambda d: write(d / HOST, host(issuer="/CN=x")),
            {"ce.egee.test": "another CA signed it"},
            id="a CA of another name",
        ),
        pytest.param(
            lambda d: (d / "ca.key").unlink(),
            {"ca": OTHER_CA, "crl": "the CA is new", "ce.egee.test": "the CA is new", "alice": "the CA is new"},
            id="the CA's key is lost",
        ),
        pytest.param(lambda d: (d / "crl.pem").unlink(), {"crl": "there is none yet"}, id="no list"),
        pytest.param(
            lambda d: write(d / "crl.pem", revocation_list(signer=KEYS[1])),
            {"crl": "another CA signed it"},
            id="another's list",
        ),
        pytest.param(
            lambda d: write(d / "crl.pem", revocation_list(days=29)), {"crl": "it ends on 2026-01-30"}, id="an old list"
        ),
    ],
)
def test_what_is_wrong_is_due(directory: Path, harm: t.Callable[[Path], object], reasons: dict[str, str]) -> None:
    harm(directory)
    assert due(directory) == reasons


RENEWED = "it is to be renewed"


@pytest.mark.parametrize(
    ("asked", "reasons"),
    [
        pytest.param({"renew": ["ce.egee.test"]}, {"ce.egee.test": RENEWED}, id="one certificate"),
        pytest.param({"renew": ["alice"], "renew_crl": True}, {"alice": RENEWED, "crl": RENEWED}, id="with the list"),
        pytest.param({"renew": ["ce.egee.test"], "renew_age": timedelta(days=901)}, {}, id="too young a certificate"),
        pytest.param({"renew_crl": True, "renew_age": timedelta(days=2)}, {}, id="too young a list"),
    ],
)
def test_what_is_sound_is_due_if_it_is_asked_for(
    directory: Path, asked: dict[str, t.Any], reasons: dict[str, str]
) -> None:
    assert due(directory, dataclasses.replace(REQUEST, **asked)) == reasons


def test_a_ca_of_another_name_is_due(directory: Path) -> None:
    request = dataclasses.replace(REQUEST, dn="/DC=test/DC=egee/CN=Other")
    assert due(directory, request)["ca"] == f"it names {CA}"


def test_the_revoked_go_on_the_list_with_all_they_ever_had(directory: Path) -> None:
    request = dataclasses.replace(REQUEST, revoked=["alice"])
    old = user(1)
    write(directory / "users/alice.pem.123.2025-01-01@00:00:00~", old)
    found = survey(directory, request, NOW)
    now = x509.load_pem_x509_certificate((directory / "users/alice.pem").read_bytes())
    assert found["crl"] == "a revoked certificate is not on it"
    assert sorted(found["serials"]) == sorted(map(str, (old.serial_number, now.serial_number)))
    assert found["certificates"] == []

    write(directory / "crl.pem", revocation_list(old.serial_number))
    assert survey(directory, request, NOW)["serials"] == [str(now.serial_number)]
    write(directory / "crl.pem", revocation_list(old.serial_number, now.serial_number))
    assert due(directory, request) == {}


def test_who_is_revoked_no_more_gets_a_new_key(directory: Path) -> None:
    serial = x509.load_pem_x509_certificate((directory / "users/alice.pem").read_bytes()).serial_number
    write(directory / "crl.pem", revocation_list(serial))
    (row,) = survey(directory, REQUEST, NOW)["certificates"]
    assert (row["name"], row["why"], row["new_key"]) == ("alice", "it is revoked", True)


@pytest.mark.parametrize(
    ("dn", "links"),
    [
        pytest.param(CA, ["46d90363", "e457e8d5"], id="the lab's CA"),
        pytest.param("/DC=cz/O=Český  Grid /CN=CA Ž", ["49d7f65f", "abf8733a"], id="spaces, capitals and accents"),
    ],
)
def test_links_are_those_of_openssl(dn: str, links: list[str], tmp_path: Path) -> None:
    made = certificate(dn, KEYS[0], 1, issuer=dn)
    openssl = shutil.which("openssl")
    if openssl:
        write(tmp_path / "ca.pem", made)
        command = [openssl, "x509", "-noout", "-subject_hash", "-subject_hash_old", "-in", str(tmp_path / "ca.pem")]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() == links
    assert link_names(made) == links
