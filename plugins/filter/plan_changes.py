# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: plan_changes
short_description: What a plan would change of what was deployed
version_added: 0.1.0
author: egee.box contributors (@egee-box)
description:
  - Compares a plan with the record of what was deployed, which P(egee.box.plan_record#filter) makes.
  - Of machines it compares the hypervisor, dom0's memory, CPUs, bridge, addresses, gateways, storage and sharing; of
    domains the machine, services, memory, CPUs, weight, cap, network, release and disks. What means nothing to a
    container is left out.
  - Each change comes with what it needs. V(live) is made while the host runs; V(restart) takes effect when the domain,
    or the machine with its domains, is next started; V(rebuild) only in a root filesystem that is made anew.
positional: _input, record
extends_documentation_fragment:
  - egee.box._plan
  - egee.box._plan.record
"""

EXAMPLES = r"""
- name: Show what would change
  ansible.builtin.debug:
    msg: "{{ site_plan | egee.box.plan_changes(lookup('ansible.builtin.file', site_state_dir ~ '/plan.json')) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: A line for each change; none if the plan is what was deployed.
  type: list
  elements: str
  sample: ["ce.prague.example: memory 2048 -> 3072, live"]
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.egee.box.plugins.module_utils._plan_changes import changes, read_record
from ansible_collections.egee.box.plugins.module_utils._plan_model import Plan
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError


def changes_of(plan: Plan, record: str) -> list[str]:
    try:
        return changes(read_record(record), plan)
    except BoxError as error:
        raise AnsibleFilterError(f"plan_changes: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_changes": changes_of}
