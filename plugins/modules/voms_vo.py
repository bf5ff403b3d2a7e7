#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: voms_vo
short_description: Manage virtual organisations on a VOMS server
version_added: 0.1.0
description:
  - Creates, changes and removes the database of a virtual organisation (VO), with its groups and roles.
  - Lets the account of the VOMS server read it. MariaDB knows that account by its socket, so there is no password.
  - A creation that was interrupted is recognised and done again.
author:
  - egee.box contributors (@egee-box)
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
  - egee.box._voms
options:
  name:
    description: The name of the VO.
    type: str
    required: true
  state:
    description:
      - With V(present), the VO exists with the given groups and roles.
      - With V(absent), its database does not exist. A VO that still has members is refused unless O(force=true).
    type: str
    choices: [present, absent]
    default: present
  groups:
    description:
      - The groups of the VO, all of them, as paths that begin with its name. Parents are added of themselves.
      - A group that is not listed is removed. If it has members, that is refused unless O(force=true).
      - Without this option the groups stay as they are. A new VO has its root group.
    type: list
    elements: str
  roles:
    description:
      - The roles of the VO, all of them. Any role can be held in any group.
      - A role that is not listed is removed. If somebody holds it, that is refused unless O(force=true).
      - The role C(VO-Admin), which VOMS administration tools keep for themselves, is never removed.
      - Without this option the roles stay as they are.
    type: list
    elements: str
  force:
    description:
      - Allows what takes something from members.
      - B(With) O(state=absent) B(the VO's members, groups, roles and attributes are lost.)
      - With O(state=present), groups and roles that are not listed are taken from those who hold them.
    type: bool
    default: false
  reader:
    description: The Unix account of the VOMS server, which may read the database.
    type: str
    default: voms
  schema:
    description: The SQL file that the tables of a new VO are made by. The VOMS package for MySQL ships it.
    type: path
    default: /usr/share/voms/voms-mysql.data
seealso:
  - module: egee.box.voms_user
"""

EXAMPLES = r"""
- name: Ensure the VO exists with a group and a role
  egee.box.voms_vo:
    name: voce
    groups: [/voce/physics]
    roles: [SoftwareManager]

- name: Ensure a VO that nobody is a member of is gone
  egee.box.voms_vo:
    name: oldvo
    state: absent
"""

RETURN = r"""
vo:
  description: The VO, as it is or in check mode would be. Null if it is absent.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
    database:
      description: The database that holds it.
      type: str
    groups:
      description: Its groups, with the root group.
      type: list
      elements: str
    roles:
      description: Its roles.
      type: list
      elements: str
    members:
      description: How many members it has.
      type: int
  sample:
    name: voce
    database: voms_voce
    groups: [/voce, /voce/physics]
    roles: [SoftwareManager]
    members: 1
actions:
  description: What was done, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [added group /voce/physics]
diff:
  description: What differs, before and after; in check mode what would.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._voms import WantedVo
from ansible_collections.egee.box.plugins.module_utils._voms_database import LOGIN, run
from ansible_collections.egee.box.plugins.module_utils._voms_vo import VomsVo


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "groups": {"type": "list", "elements": "str"},
            "roles": {"type": "list", "elements": "str"},
            "force": {"type": "bool", "default": False},
            "reader": {"type": "str", "default": "voms"},
            "schema": {"type": "path", "default": "/usr/share/voms/voms-mysql.data"},
            **LOGIN,
        },
        supports_check_mode=True,
    )
    run(module, WantedVo.read, VomsVo)


if __name__ == "__main__":
    main()
