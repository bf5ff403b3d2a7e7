# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the schedulers that shall schedule are there at all. Private to the collection."""

from __future__ import annotations

import typing as t

from ansible_collections.egee.box.plugins.module_utils._pbs import attributes
from ansible_collections.egee.box.plugins.module_utils._pbs.client import Pbs, Snapshot
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError


def scheduling(names: t.Sequence[str], patience: float) -> t.Callable[[Pbs, dict[str, t.Any]], None]:
    """What a module does after its changes: see that none of these is down, or comes up within these seconds."""

    def look(pbs: Pbs, result: dict[str, t.Any]) -> None:
        waited = 0.0
        while dead := down(names, pbs.last):
            if waited >= patience:
                raise BoxError(
                    f"sched {', '.join(dead)}: the server has what it shall be, but no such scheduler runs, and no job "
                    f"starts; start pbs_sched, or set its scheduling to false (waited for {patience:g} s)",
                    **result,
                )
            pbs.runner.sleep(1)
            waited += 1
            pbs.read(attributes.SCHED)

    return look


def down(names: t.Sequence[str], snapshot: Snapshot) -> list[str]:
    there = snapshot.of(attributes.SCHED)
    return [
        name for name in names if there.get(name, {}).get("scheduling") == "True" and there[name].get("state") == "down"
    ]
