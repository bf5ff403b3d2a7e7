# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of Xen domains and of changes to them: all rendered from situations and plans. Pure.
Private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.egee.box.plugins.module_utils._xen import PAUSED, RUNNING, Live
from ansible_collections.egee.box.plugins.module_utils._xen_config import FIELDS
from ansible_collections.egee.box.plugins.module_utils._xen_plan import ABSENT, SAVED, SHUTDOWN, Change, Situation

UNSET: dict[str, t.Any] = {**dict.fromkeys(FIELDS), "disks": [], "vifs": []}


def describe(name: str, now: Situation) -> dict[str, t.Any]:
    """A domain as data: what it holds if Xen has it, else what it is defined to get."""
    definition = now.live.definition if now.live and now.live.definition else now.stored
    return {
        **(definition.plain() if definition else {}),
        "name": name,
        "state": now.state,
        "domid": now.live.domid if now.live else None,
        "memory_used": now.live.memory if now.live else 0,
        "vcpus_used": now.live.vcpus if now.live else 0,
        "defined": now.text is not None,
        "autostart": next(iter(now.order), None),
        "saved_image": now.image,
    }


def predict(today: dict[str, t.Any], changes: t.Iterable[Change]) -> dict[str, t.Any]:
    """The same after the changes, as far as can be known before they are made."""
    changes = list(changes)
    result = dict(today)
    built_anew = any(change.action in ("create", "restart") for change in changes)
    for change in changes:
        if change.action == "undefine":
            return describe(today["name"], Situation(ABSENT))
        if change.action == "define":
            result = {**UNSET, **result, "defined": True}
            if today["domid"] is not None and not built_anew:
                continue  # the file tells of the next start
        if change.field != "config_file":
            result[change.field] = change.after
    if result["state"] == ABSENT and result["defined"]:
        result["state"] = SHUTDOWN
    if built_anew or result["state"] in (SHUTDOWN, SAVED, ABSENT):
        result.update(domid=None, memory_used=0, vcpus_used=0)
    return result


def observed(domain: dict[str, t.Any], rows: t.Mapping[str, Live]) -> dict[str, t.Any]:
    """The same with what the last look at Xen has shown, which each step that needs it ends with."""
    row = rows.get(domain["name"])
    if row is None or domain["state"] not in (RUNNING, PAUSED):
        return domain
    return {**domain, "domid": row.domid, "memory_used": row.memory, "vcpus_used": row.vcpus}


def diff(made: t.Mapping[str, t.Sequence[Change]]) -> dict[str, t.Any]:
    """Exactly the fields that change, by domain."""
    before: dict[str, dict[str, t.Any]] = {}
    after: dict[str, dict[str, t.Any]] = {}
    for name, changes in made.items():
        fields: dict[str, tuple[t.Any, t.Any]] = {}
        for change in changes:
            if change.field == "volume":
                fields[change.before] = ("logical volume", None)
            elif change.field == "state" and "state" in fields:
                fields["state"] = (fields["state"][0], change.after)
            else:
                # What the file says comes before what the live domain holds, which is what counts.
                fields[change.field] = (change.before, change.after)
        fields = {field: pair for field, pair in fields.items() if pair[0] != pair[1]}
        if fields:
            before[name] = {field: pair[0] for field, pair in fields.items() if pair[0] is not None}
            after[name] = {field: pair[1] for field, pair in fields.items() if pair[1] is not None}
    return {"before": before, "after": after, "before_header": "Xen domains", "after_header": "Xen domains"}


def sentences(changes: t.Sequence[Change]) -> list[str]:
    """What was done to one domain, in the past tense."""
    texts = []
    new = any(change.action == "define" and change.field == "memory" and change.before is None for change in changes)
    for change in changes:
        if change.action == "define" and new:
            texts.append("defined")
        elif change.action == "define" and change.field == "config_file":
            texts.append("configuration file written over")
        elif change.action == "remove_volume":
            texts.append(f"removed {change.before}")
        else:
            texts.append(str(change))
    if any(change.action == "restart" for change in changes):
        texts.append("restarted")
    return list(dict.fromkeys(texts))
