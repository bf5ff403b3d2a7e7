# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: grid_users
short_description: A site's users with the names in their certificates
version_added: 0.1.0
description:
  - Adds C(dn) and C(ca) to each user of C(site_users), both in slash form.
  - Adds C(certificate) and C(key), paths on the controller, if it is told the O(directory) of the CA.
  - A user who has any of these already, from another CA, keeps it.
author:
  - egee.box contributors (@egee-box)
extends_documentation_fragment:
  - egee.box._grid
positional: domain, ca, directory
options:
  _input:
    description: Users of the model, each with C(name) and C(cn).
    type: list
    elements: dict
    required: true
  directory:
    description: Where the CA keeps what it issued, as the role M(egee.box.grid_ca#role) does.
    type: path
"""

EXAMPLES = r"""
- name: Show who is who
  ansible.builtin.debug:
    msg: "{{ site_users | egee.box.grid_users('egee.test', '/DC=test/DC=egee/CN=EGEE-BOX CA') }}"
"""

RETURN = r"""
_value:
  description: The users, with C(dn) and C(ca), and C(certificate) and C(key).
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.egee.box.plugins.module_utils._grid import GridError, with_user_names


def grid_users(users: list[dict[str, Any]], domain: str, ca: str, directory: str | None = None) -> list[dict[str, Any]]:
    try:
        return with_user_names(users, domain, ca, directory)
    except GridError as error:
        raise AnsibleFilterError(f"grid_users: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        return {"grid_users": grid_users}
