# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vo_members
short_description: A site's people as members of one VO
version_added: 0.1.0
description:
  - Turns a list of people who each hold FQANs of several VOs into the O(egee.box.voms_user#module:users) of one VO.
  - Whoever holds none of that VO's FQANs is absent from it.
author:
  - egee.box contributors (@egee-box)
positional: vo
options:
  _input:
    description: People, each with C(dn), C(ca) and C(fqans), and maybe C(cn) and C(email). Other keys are left out.
    type: list
    elements: dict
    required: true
  vo:
    description: The name of the VO.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Ensure the VO has the site's people as its members
  egee.box.voms_user:
    vo: voce
    users: "{{ people | egee.box.vo_members('voce') }}"
"""

RETURN = r"""
_value:
  description: For each of the people, an entry for O(egee.box.voms_user#module:users).
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._voms import members_of


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"vo_members": members_of}
