# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until offline nodes have no job left. Private to the collection."""

from __future__ import annotations

import typing as t

from ansible_collections.egee.box.plugins.module_utils._pbs import attributes
from ansible_collections.egee.box.plugins.module_utils._pbs.client import Pbs
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError

PAUSE = 5  # a look costs two reserved ports for a minute, and a job seldom ends within a second


def waiting(names: t.Sequence[str], timeout: float) -> t.Callable[[Pbs, dict[str, t.Any]], None]:
    """What a module does after its changes: wait for these nodes, if there are any."""

    def wait(pbs: Pbs, result: dict[str, t.Any]) -> None:
        waited = 0.0
        while busy := at_work(pbs, names):
            if waited >= timeout:
                some = "; ".join(f"node {name}: {jobs}" for name, jobs in list(busy.items())[:5])
                raise BoxError(
                    f"{len(busy)} nodes still work after {timeout:g} s: {some}; they stay offline: "
                    "give them more `drain_timeout`, or requeue the jobs",
                    **result,
                )
            pbs.runner.sleep(PAUSE)
            waited += PAUSE

    return wait


def at_work(pbs: Pbs, names: t.Sequence[str]) -> dict[str, str]:
    """The jobs on these nodes, by node."""
    if not names:
        return {}
    there = pbs.read(attributes.NODE).of(attributes.NODE)
    return {name: there[name]["jobs"] for name in names if there.get(name, {}).get("jobs")}
