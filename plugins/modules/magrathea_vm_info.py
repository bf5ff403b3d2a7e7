#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: magrathea_vm_info
short_description: Tell how a node is shared by its virtual machines
version_added: 0.1.0
description:
  - Asks the Magrathea master of the machine for its books and its virtual machines.
  - Nothing is changed, so there is never a diff.
author:
  - egee.box contributors (@egee-box)
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.info_module
  - egee.box._magrathea
options:
  name:
    description: The VMs to tell of. All of the machine by default.
    type: list
    elements: str
seealso:
  - module: egee.box.magrathea_vm
"""

EXAMPLES = r"""
- name: Ask who has the machine
  egee.box.magrathea_vm_info:
  register: shared

- name: Refuse to go on while a priority job runs
  ansible.builtin.assert:
    that: shared.vms.values() | selectattr('state', 'eq', 'running-priority') | length == 0
"""

RETURN = r"""
machine:
  description: The machine, how it is shared, and its books in the letters of the documentation.
  returned: success
  type: dict
  sample: {machine: m1.lab.test, mode: whole, cpus: 4, memory: 8192, books: {T: 1, O: 0, U: 1, R: 0}, fault: ""}
vms:
  description: Its VMs by name, what they are and how they are.
  returned: success
  type: dict
  sample: {standard.egee.test: {state: running-preemptible, accept: [], jobs: [12.batch], lost: 3.5, memory: 4096}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._magrathea import ACCESS, inform
from ansible_collections.egee.box.plugins.module_utils._runner import conclude


def main() -> None:
    spec = {"name": {"type": "list", "elements": "str"}, **ACCESS}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    conclude(module, lambda: {"changed": False, **inform(module.params)})


if __name__ == "__main__":
    main()
