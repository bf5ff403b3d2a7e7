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
from ansible_collections.egee.box.plugins.module_utils._xen import Xen
from ansible_collections.egee.box.plugins.module_utils._xen_config import check_name, check_together, from_options
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
from ansible_collections.egee.box.plugins.module_utils._xen_report import (
    describe,
    diff,
    observed,
    predict,
    sentences,
)
from ansible_collections.egee.box.plugins.module_utils._xen_store import Store
from ansible_collections.egee.box.plugins.module_utils._xen_volumes import Volumes


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
        self._remove(removals)
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

    def _remove(self, removals: t.Iterable[Change]) -> None:
        """Volumes go last, and only if all domains are where they should be."""
        for change in [] if self.faults else removals:
            try:
                if not self.check_mode:
                    self.volumes.remove(change)
            except BoxError as error:
                self.faults.append(error)
                return
            self.made.setdefault("volumes", []).append(change)

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
            "actions": [f"{name}: {text}" for name, changes in self.made.items() for text in sentences(changes)],
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
