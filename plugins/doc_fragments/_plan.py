# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What filters of plans are given. Private to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  _input:
    description: A plan, as returned by P(egee.box.plan#filter).
    type: dict
    required: true
"""

    # For filters that know what was deployed, beside what is planned.
    RECORD = r"""
options:
  record:
    description: The text of the record of what was deployed, empty if there is none.
    type: str
    required: true
seealso:
  - plugin: egee.box.plan_changes
    plugin_type: filter
  - plugin: egee.box.plan_record
    plugin_type: filter
"""
