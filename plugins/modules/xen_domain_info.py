#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xen_domain_info
short_description: Describe the domains of a Xen machine
version_added: 0.1.0
author: egee.box contributors (@egee-box)
description:
  - Returns the state of Xen domains, what they are defined to have, and what they really have.
  - Reads only, with two processes for all domains together.
  - Nothing is changed, so there is never a diff.
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.info_module
  - egee.box._xen
options:
  name:
    description:
      - The names of the domains. A domain that is not there is described as C(absent).
      - By default all domains that Xen has, or that are defined or saved in dom0; not dom0 itself.
    type: list
    elements: str
    default: []
  save_dir:
    description: Where saved images are kept.
    type: path
    default: /var/lib/xen/save
seealso:
  - module: egee.box.xen_domain
  - module: egee.box.xen_info
"""

EXAMPLES = r"""
- name: Read what domains there are
  egee.box.xen_domain_info:
  register: result

- name: The VOMS server has the memory that was planned
  ansible.builtin.assert:
    that: (result.domains | selectattr('name', 'eq', 'voms.egee.test') | first).memory_used == 384
"""

RETURN = r"""
domains:
  description:
    - The domains, by name. What a live domain holds, otherwise what it is defined to get.
    - Their keys are those of RV(egee.box.xen_domain#module:domains).
  returned: always
  type: list
  elements: dict
  sample: [{name: voms.egee.test, state: running, domid: 3, memory: 384, memory_used: 384, vcpus: 1, vcpus_used: 1}]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._runner import CommandRunner, conclude
from ansible_collections.egee.box.plugins.module_utils._xen import Xen
from ansible_collections.egee.box.plugins.module_utils._xen_manage import inform
from ansible_collections.egee.box.plugins.module_utils._xen_store import Store


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "default": []},
            "save_dir": {"type": "path", "default": "/var/lib/xen/save"},
        },
        supports_check_mode=True,
    )
    xen, store = Xen(CommandRunner()), Store(save_dir=Path(module.params["save_dir"]), check_mode=True)
    conclude(module, lambda: {"domains": inform(xen, store, module.params["name"])})


if __name__ == "__main__":
    main()
