#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: voms_user
short_description: Manage members of virtual organisations on a VOMS server
version_added: 0.1.0
description:
  - Adds, changes and removes members of a virtual organisation (VO), one or many at once.
  - A member is who has this DN from this CA. What a member holds in the VO is listed as FQANs.
  - All changes are made in one transaction, so that an interrupted run leaves the VO as it was.
author:
  - egee.box contributors (@egee-box)
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
  - egee.box._voms
attributes:
  check_mode:
    details:
      - Where the VO does not exist yet, check mode warns, takes it for empty, and cannot check groups and roles.
options:
  vo:
    description: The name of the VO. It must exist, see M(egee.box.voms_vo).
    type: str
    required: true
  dn:
    description: The member's distinguished name, in slash form.
    type: str
  ca:
    description: The distinguished name of the CA that issued the member's certificate, in slash form.
    type: str
  cn:
    description: The member's name for people. It stays as it is if not given. A new member's is taken from O(dn).
    type: str
  email:
    description: The member's mail address. It stays as it is if not given.
    type: str
  fqans:
    description:
      - All that the member holds, as C(/vo/group) or C(/vo/group/Role=role).
      - A group's parents, the root group and the group of a role are added of themselves.
      - It stays as it is if not given. A new member has the root group.
    type: list
    elements: str
  state:
    description: Whether the members belong to the VO.
    type: str
    choices: [present, absent]
    default: present
  users:
    description: Many members in one call, instead of O(dn) and the options that go with it.
    type: list
    elements: dict
    suboptions:
      dn:
        description: As O(dn).
        type: str
        required: true
      ca:
        description: As O(ca).
        type: str
        required: true
      cn:
        description: As O(cn).
        type: str
      email:
        description: As O(email).
        type: str
      fqans:
        description: As O(fqans).
        type: list
        elements: str
      state:
        description: As O(state), which it overrides for this member.
        type: str
        choices: [present, absent]
  exclusive:
    description:
      - Whether the listed users are all that the VO has.
      - B(Members who are not listed are removed.) Refused if nobody would stay.
    type: bool
    default: false
  suspended:
    description:
      - The DNs, in slash form, of all whom the server refuses although they are members. They keep what they hold, and
        whoever is no longer listed is let in again.
      - Names that the VO does not know are no fault, so that one list serves a whole site.
      - The server's schema has no word for it, so the name of a suspended member is changed in its tables.
      - Nobody's suspension is touched if it is not given.
    type: list
    elements: str
seealso:
  - module: egee.box.voms_vo
"""

EXAMPLES = r"""
- name: Ensure Alice is a member and may manage software
  egee.box.voms_user:
    vo: voce
    dn: /DC=test/DC=egee/O=Users/CN=Alice Novak
    ca: /DC=test/DC=egee/CN=EGEE-BOX CA
    email: alice@egee.test
    fqans: [/voce/physics, /voce/Role=SoftwareManager]

- name: Ensure these two are the only members
  egee.box.voms_user:
    vo: voce
    exclusive: true
    users:
      - dn: /DC=test/DC=egee/O=Users/CN=Alice Novak
        ca: /DC=test/DC=egee/CN=EGEE-BOX CA
        fqans: [/voce/physics]
      - dn: /DC=test/DC=egee/O=Users/CN=Bob Dvorak
        ca: /DC=test/DC=egee/CN=EGEE-BOX CA

- name: Ensure that Bob gets no attributes until further notice, and that nobody else is suspended
  egee.box.voms_user:
    vo: voce
    users: []
    suspended: [/DC=test/DC=egee/O=Users/CN=Bob Dvorak]

- name: Ensure Mallory gets no more attributes of the VO
  egee.box.voms_user:
    vo: voce
    dn: /DC=test/DC=egee/O=Users/CN=Mallory Stranger
    ca: /DC=test/DC=egee/CN=EGEE-BOX CA
    state: absent
"""

RETURN = r"""
users:
  description: Those of the given users who are members, as they are or in check mode would be.
  returned: success
  type: list
  elements: dict
  contains:
    dn:
      description: The member's distinguished name.
      type: str
    ca:
      description: The name of the CA.
      type: str
    cn:
      description: The name for people.
      type: str
    email:
      description: The mail address.
      type: str
    fqans:
      description: All that the member holds.
      type: list
      elements: str
  sample:
    - dn: /DC=test/DC=egee/O=Users/CN=Alice Novak
      ca: /DC=test/DC=egee/CN=EGEE-BOX CA
      cn: Alice Novak
      email: alice@egee.test
      fqans: [/voce, /voce/Role=SoftwareManager, /voce/physics]
suspended:
  description: The DNs of all members who are suspended, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [/DC=test/DC=egee/O=Users/CN=Bob Dvorak]
actions:
  description: What was done, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [added /DC=test/DC=egee/O=Users/CN=Alice Novak]
diff:
  description: What differs, before and after; in check mode what would.
  returned: success
  type: dict
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._voms import WantedUsers
from ansible_collections.egee.box.plugins.module_utils._voms_database import LOGIN, run
from ansible_collections.egee.box.plugins.module_utils._voms_user import VomsUsers

STATES = ["present", "absent"]


def main() -> None:
    person = {
        "cn": {"type": "str"},
        "email": {"type": "str"},
        "fqans": {"type": "list", "elements": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "vo": {"type": "str", "required": True},
            "dn": {"type": "str"},
            "ca": {"type": "str"},
            **person,
            "state": {"type": "str", "choices": STATES, "default": "present"},
            "users": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "dn": {"type": "str", "required": True},
                    "ca": {"type": "str", "required": True},
                    **person,
                    "state": {"type": "str", "choices": STATES},
                },
            },
            "exclusive": {"type": "bool", "default": False},
            "suspended": {"type": "list", "elements": "str"},
            **LOGIN,
        },
        required_one_of=[("dn", "users")],
        mutually_exclusive=[(option, "users") for option in ("dn", "ca", *person)],
        required_together=[("dn", "ca")],
        supports_check_mode=True,
    )
    run(module, WantedUsers.read, partial(VomsUsers, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
