# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: drift
short_description: What is otherwise between a site and its twin
version_added: 0.1.0
author: egee.box contributors (@egee-box)
description:
  - Compares the variables of the hosts of two sites, each as P(egee.box.inventory#lookup) returns them, and tells all
    that is otherwise but for what is to be.
  - Hosts are compared by their names without the sites' domains. A numbered host that one site has and the other has
    not is compared with another of its kind, C(wn07) with C(wn01), so a twin may be smaller. Any other host that only
    one site has is drift.
  - Secrets are never shown. One that is a secret in one site only is drift, and so is one that both sites share.
positional: _input, there
options:
  _input:
    description: The hosts of one site, here, each with its variables.
    type: dict
    required: true
  there:
    description: The same of the other site.
    type: dict
    required: true
  own:
    description:
      - Names of variables whose values may differ. That one site has such a variable and the other has not is drift.
      - Where such a variable is text that is one for the site, like its domain, it makes no difference in other
        values either.
    type: list
    elements: str
    default: []
seealso:
  - plugin: egee.box.inventory
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Refuse a twin that has drifted
  ansible.builtin.assert:
    that: drift == []
    fail_msg: "{{ drift | join('\n') }}"
  vars:
    drift: "{{ lookup('egee.box.inventory', 'inventories/production')
               | egee.box.drift(lookup('egee.box.inventory', 'inventories/pps'), own=site_own) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: A line for each thing that is otherwise, with the hosts where it is; none if there is no drift.
  type: list
  elements: str
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._drift import drift, report


def drift_of(
    here: Mapping[str, Mapping[str, Any]], there: Mapping[str, Mapping[str, Any]], own: Collection[str] = ()
) -> list[str]:
    return report(drift(here, there, own))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"drift": drift_of}
