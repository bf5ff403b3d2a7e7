# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing the logical volumes of domains that are no more. Private to the collection.

The only thing in the collection that destroys data of a domain: each volume has to be named, has to
be a logical volume, and no other domain or snapshot may use it.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._xen import Xen
from ansible_collections.egee.box.plugins.module_utils._xen_plan import Change
from ansible_collections.egee.box.plugins.module_utils._xen_store import Store

LVS = ["lvs", "--reportformat", "json", "-o", "lv_path,lv_dm_path,lv_name,vg_name,origin"]


def parse_lvs(text: str) -> list[dict[str, str]]:
    """The rows of `lvs --reportformat json`."""
    try:
        return [row for report in json.loads(text)["report"] for row in report["lv"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BoxError(f"lvs: cannot read its output {text[:80]!r} ({error}); check what `lvs` prints") from error


class Volumes:
    def __init__(self, xen: Xen, store: Store, paths: t.Sequence[str], domains: t.Container[str]) -> None:
        self.xen = xen
        self.store = store
        self.paths = paths
        self.domains = domains

    def plan(self) -> list[Change]:
        """A change for each volume that is there; all that must not be removed are refused at once."""
        if not self.paths:
            return []
        rows = parse_lvs(self.xen.runner.read(LVS).stdout)
        changes, faults = [], []
        for path in self.paths:
            row = next((row for row in rows if path in (row["lv_path"], row["lv_dm_path"])), None)
            fault = self._fault(path, row, rows)
            if fault:
                faults.append(f"{path}: {fault}")
            elif row is not None:
                changes.append(Change("volume", path, None, "remove_volume"))
        if faults:
            raise BoxError("\n".join(faults))
        return changes

    def remove(self, change: Change) -> None:
        self.xen.runner.write(["lvremove", "--yes", change.before])

    def _fault(self, path: str, row: dict[str, str] | None, rows: t.Sequence[dict[str, str]]) -> str | None:
        if row is None:
            return "is not a logical volume; remove it by hand" if Path(path).exists() else None
        users = set(self.store.others_using(row["lv_path"], "")) | set(self.store.others_using(row["lv_dm_path"], ""))
        for live in self.xen.domains():
            disks = live.definition.disks if live.definition else ()
            if any(disk.path in (row["lv_path"], row["lv_dm_path"]) for disk in disks):
                users.add(live.name)
        users = {name for name in users if name not in self.domains}
        if users:
            return f"is used by {', '.join(sorted(users))}; take it out of that domain first"
        snapshots = [
            one["lv_path"]
            for one in rows
            if one["origin"] == row["lv_name"] and one["vg_name"] == row["vg_name"] and one["lv_path"] not in self.paths
        ]
        if snapshots:
            return f"is what {', '.join(snapshots)} was cloned from; remove that first, or name it too"
        return None
