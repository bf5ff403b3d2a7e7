# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: grid_vos
short_description: A site's VOs with the names of their VOMS servers and with their local accounts
version_added: 0.1.0
description:
  - Adds to each VO of C(site_vos) C(voms_dn) and C(voms_ca), in slash form, unless it has them from another CA.
  - Adds C(accounts), the pool accounts that its members are mapped to, each with C(name) and C(uid).
author:
  - egee.box contributors (@egee-box)
extends_documentation_fragment:
  - egee.box._grid
positional: domain, ca
options:
  _input:
    description: VOs of the model, each with C(name), C(voms_host) and C(pool).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the first account of each VO
  ansible.builtin.debug:
    msg: "{{ site_vos | egee.box.grid_vos('egee.test', '/DC=test/DC=egee/CN=EGEE-BOX CA')
             | map(attribute='accounts') | map('first') }}"
"""

RETURN = r"""
_value:
  description: The VOs, with C(voms_dn), C(voms_ca) and C(accounts).
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.egee.box.plugins.module_utils._grid import GridError, with_vo_names


def grid_vos(vos: list[dict[str, Any]], domain: str, ca: str) -> list[dict[str, Any]]:
    try:
        return with_vo_names(vos, domain, ca)
    except GridError as error:
        raise AnsibleFilterError(f"grid_vos: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        return {"grid_vos": grid_vos}
