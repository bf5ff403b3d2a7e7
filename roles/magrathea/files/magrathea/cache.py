# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache of a cluster: what all masters last said, for schedulers to ask in one place. It only reads along.

The latest word of each machine and nothing older; what nobody confirmed for too long is unknown, and accepts nothing.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from .front import Peer
from .publish import Record
from .wire import BATCH, READER, ROOT, Malformed, Message, check, is_number

# Two and a half heartbeats of a master.
EXPIRY = 1500.0
UNKNOWN = "unknown"
PUBLISHER = "publisher"

_READERS = frozenset({ROOT, BATCH, READER})
# What the batch system's host asks of masters, passed on over the connections that they keep here.
_PASSED = frozenset({"reserve", "release", "boot"})


class Site(t.NamedTuple):
    """What one machine said, and when."""

    version: tuple[int, int]
    heard: float
    vms: dict[str, Record]


def unknown(shown: Record) -> Record:
    """The record of a VM whose machine is silent."""
    nothing = {"normal": 0, "preemptible": 0, "priority": 0, "at-once": 0}
    return {**shown, "state": UNKNOWN, "accept": [], "available": nothing}


class Cache:
    def __init__(self, clock: Callable[[], float], expiry: float = EXPIRY) -> None:
        self._clock, self._expiry = clock, expiry
        self.machines: dict[str, Site] = {}
        self._silent: set[str] = set()
        self._watchers: list[Peer] = []
        # What is new since the watchers were told: told in bulk, and only the latest (D22).
        self._news: dict[str, dict[str, Record | None]] = {}
        self._masters: dict[str, Peer] = {}
        self._asked_of: dict[int, tuple[Peer, Peer, int]] = {}
        self._number = 0

    def received(self, peer: Peer, message: Message) -> None:
        number = message.get("id", 0)
        if "ok" in message:
            self._passed_back(peer, number, message)
            return
        try:
            reply = self._answer(peer, message)
        except Malformed as error:
            peer.send({"id": number, "ok": False, "error": "malformed", "text": str(error)})
            return
        if reply is not None:
            peer.send({"id": number, "ok": True, **reply})

    def gone(self, peer: Peer) -> None:
        if peer in self._watchers:
            self._watchers.remove(peer)
        if self._masters.get(peer.name) is peer:
            del self._masters[peer.name]
        for number, (asker, asked, its) in list(self._asked_of.items()):
            if asked is peer:
                del self._asked_of[number]
                asker.send({"id": its, "ok": False, "error": "refused", "text": f"{peer.name}: its master went away"})

    def _pass_on(self, peer: Peer, message: Message) -> None:
        """Ask the master of the machine that a VM is on."""
        check(message, BATCH)
        vm = message.get("vm", "")
        name = next((name for name, site in self.machines.items() if vm in site.vms), "")
        master = self._masters.get(name)
        if master is None:
            raise Malformed(f"{vm or message['op']}: no master that has this VM is connected")
        self._number += 1
        self._asked_of[self._number] = (peer, master, message.get("id", 0))
        master.send({**message, "id": self._number})

    def _passed_back(self, peer: Peer, number: int, message: Message) -> None:
        asker, asked, its = self._asked_of.get(number, (None, None, 0))
        if asker and asked is peer:
            del self._asked_of[number]
            asker.send({**message, "id": its})

    def _answer(self, peer: Peer, message: Message) -> Message | None:
        op = message.get("op")
        if op == "publish" and peer.role == PUBLISHER:
            self._publish(peer, message)
            return {} if message.get("id") else None
        if op == "ping":
            return {}
        if op in _PASSED and peer.role == ROOT:
            self._pass_on(peer, message)
            return None
        if op not in ("status", "watch", "machines") or peer.role not in _READERS:
            raise Malformed(f"{str(op)[:40]!r}: a {peer.role} may not ask for this here")
        if op == "machines":
            return {"machines": {name: self._age(site) for name, site in self.machines.items()}}
        if op == "watch":
            self._watchers.append(peer)
        return {"machines": {name: self._shown(name) for name in self._asked(message)}}

    def _asked(self, message: Message) -> list[str]:
        name = message.get("machine")
        if name is None:
            return list(self.machines)
        if name not in self.machines:
            raise Malformed(f"{str(name)[:80]!r}: no such machine has been heard of")
        return [name]

    def _publish(self, peer: Peer, message: Message) -> None:
        name, version = message.get("machine"), message.get("version")
        vms, gone = message.get("vms"), message.get("gone", [])
        if name != peer.name:
            raise Malformed(f"publish: {peer.name} speaks for itself, and not for {str(name)[:80]}")
        if not (
            isinstance(version, list) and len(version) == 2 and all(is_number(part, 0, 1 << 53) for part in version)
        ):
            raise Malformed("publish: version is no pair of numbers")
        if not isinstance(vms, dict) or not all(isinstance(vm, dict) and "state" in vm for vm in vms.values()):
            raise Malformed("publish: vms are no records")
        if not isinstance(gone, list) or not all(isinstance(vm, str) for vm in gone):
            raise Malformed("publish: gone is no list of names")
        site = self.machines.get(peer.name)
        stamp = (version[0], version[1])
        if site and stamp < site.version:
            return  # an older word that was under way for longer
        self._masters[peer.name] = peer
        known = {} if site is None or message.get("full") else dict(site.vms)
        known.update(vms)
        removed = [vm for vm in (site.vms if site else {}) if vm not in known or vm in gone]
        for vm in gone:
            known.pop(vm, None)
        self.machines[peer.name] = Site(stamp, self._clock(), known)
        if self._watchers:
            news = self._news.setdefault(peer.name, {})
            news.update(vms)
            news.update(dict.fromkeys(removed))
        if peer.name in self._silent:
            self._silent.discard(peer.name)

    def _age(self, site: Site) -> Message:
        age = self._clock() - site.heard
        return {"age": round(age, 1), "silent": age > self._expiry, "vms": len(site.vms)}

    def _shown(self, name: str) -> dict[str, Record]:
        site = self.machines[name]
        if self._clock() - site.heard > self._expiry:
            return {vm: unknown(shown) for vm, shown in site.vms.items()}
        return site.vms

    def flush(self) -> None:
        """Tell the watchers, in one message, all that is new; and of whom nothing was heard for too long (D39)."""
        if self._watchers:
            now = self._clock()
            for name, site in self.machines.items():
                if now - site.heard > self._expiry and name not in self._silent:
                    self._silent.add(name)
                    self._news[name] = dict(self._shown(name))
        if self._news:
            news, self._news = self._news, {}
            message: Message = {"op": "publish", "machines": news}
            for peer in self._watchers:
                peer.send(message)
