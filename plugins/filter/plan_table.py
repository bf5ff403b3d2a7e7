# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: plan_table
short_description: A site's plan as a table that a person reads
version_added: 0.1.0
author: egee.box contributors (@egee-box)
description:
  - Renders a plan as one table for each dom0, its domains in start order, and where each could move.
  - Below are the sum of the machine's memory, the states that it can come to if it is shared, and where its domains
    would go if it were lost.
positional: _input
extends_documentation_fragment:
  - egee.box._plan
"""

EXAMPLES = r"""
- name: Show the plan
  ansible.builtin.debug:
    msg: "{{ site_plan | egee.box.plan_table }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The table.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._plan_text import table


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_table": table}
