# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: xrootd_authfile
short_description: XRootD's authorisation database for the VOs of a storage element
version_added: 0.1.0
description:
  - The members of each VO may read, write and delete below the path of the VO's name.
  - Rules give more, or less, by the VOMS attributes that a user shows. Of each attribute the rule with the longest
    path counts, and what a user's attributes give adds up.
  - Whoever is banned has no right anywhere, whatever their attributes.
author:
  - egee.box contributors (@egee-box)
positional: rules, banned
options:
  _input:
    description: The names of the VOs.
    type: list
    elements: str
    required: true
  rules:
    description:
      - Rules, each with C(fqan) (a VO, a group or a role, like V(/voce/physics) or V(/voce/Role=SoftwareManager)),
        C(path) and C(rights), a list of V(read), V(write) and V(delete).
    type: list
    elements: dict
    default: []
  banned:
    description: Names of those who are refused, in slash form.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Let only the physicists of voce write below /voce/physics
  ansible.builtin.copy:
    dest: /etc/xrootd/authfile
    content: "{{ ['voce'] | egee.box.xrootd_authfile(rules) }}"
    mode: "0644"
  vars:
    rules:
      - {fqan: /voce, path: /voce/physics, rights: [read]}
      - {fqan: /voce/physics, path: /voce/physics, rights: [read, write, delete]}
"""

RETURN = r"""
_value:
  description: The contents of the file.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.egee.box.plugins.module_utils._xrootd import StorageError, authfile


def xrootd_authfile(vos: list[str], rules: list[dict[str, Any]] | None = None, banned: list[str] | None = None) -> str:
    try:
        return authfile(vos, rules or [], banned or [])
    except StorageError as error:
        raise AnsibleFilterError(f"xrootd_authfile: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"xrootd_authfile": xrootd_authfile}
