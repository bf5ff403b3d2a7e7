# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is one for the whole site: its batch system, its virtual organisations, its protection.

Private to this collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._plan_model import Fault
from ansible_collections.egee.box.plugins.module_utils._plan_read import Reader, kind

BATCH_SYSTEMS = ("openpbs", "slurm")
SITE_VARIABLES = ("batch_system", "site_protected", "site_vos")
# Below this, Debian gives ids to the system's own accounts.
FIRST_ID = 1000


def check_site(hosts: Mapping[str, Mapping[str, Any]], faults: list[Fault]) -> None:
    """Check each site variable once, and that all hosts mean the same by it."""
    for variable in SITE_VARIABLES:
        meanings: list[tuple[str, Any]] = []
        for host in sorted(hosts):
            value = hosts[host].get(variable)
            if value is not None and all(value != other for _host, other in meanings):
                meanings.append((host, value))
        for host, value in meanings:
            reader = Reader(host if len(meanings) > 1 else "all", {variable: value}, faults)
            if variable == "batch_system":
                reader.choice(variable, BATCH_SYSTEMS, "the roles' own default")
            elif variable == "site_protected":
                reader.truth(variable)
            else:
                _check_vos(reader, faults)
        for host, value in meanings[1:]:
            Reader(host, {}, faults).fault(
                variable,
                value,
                f"is not what {meanings[0][0]} has, but is one for the whole site",
                "set it once, in group_vars/all",
            )


def _check_vos(reader: Reader, faults: list[Fault]) -> None:
    vos = reader.value("site_vos")
    if vos is None:
        return
    if not isinstance(vos, list) or not all(isinstance(vo, Mapping) for vo in vos):
        reader.fault("site_vos", vos, "is not a list of mappings", "write each VO as an entry '- name: ...' of a list")
        return
    names: dict[str, int] = {}
    gids: dict[int, str] = {}
    prefixes: dict[str, str] = {}
    uids: dict[range, str] = {}
    for index, entry in enumerate(vos):
        vo = Reader(reader.host, entry, faults, f"site_vos[{index}].")
        name = vo.text("name", r"[a-z0-9][a-z0-9.-]*", "voce")
        if name in names:
            vo.fault("name", name, f"is also that of site_vos[{names[name]}]", "list each VO once")
        elif name:
            names[name] = index
        name = name or f"site_vos[{index}]"
        gid = vo.number("gid", FIRST_ID)
        if gid in gids:
            vo.fault("gid", gid, f"is also that of {gids[gid]}", "give each VO a gid of its own")
        elif gid:
            gids[gid] = name
        _check_pool(vo, entry.get("pool"), name, prefixes, uids, faults)


def _check_pool(
    vo: Reader, pool: Any, name: str, prefixes: dict[str, str], uids: dict[range, str], faults: list[Fault]
) -> None:
    if not isinstance(pool, Mapping):
        fault = "is not set" if pool is None else f"is {kind(pool)} where a mapping belongs"
        vo.fault("pool", pool, fault, "write it like {prefix: voce, first_uid: 5001, accounts: 10}")
        return
    accounts = Reader(vo.host, pool, faults, f"{vo.prefix}pool.")
    prefix = accounts.text("prefix", r"[a-z_][a-z0-9_-]*", "voce")
    if prefix in prefixes:
        accounts.fault(
            "prefix",
            prefix,
            f"is also that of {prefixes[prefix]}",
            "give each pool a prefix of its own",
        )
    elif prefix:
        prefixes[prefix] = name
    first = accounts.number("first_uid", FIRST_ID)
    count = accounts.number("accounts", 1)
    if not first or not count:
        return
    mine = range(first, first + count)
    for other, owner in uids.items():
        if mine.start < other.stop and other.start < mine.stop:
            accounts.fault(
                "first_uid",
                first,
                f"takes the uids {mine.start}-{mine.stop - 1}, of which {owner} has {other.start}-{other.stop - 1}",
                f"begin at {max(taken.stop for taken in uids)} or later",
            )
            return
    uids[mine] = name
