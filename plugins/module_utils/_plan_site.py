# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is one for the whole site: its batch system, its virtual organisations, its local users, its protection.

Private to this collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._plan_hosts import Domain
from ansible_collections.egee.box.plugins.module_utils._plan_model import Fault
from ansible_collections.egee.box.plugins.module_utils._plan_read import HOST_NAME, Reader, kind
from ansible_collections.egee.box.plugins.module_utils._services import SERVICES

BATCH_SYSTEMS = ("openpbs", "slurm")
SITE_VARIABLES = ("batch_system", "site_local", "site_protected", "site_vos")
# Below this, Debian gives ids to the system's own accounts.
FIRST_ID = 1000

Hosts = Mapping[str, Mapping[str, Any]]
Groups = Mapping[str, Sequence[str]]
QUEUE = r"[A-Za-z][A-Za-z0-9_-]*"


class _Claims:
    """Which names and numbers are whose: all accounts of a site are on the same hosts."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, Any], str] = {}
        self._uids: dict[range, str] = {}
        self.queues: dict[str, str] = {}
        # Whether anybody's jobs may stop others'.
        self.priority = False

    def claim(self, reader: Reader, variable: str, value: Any, owner: str, cure: str, among: str = "") -> None:
        """Note whose a value is, that nobody else may have."""
        key = (variable, (among, value))
        if key in self._owners:
            reader.fault(variable, value, f"is also that of {self._owners[key]}", cure)
        elif value:
            self._owners[key] = owner

    def claim_uids(self, reader: Reader, variable: str, first: int, count: int, owner: str) -> None:
        """The same of a range of uids, some of which may be others'."""
        if not first or not count:
            return
        mine = range(first, first + count)
        for other, holder in self._uids.items():
            if mine.start < other.stop and other.start < mine.stop:
                wanted = f"uids {first}-{mine.stop - 1}" if count > 1 else f"uid {first}"
                reader.fault(
                    variable,
                    first,
                    f"takes the {wanted}, of which {holder} has {other.start}-{other.stop - 1}",
                    f"begin at {max(taken.stop for taken in self._uids)} or later",
                )
                return
        self._uids[mine] = owner


def check_site(hosts: Hosts, groups: Groups, sharers: Sequence[Domain], faults: list[Fault]) -> None:
    """Check each site variable once, and that all hosts mean the same by it."""
    site = {variable: _meanings(variable, hosts, faults) for variable in SITE_VARIABLES}
    for reader in site["batch_system"]:
        reader.choice("batch_system", BATCH_SYSTEMS, "the roles' own default")
    for reader in site["site_protected"]:
        reader.truth("site_protected")
    claims, *_others = [_check_vos(reader, hosts, groups, faults) for reader in site["site_vos"]]
    for reader in site["site_local"]:
        _check_local(reader, claims, faults)
    waiting = [node.name for node in sharers if node.priority]
    if waiting and claims.queues and not claims.priority:
        site["site_vos"][0].fault(
            "site_vos",
            None,
            f"gives no VO priority, so no job ever comes to {waiting[0]}, which has domain_priority",
            "set priority: true for a VO, or in site_local, or leave domain_priority out",
        )


def _meanings(variable: str, hosts: Hosts, faults: list[Fault]) -> list[Reader]:
    """A reader for each value that hosts have for a variable; none should have another than the first."""
    meanings: list[tuple[str, Any]] = []
    for host in sorted(hosts):
        value = hosts[host].get(variable)
        if value is not None and all(value != other for _host, other in meanings):
            meanings.append((host, value))
    for host, value in meanings[1:]:
        Reader(host, {}, faults).fault(
            variable,
            value,
            f"is not what {meanings[0][0]} has, but is one for the whole site",
            "set it once, in group_vars/all",
        )
    if len(meanings) < 2:
        meanings = [("all", value) for _host, value in meanings or [("all", None)]]
    return [Reader(host, {variable: value}, faults) for host, value in meanings]


def _check_vos(reader: Reader, hosts: Hosts, groups: Groups, faults: list[Fault]) -> _Claims:
    claims = _Claims()
    serving = [service for service in SERVICES if groups.get(service)]
    vos = reader.value("site_vos", "a list of VOs, for there are services" if serving else "")
    if vos is None:
        return claims
    if not isinstance(vos, list) or not all(isinstance(vo, Mapping) for vo in vos):
        reader.fault("site_vos", vos, "is not a list of mappings", "write each VO as an entry '- name: ...' of a list")
        return claims
    if serving and not vos:
        reader.fault("site_vos", vos, "is empty, but there are services", "write a VO as an entry '- name: ...' of it")
    without = set(groups.get("voms", ()))
    for index, entry in enumerate(vos):
        vo = Reader(reader.host, entry, faults, f"site_vos[{index}].")
        name = vo.text("name", r"[a-z0-9][a-z0-9.-]*", "voce")
        claims.claim(vo, "name", name, f"site_vos[{index}]", "list each VO once")
        owner = name or f"site_vos[{index}]"
        claims.claim(vo, "gid", vo.number("gid", FIRST_ID), owner, "give each VO a gid of its own")
        claims.queues.setdefault(vo.text("queue", QUEUE, "egee"), owner)
        claims.priority |= vo.truth("priority")
        server = vo.text("voms_host", HOST_NAME, "voms.egee.test")
        if server in hosts and server not in groups.get("voms", ()):
            vo.fault("voms_host", server, "is no host of the group voms", "name one of them, or put it into the group")
        without.discard(server)
        port = vo.number("voms_port", 1, 65535)
        if server:
            claims.claim(vo, "voms_port", port, owner, f"give each VO of {server} a port of its own", among=server)
        _check_pool(vo, entry.get("pool"), owner, claims, faults)
    for host in sorted(without):
        Reader(host, {}, faults).fault(
            "group_names",
            ["voms"],
            "serves voms, but is the voms_host of no VO",
            "make it that of a VO in site_vos, or take it out of the group voms",
        )
    return claims


def _check_pool(vo: Reader, pool: Any, owner: str, claims: _Claims, faults: list[Fault]) -> None:
    if not isinstance(pool, Mapping):
        fault = "is not set" if pool is None else f"is {kind(pool)} where a mapping belongs"
        vo.fault("pool", pool, fault, "write it like {prefix: voce, first_uid: 5001, accounts: 10}")
        return
    accounts = Reader(vo.host, pool, faults, f"{vo.prefix}pool.")
    prefix = accounts.text("prefix", r"[a-z_][a-z0-9_-]*", "voce")
    claims.claim(accounts, "prefix", prefix, owner, "give each pool a prefix of its own")
    first, count = accounts.number("first_uid", FIRST_ID), accounts.number("accounts", 1)
    claims.claim_uids(accounts, "first_uid", first, count, owner)


def _check_local(reader: Reader, claims: _Claims, faults: list[Fault]) -> None:
    local = reader.value("site_local")
    if not local:
        return
    users = local.get("users", []) if isinstance(local, Mapping) else None
    if not isinstance(users, list) or not all(isinstance(user, Mapping) for user in users):
        cure = "write it like {queue: local, group: local, gid: 6000, users: [{name: jan, uid: 6001}]}"
        reader.fault("site_local", local, "is not a mapping with a list of users", cure)
        return
    mine = Reader(reader.host, local, faults, "site_local.")
    queue = mine.text("queue", QUEUE, "local")
    if queue and queue in claims.queues:
        mine.fault("queue", queue, f"is also that of {claims.queues[queue]}", "give local users a queue of their own")
    claims.claim(mine, "gid", mine.number("gid", FIRST_ID), "site_local", "give local users a gid of their own")
    claims.priority |= mine.truth("priority")
    for index, entry in enumerate(users):
        user = Reader(reader.host, entry, faults, f"site_local.users[{index}].")
        name = user.text("name", r"[a-z_][a-z0-9_-]*", "jan")
        claims.claim_uids(user, "uid", user.number("uid", FIRST_ID), 1, name)
