# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs of a machine that is shared by Magrathea: read, compared, applied. Private to this collection.

Speaks the written protocol to the master's socket, and imports nothing of the master itself.
"""

from __future__ import annotations

import json
import socket
import time
import typing as t
from collections.abc import Mapping, Sequence

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError

VERSION = 1
FIELDS = ("uuid", "priority", "bootable", "memory", "floor", "kept", "label")
# Words for a VM that is not running, and whose jobs nobody need ask about.
DOWN = ("down", "down-bootable")
SOCKET = "/run/magrathea/master.socket"

Options = dict[str, t.Any]

ACCESS: Options = {
    "socket": {"type": "path", "default": SOCKET},
    "timeout": {"type": "int", "default": 330},
}


class Master(t.Protocol):
    """What is asked of a master."""

    def ask(self, op: str, **fields: t.Any) -> dict[str, t.Any]: ...


class Client:
    """One connection to the master's socket. A refusal is a BoxError with the master's words."""

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(path)
        except OSError as error:
            raise BoxError(
                f"{path}: {error.strerror or error}; run the role egee.box.magrathea, or see "
                "`journalctl -u magrathea-master`"
            ) from error
        self._answers = self._socket.makefile("rb")
        self._number = 0

    def ask(self, op: str, **fields: t.Any) -> dict[str, t.Any]:
        self._number += 1
        message = {"v": VERSION, "id": self._number, "op": op, **fields}
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            line = self._answers.readline()
        except OSError as error:
            raise BoxError(f"{self._path}: {op}: {error}; see `journalctl -u magrathea-master`") from error
        if not line:
            raise BoxError(f"{self._path}: {op}: closed without an answer; see `journalctl -u magrathea-master`")
        reply: dict[str, t.Any] = json.loads(line)
        if not reply.get("ok"):
            raise BoxError(str(reply.get("text", "refused")), request=message)
        return reply

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


class Nobody:
    """A master that is not there yet: in check mode, what a fresh machine has."""

    def ask(self, op: str, **fields: t.Any) -> dict[str, t.Any]:
        return {"vms": {}}


class Change(t.NamedTuple):
    """One thing to ask of the master, and how it is told."""

    vm: str
    field: str
    before: t.Any
    after: t.Any
    action: str
    op: str
    fields: dict[str, t.Any]


class Vms:
    """The VMs of one machine, and what a task wants of some of them."""

    def __init__(
        self, master: Master, wanted: Sequence[Options], timeout: float, sleep: t.Callable[[float], None] = time.sleep
    ) -> None:
        self._master, self._wanted, self._timeout, self._sleep = master, wanted, timeout, sleep
        self._read()

    def _read(self) -> None:
        self.defined: dict[str, Options] = self._master.ask("describe")["vms"]
        self.shown: dict[str, Options] = self._master.ask("status")["vms"]

    def plan(self) -> list[Change]:
        return [change for wanted in self._wanted for change in self._plan(wanted)]

    def _plan(self, wanted: Options) -> list[Change]:
        name, state = wanted["name"], wanted["state"]
        before = self.defined.get(name)
        if state == "absent":
            return self._plan_absent(name, wanted) if before else []
        changes = self._plan_fields(name, wanted, before)
        if state != "present":
            changes += self._plan_state(name, wanted)
        return changes

    def _plan_absent(self, name: str, wanted: Options) -> list[Change]:
        state = self.shown[name]["state"]
        changes = []
        if state not in DOWN:
            if not wanted["force"]:
                raise BoxError(f"{name}: is {state}; put it down first, or set force to do so")
            changes.append(self._down(name, wanted))
        return [*changes, Change(name, "defined", True, False, f"removed {name}", "remove", {"vm": name})]

    def _plan_fields(self, name: str, wanted: Options, before: Options | None) -> list[Change]:
        fields = {key: wanted[key] for key in FIELDS if wanted.get(key) is not None}
        if before is None:
            return [Change(name, "defined", False, True, f"defined {name}", "define", {"vm": name, "fields": fields})]
        changes = []
        for key, value in fields.items():
            if before[key] != value:
                action = f"set {key} of {name} to {value}"
                ask = {"vm": name, "fields": {key: value}}
                changes.append(Change(name, key, before[key], value, action, "define", ask))
        if not changes:
            return []
        # One request for all: floor and memory must fit each other at every moment.
        together = {"vm": name, "fields": {change.field: change.after for change in changes}}
        return [changes[0]._replace(fields=together), *(change._replace(op="") for change in changes[1:])]

    def _plan_state(self, name: str, wanted: Options) -> list[Change]:
        state, is_now = wanted["state"], self.shown.get(name, {"state": "down"})["state"]
        if state == "down":
            return [] if is_now in DOWN else [self._down(name, wanted)]
        if state == "frozen":
            if is_now == "frozen":
                return []
            return [Change(name, "state", is_now, "frozen", f"froze {name}", "freeze", {"vm": name})]
        if is_now == "frozen":
            return [Change(name, "state", is_now, "up", f"defrosted {name}", "defrost", {"vm": name})]
        if is_now in DOWN:
            if is_now == "down" and name in self.shown:
                raise BoxError(f"{name}: is down and may not boot now; see `magrathea status` for what is running")
            return [Change(name, "state", is_now, "up", f"booted {name}", "boot", {"vm": name})]
        return []

    def _down(self, name: str, wanted: Options) -> Change:
        shown = self.shown[name]
        if shown["jobs"] and not wanted["force"]:
            raise BoxError(
                f"{name}: is {shown['state']} with the jobs {', '.join(shown['jobs'])}; wait for them, "
                "or set force to lose them"
            )
        ask = {"vm": name, "force": bool(wanted["force"])}
        return Change(name, "state", shown["state"], "down", f"put {name} down", "down", ask)

    def apply(self, plan: Sequence[Change]) -> None:
        for change in plan:
            if change.op:
                self._master.ask(change.op, **change.fields)
            if change.field == "state":
                self._wait(change)
        self._read()

    def _wait(self, change: Change) -> None:
        """Until the VM is as it was asked to be: a boot ends when its agent registers, a shutdown when it is gone."""
        left = self._timeout
        while True:
            state = self._master.ask("status", vm=change.vm)["vms"][change.vm]["state"]
            if change.after == "down":
                arrived = state in DOWN
            elif change.after == "frozen":
                arrived = state == "frozen"
            else:
                arrived = state not in (*DOWN, "booting", "frozen", "shutting-down")
            if arrived:
                return
            if left <= 0:
                raise BoxError(
                    f"{change.vm}: is {state} and not {change.after} after {self._timeout:g} s; see `magrathea history`"
                )
            self._sleep(1)
            left -= 1

    def result(self, plan: Sequence[Change], *, applied: bool) -> dict[str, t.Any]:
        """Each VM as it is, or would be."""
        found: dict[str, t.Any] = {}
        for wanted in self._wanted:
            name = wanted["name"]
            vm = {**dict.fromkeys(FIELDS), **self.defined.get(name, {}), "name": name}
            vm["state"] = self.shown.get(name, {"state": "absent"})["state"]
            vm["jobs"] = self.shown.get(name, {"jobs": []})["jobs"]
            if not applied:
                for change in plan:
                    if change.vm == name and change.field == "defined":
                        vm["state"] = "down" if change.after else "absent"
                        vm.update(change.fields.get("fields", {}))
                    elif change.vm == name:
                        vm[change.field] = change.after
            found[name] = None if vm["state"] == "absent" else vm
        return {"vms": found, "actions": [change.action for change in plan]}


def diff(plan: Sequence[Change]) -> dict[str, t.Any]:
    before: dict[str, dict[str, t.Any]] = {}
    after: dict[str, dict[str, t.Any]] = {}
    for change in plan:
        before.setdefault(change.vm, {})[change.field] = change.before
        after.setdefault(change.vm, {})[change.field] = change.after
    return {"before": before, "after": after}


def wishes(params: Mapping[str, t.Any], options: Sequence[str]) -> list[Options]:
    """Each VM of a task, with its own options and the task's where it has none."""
    common = {option: params[option] for option in options}
    found = [{"name": name, **common} for name in params["name"] or []]
    for entry in params["vms"] or []:
        found.append({**common, **{key: value for key, value in entry.items() if value is not None}})
    return found


def connect(params: Mapping[str, t.Any], *, check_mode: bool) -> Master:
    try:
        return Client(params["socket"], params["timeout"])
    except BoxError:
        if not check_mode:
            raise
        return Nobody()


def manage(params: Mapping[str, t.Any], options: Sequence[str], *, check_mode: bool) -> dict[str, t.Any]:
    vms = Vms(connect(params, check_mode=check_mode), wishes(params, options), params["timeout"])
    plan = vms.plan()
    if plan and not check_mode:
        vms.apply(plan)
    return {"changed": bool(plan), "diff": diff(plan), **vms.result(plan, applied=not check_mode)}


def inform(params: Mapping[str, t.Any]) -> dict[str, t.Any]:
    master = Client(params["socket"], params["timeout"])
    status = master.ask("status")
    defined = master.ask("describe")["vms"]
    names = params["name"] or list(status["vms"])
    for name in names:
        if name not in defined:
            raise BoxError(f"{name}: no such VM on {status['machine']}; known are {', '.join(defined) or 'none'}")
    machine = {key: status[key] for key in ("machine", "mode", "cpus", "memory", "books", "fault")}
    return {"machine": machine, "vms": {name: {**defined[name], **status["vms"][name]} for name in names}}
