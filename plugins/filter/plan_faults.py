# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: plan_faults
short_description: All that is wrong with a site as one message
version_added: 0.1.0
author: egee.box contributors (@egee-box)
description:
  - Renders the faults of a plan, each by host, variable, value and cure.
positional: _input
options:
  _input:
    description: The faults of a plan, as returned by P(egee.box.plan#filter).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse a site with faults
  ansible.builtin.assert:
    that: site_plan.faults | length == 0
    fail_msg: "{{ site_plan.faults | egee.box.plan_faults }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The message.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._plan_text import faults


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_faults": faults}
