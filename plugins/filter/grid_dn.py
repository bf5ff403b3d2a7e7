# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: grid_dn
short_description: The distinguished name that the site's own CA gives, in slash form
version_added: 0.1.0
description:
  - One DC for each label of the domain, then the organization if there is one, then the CN.
  - The role M(egee.box.grid_ca#role) certifies exactly these names.
author:
  - egee.box contributors (@egee-box)
positional: domain
options:
  _input:
    description: The common name, that of a host or of the CA.
    type: str
    required: true
  domain:
    description: The DNS domain of the site.
    type: str
    required: true
  organization:
    description: The organization, V(Users) for people.
    type: str
"""

EXAMPLES = r"""
- name: Show the name of the site's CA
  ansible.builtin.debug:
    msg: "{{ 'EGEE-BOX CA' | egee.box.grid_dn('egee.test') }}"  # /DC=test/DC=egee/CN=EGEE-BOX CA
"""

RETURN = r"""
_value:
  description: The distinguished name.
  type: str
"""

from collections.abc import Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.egee.box.plugins.module_utils._grid import GridError, distinguished_name


def grid_dn(common_name: str, domain: str, organization: str | None = None) -> str:
    try:
        return distinguished_name(domain, common_name, organization)
    except GridError as error:
        raise AnsibleFilterError(f"grid_dn: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"grid_dn": grid_dn}
