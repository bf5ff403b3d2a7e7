# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in a grid: distinguished names, and what they derive from a site's model. Private to this collection.

A distinguished name is written in the slash form throughout (/DC=test/DC=egee/CN=voms.egee.test):
VOMS, A-REX, MyProxy and the signing policies all compare that form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# Where one component of a slash form begins; a slash inside a value (CN=host/ce.egee.test) begins none.
_COMPONENT = re.compile(r"/(?=[A-Za-z]+=)")

# What a CA's directory holds of each user, and the suffix it has.
_FILES = (("certificate", "pem"), ("key", "key"))


class GridError(ValueError):
    """A name that cannot be made or read; the message says which and what would do."""


def distinguished_name(domain: str, common_name: str, organization: str | None = None) -> str:
    """The name that the site's own CA gives: one DC per domain label, then O if any, then CN."""
    labels = [label for label in domain.split(".") if label]
    if not labels:
        raise GridError(f"domain '{domain}' has no labels to name anything by; set it to the site's DNS domain")
    if not common_name:
        raise GridError(f"a name under domain '{domain}' needs a common name; give a host name or a person's cn")
    parts = [("DC", label) for label in reversed(labels)]
    if organization:
        parts.append(("O", organization))
    parts.append(("CN", common_name))
    for key, value in parts:
        if _COMPONENT.search(value):
            raise GridError(f"{key} '{value}' reads as two components in the slash form; leave out '/X=' in it")
    return "".join(f"/{key}={value}" for key, value in parts)


def host_name(domain: str, host: str) -> str:
    return distinguished_name(domain, host)


def user_name(domain: str, common_name: str) -> str:
    return distinguished_name(domain, common_name, "Users")


def components(name: str) -> list[dict[str, str]]:
    """A slash form as the ordered components that community.crypto takes."""
    if not name.startswith("/"):
        raise GridError(f"'{name}' is no distinguished name in slash form; write it like /DC=org/CN=name")
    result: list[dict[str, str]] = []
    for part in _COMPONENT.split(name)[1:]:
        key, value = part.split("=", 1)
        if not value:
            raise GridError(f"'{name}' has nothing after '{key}='; give the component a value")
        result.append({key: value})
    if not result:
        raise GridError(f"'{name}' has no component like CN=name; write it like /DC=org/CN=name")
    return result


def with_user_names(
    users: Iterable[Mapping[str, Any]], domain: str, ca: str, directory: str | None = None
) -> list[dict[str, Any]]:
    """Users of the model with dn and ca: what the site's CA gives them, unless another CA named them already.

    With the directory of the CA also with the paths of certificate and key.
    """
    return [
        {
            "dn": user_name(domain, user["cn"]),
            "ca": ca,
            **({kind: f"{directory}/users/{user['name']}.{end}" for kind, end in _FILES} if directory else {}),
            **user,
        }
        for user in users
    ]


def pool(vo: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A VO's local accounts, numbered from one: the same names and numbers on every host."""
    accounts = vo.get("pool")
    if not accounts:
        return []
    width = max(3, len(str(accounts["accounts"])))
    return [
        {"name": f"{accounts['prefix']}{number:0{width}d}", "uid": accounts["first_uid"] + number - 1}
        for number in range(1, accounts["accounts"] + 1)
    ]


def with_vo_names(vos: Iterable[Mapping[str, Any]], domain: str, ca: str) -> list[dict[str, Any]]:
    """VOs of the model with the names of their VOMS server and of its CA, and with their local accounts."""
    return [{"voms_dn": host_name(domain, vo["voms_host"]), "voms_ca": ca, **vo, "accounts": pool(vo)} for vo in vos]
