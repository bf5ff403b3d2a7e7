# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: plan_record
short_description: What to remember of a plan that was carried out
version_added: 0.1.0
author: egee.box contributors (@egee-box)
description:
  - Takes a plan and the record of what was deployed before, and returns the record as it is after a run.
  - A domain counts as done only if its machine is, too. A host that is not in the inventory any more is forgotten when
    every host of the plan is done.
positional: _input, record
extends_documentation_fragment:
  - egee.box._plan
  - egee.box._plan.record
options:
  done:
    description: The hosts on which a run has carried out the plan, by name.
    type: list
    elements: str
    default: []
  gone:
    description: The hosts that have been removed, by name.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show what is deployed
  ansible.builtin.debug:
    msg: "{{ site_plan | egee.box.plan_record('', done=ansible_play_hosts) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: By C(machines) and C(domains), then by name, the fields that are compared. As JSON, it is the record.
  type: dict
"""

from collections.abc import Callable, Collection
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.egee.box.plugins.module_utils._plan_changes import Record, read_record, remember
from ansible_collections.egee.box.plugins.module_utils._plan_model import Plan
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError


def record_of(plan: Plan, record: str, done: Collection[str] = (), gone: Collection[str] = ()) -> Record:
    try:
        return remember(read_record(record), plan, done, gone)
    except BoxError as error:
        raise AnsibleFilterError(f"plan_record: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_record": record_of}
