# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done about a Xen domain: from what is and what is wanted to a list of changes. Pure.
Private to the collection.

The list is in the order in which the changes are made. It is all that a result is rendered from, so
that `changed`, the diff and the report cannot disagree, in check mode or not.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._xen import (
    CRASHED,
    DYING,
    ENDED,
    HALF_BUILT,
    PAUSED,
    REBOOTING,
    RUNNING,
    SUSPENDED,
    Live,
)
from ansible_collections.egee.box.plugins.module_utils._xen_config import Definition, differences, render

PRESENT, SHUTDOWN, SAVED, ABSENT = "present", "shutdown", "saved", "absent"

GONE = "is being torn down by Xen and does not go away; look for what holds it (xl list, dmesg), or reboot the machine"
NOTHING = "is not running, so there is nothing to save; start it first with state=running"
UNFIT = "is {state}, not fit to be saved; start it again with state=running and allow_restart=true"
UNDEFINED = "is not defined; describe it in `domains`"

# The way to the state that is wanted from the one that is found: steps, after the permission that they take
# if something is lost by them; or, ending the matter, the sentence that says why there is no way.
UP = {
    ABSENT: ["create"],
    SHUTDOWN: ["create"],
    SAVED: ["restore"],
    RUNNING: [],
    PAUSED: ["unpause"],
    ENDED: ["destroy", "create"],
    REBOOTING: ["destroy", "create"],
    CRASHED: ["allow_restart", "destroy", "create"],
    HALF_BUILT: ["allow_restart", "destroy", "create"],
    SUSPENDED: ["allow_restart", "destroy", "create"],
    DYING: [GONE],
}
DOWN = {
    ABSENT: [],
    SHUTDOWN: [],
    SAVED: ["force", "discard"],
    RUNNING: ["shutdown"],
    PAUSED: ["unpause", "shutdown"],
    ENDED: ["destroy"],
    REBOOTING: ["destroy"],
    CRASHED: ["force", "destroy"],
    HALF_BUILT: ["destroy"],
    SUSPENDED: ["force", "destroy"],
    DYING: [GONE],
}
ROUTES: dict[str, dict[str, list[str]]] = {
    PRESENT: {state: [] for state in UP},
    RUNNING: UP,
    PAUSED: {**UP, RUNNING: ["pause"], PAUSED: []},
    SHUTDOWN: DOWN,
    SAVED: {
        **{state: [UNFIT] for state in UP},
        **dict.fromkeys((ABSENT, SHUTDOWN, ENDED), [NOTHING]),
        SAVED: [],
        RUNNING: ["save"],
        PAUSED: ["unpause", "save"],
    },
    ABSENT: DOWN,
}
SENTENCES = (GONE, NOTHING, UNFIT)
STATES = tuple(ROUTES)

# Why a permission is asked for.
LOSSES = {
    CRASHED: "has crashed and is kept as evidence; read /var/log/xen/console/guest-{name}.log, then",
    HALF_BUILT: "was not built to the end: its creator died, or waits for a device; to build it anew",
    SUSPENDED: "is suspended by a save that did not end; to give up what it holds in memory",
    SAVED: "is saved, and what it holds in memory would be lost; restore it first with state=running, or",
}
# Where each step leads. A domain may also be created or restored paused.
LEADS_TO = {
    "create": RUNNING,
    "restore": RUNNING,
    "unpause": RUNNING,
    "pause": PAUSED,
    "save": SAVED,
    "shutdown": SHUTDOWN,
    "destroy": SHUTDOWN,
    "discard": SHUTDOWN,
}
# What Xen changes while the domain runs; for anything else it has to be built anew.
LIVE_ACTIONS = {
    "memory": "resize",
    "maxmem": "resize",
    "vcpus": "plug",
    "weight": "schedule",
    "cap": "schedule",
}
# What was done, where a value before and after does not say it better.
PAST = {
    "create": "created",
    "restore": "restored",
    "unpause": "unpaused",
    "pause": "paused",
    "shutdown": "shut down",
    "save": "saved",
    "destroy": "destroyed",
    "discard": "saved image removed",
    "forget": "stale saved image removed",
    "undefine": "configuration removed",
}


@dataclass(frozen=True)
class Wanted:
    """What is asked for one domain; without a definition, only its state is."""

    name: str
    state: str
    definition: Definition | None = None
    autostart: int | None = None


@dataclass(frozen=True)
class Permissions:
    """What may be lost on the way, and how long each step may take."""

    allow_restart: bool = False
    force: bool = False
    timeout: float = 300


@dataclass(frozen=True)
class Situation:
    """What is true of one domain now: in Xen, and in dom0's files."""

    state: str
    live: Live | None = None
    text: str | None = None
    stored: Definition | None = None
    order: tuple[int, ...] = ()
    image: str | None = None


@dataclass(frozen=True)
class Change:
    """One thing that is not as it should be, and what makes it so."""

    field: str
    before: t.Any
    after: t.Any
    action: str
    requires: str | None = None

    def __str__(self) -> str:
        return PAST.get(self.action) or f"{self.field} {_short(self.before)} -> {_short(self.after)}"


def _short(value: t.Any) -> str:
    if isinstance(value, list) and all(isinstance(device, dict) for device in value):
        return json.dumps([" ".join(device.values()) for device in value])
    return value if isinstance(value, str) else json.dumps(value)


def allowed(change: Change, wanted: Wanted, permissions: Permissions) -> bool:
    """Whether a change is made now. One that needs a restart may wait; no domain is restarted to be saved."""
    return change.requires is None or (permissions.allow_restart and wanted.state != SAVED)


def plan(now: Situation, wanted: Wanted, permissions: Permissions) -> list[Change]:
    """All changes, also those that are not allowed."""
    steps = _steps(now, wanted, permissions)
    last = [step for step in steps if step.action in ("pause", "save")]
    return [
        *_file_changes(now, wanted),
        *_stale_image(now),
        *(step for step in steps if step not in last),
        *_live_changes(now, wanted, permissions, steps),
        *last,
        *_removals(now, wanted),
    ]


def _steps(now: Situation, wanted: Wanted, permissions: Permissions) -> list[Change]:
    """The way from the state that is found to the one that is wanted."""
    if now.state == ABSENT and wanted.state != ABSENT and wanted.definition is None:
        raise BoxError(f"{wanted.name}: {UNDEFINED}")
    route = ROUTES[wanted.state][now.state]
    if route and route[0] in SENTENCES:
        raise BoxError(f"{wanted.name}: {route[0].format(state=now.state)}")
    if route and route[0] in ("allow_restart", "force"):
        permission, *route = route
        if not getattr(permissions, permission):
            raise BoxError(f"{wanted.name}: {LOSSES[now.state].format(name=wanted.name)} set {permission}=true")
    changes, before = [], now.state
    for step in route:
        after = PAUSED if step in ("create", "restore") and wanted.state == PAUSED else LEADS_TO[step]
        changes.append(Change("state", before, after, step))
        before = after
    if changes and wanted.state == ABSENT:
        changes[-1] = replace(changes[-1], after=ABSENT)
    return changes


def _file_changes(now: Situation, wanted: Wanted) -> list[Change]:
    definition = wanted.definition
    if definition is None or wanted.state == ABSENT:
        return []
    changes, text = [], render(definition)
    if now.text is None:
        given = {field: value for field, value in definition.plain().items() if value not in (None, [])}
        changes = [Change(field, None, value, "define") for field, value in given.items() if field != "name"]
    elif now.text != text:
        found = differences(now.stored, definition) if now.stored else []
        changes = [Change(*difference, "define") for difference in found]
        # Edited by hand, in a way that has no field of its own.
        changes = changes or [Change("config_file", now.text, text, "define")]
    return [*changes, *_order_changes(now, wanted.autostart)]


def _order_changes(now: Situation, wanted: int | None) -> list[Change]:
    if now.order == (() if wanted is None else (wanted,)):
        return []
    found: t.Any = list(now.order) if len(now.order) > 1 else next(iter(now.order), None)
    return [Change("autostart", found, wanted, "order")]


def _stale_image(now: Situation) -> list[Change]:
    """An image of a domain that runs is from before: to restore it later would wreck its file systems."""
    if now.image and now.state in (RUNNING, PAUSED):
        return [Change("saved_image", now.image, None, "forget")]
    return []


def _live_changes(now: Situation, wanted: Wanted, permissions: Permissions, steps: t.Sequence[Change]) -> list[Change]:
    definition = wanted.definition
    if definition is None or wanted.state in (SHUTDOWN, ABSENT):
        return []
    if now.live and now.state in (RUNNING, PAUSED):
        found = now.live.definition
    elif any(step.action == "restore" for step in steps):
        found = now.stored  # an image holds the domain as it was defined when it was saved
    else:
        return []
    if found is None:
        return []
    changes = [_live_change(found, *difference) for difference in differences(found, definition)]
    if any(change.requires and allowed(change, wanted, permissions) for change in changes):
        # The new start brings all of them.
        return [replace(change, action="restart", requires="restart") for change in changes]
    return changes


def _live_change(found: Definition, field: str, before: t.Any, after: t.Any) -> Change:
    if field in LIVE_ACTIONS and not (field == "vcpus" and after > found.maxvcpus):
        return Change(field, before, after, LIVE_ACTIONS[field])
    return Change(field, before, after, "restart", requires="restart")


def _removals(now: Situation, wanted: Wanted) -> list[Change]:
    if wanted.state != ABSENT:
        return []
    changes = _order_changes(now, None)
    if now.text is not None:
        changes.append(Change("config_file", now.text, None, "undefine"))
    return changes
