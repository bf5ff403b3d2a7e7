# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory that a certificate authority lives in, and what is due there. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._grid import components, host_name, with_user_names
from ansible_collections.egee.box.plugins.plugin_utils._pki import (
    Authority,
    Wanted,
    link_names,
    read_certificate,
    read_list,
    why_authority,
    why_certificate,
    why_list,
)

_KINDS = ("hosts", "users")
# Why what is sound is made anew all the same.
_RENEWED = "it is to be renewed"


@dataclass(frozen=True)
class Request:
    """What a CA is asked for."""

    dn: str
    domain: str
    hosts: Sequence[str] = ()
    users: Sequence[Mapping[str, Any]] = ()
    revoked: Sequence[str] = ()
    renew_before: timedelta = timedelta(days=30)
    crl_renew_before: timedelta = timedelta(days=30)
    # Whose certificates are asked for before their end, whether the list is, and from what age on: else each run would
    # make them anew.
    renew: Sequence[str] = ()
    renew_crl: bool = False
    renew_age: timedelta = timedelta(days=1)

    def old(self, begin: datetime, now: datetime) -> bool:
        return now - begin >= self.renew_age

    def wanted(self) -> dict[str, Wanted]:
        """The certificates, by their path in the directory. Whoever is revoked gets none."""
        both = frozenset({"serverAuth", "clientAuth"})
        result = {}
        for host in self.hosts:
            result[f"hosts/{host}"] = Wanted(host_name(self.domain, host), frozenset({f"DNS:{host}"}), both)
        for user in with_user_names(self.users, self.domain, self.dn):
            names = frozenset({f"email:{user['email']}"})
            result[f"users/{user['name']}"] = Wanted(user["dn"], names, frozenset({"clientAuth"}))
        return {path: want for path, want in result.items() if _name(path) not in self.revoked}


def _name(path: str) -> str:
    """Whose certificate it is."""
    return path.partition("/")[2]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _serials(directory: Path, names: Sequence[str]) -> list[int]:
    """The serial numbers of all certificates that these names ever got: community.crypto keeps the replaced ones."""
    files = [file for kind in _KINDS for name in names for file in (directory / kind).glob(f"{name}.pem*")]
    return sorted(certificate.serial_number for file in files if (certificate := read_certificate(_read(file))))


def survey(directory: Path, request: Request, now: datetime) -> dict[str, Any]:
    """What is due, as the role grid_ca takes it; the lookup egee.box.ca_due documents it."""
    pem, key, crl = (_read(directory / name) for name in ("ca.pem", "ca.key", "crl.pem"))
    why = why_authority(pem, key, request.dn, now, request.renew_before)
    certificate = None if why else read_certificate(pem)
    if certificate is None:
        reasons = dict.fromkeys(request.wanted(), "the CA is new")
        crl_why: str | None = "the CA is new"
        serials: list[int] = []
    else:
        listed = frozenset(entry.serial_number for entry in read_list(crl) or ())
        authority = Authority(certificate, listed)
        reasons = {}
        for path, want in request.wanted().items():
            files = _read(directory / f"{path}.pem"), _read(directory / f"{path}.key")
            reason = why_certificate(*files, want, authority, now, request.renew_before)
            held = read_certificate(files[0])
            if not reason and held and _name(path) in request.renew and request.old(held.not_valid_before_utc, now):
                reason = _RENEWED
            if reason:
                reasons[path] = reason
        serials = [serial for serial in _serials(directory, request.revoked) if serial not in listed]
        crl_why = why_list(crl, serials, certificate, now, request.crl_renew_before)
        kept = read_list(crl)
        # An empty list counts as false.
        if not crl_why and request.renew_crl and kept is not None and request.old(kept.last_update_utc, now):
            crl_why = _RENEWED
    return {
        "ca": why,
        "crl": crl_why,
        "serials": [str(serial) for serial in serials],
        "subject": components(request.dn),
        "links": link_names(certificate) if certificate else [],
        "certificates": [
            {
                "name": _name(path),
                "why": reason,
                "path": str(directory / path),
                "subject": components(want.dn),
                "alternative_names": sorted(want.names),
                "usages": sorted(want.usages),
                "new_key": reason == "it is revoked",
            }
            for path, want in request.wanted().items()
            if (reason := reasons.get(path))
        ],
    }
