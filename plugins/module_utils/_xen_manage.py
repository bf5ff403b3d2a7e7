# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many Xen domains of one machine in one go: the results of the modules. Private to the collection.

The machine is read once for all domains. One that cannot be helped does not keep the others from
what they need; the module fails in the end, naming each, with all that was done in the result.
"""

from __future__ import annotations

import typing as t

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._xen import PAUSED, RUNNING, Live, Xen
from ansible_collections.egee.box.plugins.module_utils._xen_config import (
    FIELDS,
    check_name,
    check_together,
    from_options,
)
from ansible_collections.egee.box.plugins.module_utils._xen_domain import XenDomain, situation
from ansible_collections.egee.box.plugins.module_utils._xen_plan import (
    ABSENT,
    SAVED,
    SHUTDOWN,
    Change,
    Permissions,
    Situation,
    Wanted,
)
from ansible_collections.egee.box.plugins.module_utils._xen_store import Store
from ansible_collections.egee.box.plugins.module_utils._xen_volumes import Volumes

VOLUMES = "volumes"
UNSET: dict[str, t.Any] = {**dict.fromkeys(FIELDS), "disks": [], "vifs": []}


def wanted_from(params: t.Mapping[str, t.Any]) -> list[Wanted]:
    """What the module's options ask for, checked."""
    state = params["state"]
    if params["remove_volumes"] and state != ABSENT:
        raise BoxError(
            f"remove_volumes: {', '.join(params['remove_volumes'])} given with state={state}; "
            "volumes are removed only with state=absent"
        )
    if params["name"] is not None:
        for name in params["name"]:
            check_name(name)
        return [Wanted(name, state) for name in dict.fromkeys(params["name"])]
    definitions = [from_options(options) for options in params["domains"]]
    check_together(definitions)
    return [
        Wanted(definition.name, state, definition, options["autostart"])
        for definition, options in zip(definitions, params["domains"], strict=True)
    ]


class Manager:
    """Brings domains where they are wanted; in check mode, says what that would take."""

    def __init__(
        self,
        xen: Xen,
        store: Store,
        wanted: t.Sequence[Wanted],
        permissions: Permissions,
        remove_volumes: t.Sequence[str] = (),
    ) -> None:
        self.xen = xen
        self.store = store
        self.check_mode = xen.runner.check_mode
        self.names = [one.name for one in wanted]
        self.domains = [XenDomain(xen, store, one, permissions) for one in wanted]
        self.volumes = Volumes(xen, store, remove_volumes, self.names)
        # What others depend on starts first and ends last.
        self.backwards = any(one.state in (SHUTDOWN, SAVED, ABSENT) for one in wanted)
        self.faults: list[BoxError] = []
        self.made: dict[str, list[Change]] = {}

    def run(self) -> dict[str, t.Any]:
        self.xen.settle(self.names)
        before = {name: situation(name, self.xen, self.store) for name in self.names}
        removals = self.volumes.plan()
        plans = self._plans()
        self._apply(plans)
        if not self.faults:
            if not self.check_mode:
                self.volumes.apply(removals)
            self.made[VOLUMES] = removals
        result = self._result(plans, before)
        if self.faults:
            message = "\n".join(fault.message for fault in self.faults)
            result.pop("domains")  # of what failed half-way nothing is known for sure
            raise BoxError(message, **{**self.faults[0].details, **result})
        return result

    def _plans(self) -> list[tuple[XenDomain, list[Change]]]:
        plans = []
        for domain in self.domains:
            try:
                plans.append((domain, domain.plan()))
            except BoxError as error:
                self.faults.append(error)
        return plans

    def _apply(self, plans: t.Sequence[tuple[XenDomain, list[Change]]]) -> None:
        stopped = False
        for domain, plan in reversed(plans) if self.backwards else plans:
            changes = [change for change in plan if domain.allowed(change)]
            if self.check_mode:
                self.made[domain.name] = changes
                continue
            if stopped and changes:
                self.faults.append(BoxError(f"{domain.name}: not attempted after that; run it again"))
                continue
            try:
                domain.apply(changes)
            except BoxError as error:
                self.faults.append(error)
                stopped = True
            self.made[domain.name] = domain.done

    def _result(
        self, plans: t.Sequence[tuple[XenDomain, list[Change]]], before: t.Mapping[str, Situation]
    ) -> dict[str, t.Any]:
        domains = [predict(describe(name, before[name]), self.made.get(name, ())) for name in self.names]
        if not self.check_mode:
            domains = [observed(domain, self.xen.rows()) for domain in domains]
        pending = {
            domain.name: [str(change) for change in plan if not domain.allowed(change)] for domain, plan in plans
        }
        pending = {name: texts for name, texts in pending.items() if texts}
        warnings = [*self.xen.warnings, *(text for domain in self.domains for text in domain.warnings)]
        for name, texts in pending.items():
            warnings.append(f"{name}: {', '.join(texts)}: takes effect at its next start, or with allow_restart=true")
        return {
            "changed": any(self.made.values()),
            "domains": domains,
            "actions": [f"{name}: {text}" for name, changes in self.made.items() for text in _sentences(changes)],
            "restart_required": pending,
            "diff": diff(self.made),
            "warnings": warnings,
        }


def inform(xen: Xen, store: Store, names: t.Sequence[str]) -> list[dict[str, t.Any]]:
    """What is true of the named domains, or of all that Xen has or dom0 has files of."""
    for name in names:
        check_name(name)
    known = names or sorted({*(live.name for live in xen.domains()), *store.defined(), *store.saved()})
    return [describe(name, situation(name, xen, store)) for name in known]


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


def _sentences(changes: t.Sequence[Change]) -> list[str]:
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
