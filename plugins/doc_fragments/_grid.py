# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What filters need to know of the site, to tell the names of its certificates. Private to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  domain:
    description: The DNS domain of the site.
    type: str
    required: true
  ca:
    description: The name of the site's CA, in slash form.
    type: str
    required: true
"""
