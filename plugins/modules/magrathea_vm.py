#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: magrathea_vm
short_description: Manage the virtual machines that share a node
version_added: 0.1.0
description:
  - Registers virtual machines (VMs) with the Magrathea master of their machine, and puts them up, down or to sleep.
  - The machine is handed over between them by the jobs that a batch system sends, see P(egee.box.magrathea#role).
author:
  - egee.box contributors (@egee-box)
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
  - egee.box._magrathea
options:
  name:
    description: VMs that the other options are for.
    type: list
    elements: str
  vms:
    description: VMs that each have something of their own. What they leave out is as for the whole task.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the VM.
        type: str
        required: true
      state:
        description: As the task's O(state).
        type: str
        choices: [present, absent, up, down, frozen]
      uuid:
        description: As the task's O(uuid).
        type: str
      priority:
        description: As the task's O(priority).
        type: bool
      bootable:
        description: As the task's O(bootable).
        type: bool
      memory:
        description: As the task's O(memory).
        type: int
      floor:
        description: As the task's O(floor).
        type: int
      kept:
        description: As the task's O(kept).
        type: int
      label:
        description: As the task's O(label).
        type: str
      force:
        description: As the task's O(force).
        type: bool
  state:
    description:
      - With V(present), the VM is registered; whether it runs is left alone.
      - With V(up), it runs. It is defrosted or booted if need be, which may stop preemptible jobs of other VMs.
      - With V(down), it is shut down. A VM with jobs is refused unless O(force=true).
      - With V(frozen), it is asleep with its service job, which only a priority VM with a job can be.
      - With V(absent), the master does not know it. A VM that is not down is refused unless O(force=true).
    type: str
    choices: [present, absent, up, down, frozen]
    default: present
  uuid:
    description: What tells it from others that may get its name later.
    type: str
  priority:
    description: Whether its jobs may stop the preemptible jobs of other VMs.
    type: bool
  bootable:
    description: Whether it may be booted for a job when it is down.
    type: bool
  memory:
    description: MiB that it has while it holds jobs.
    type: int
  floor:
    description: MiB that it is left with while it is idle or preempted.
    type: int
  kept:
    description: MiB that it keeps while it is frozen; none where its image goes to disk.
    type: int
  label:
    description: The label of the virtual cluster that it belongs to.
    type: str
  force:
    description:
      - Puts a VM down although it has jobs. B(They are lost.)
    type: bool
    default: false
seealso:
  - module: egee.box.magrathea_vm_info
"""

EXAMPLES = r"""
- name: Ensure that two worker nodes share the machine, one before the other
  egee.box.magrathea_vm:
    memory: 4096
    floor: 256
    vms:
      - name: standard.egee.test
      - name: urgent.egee.test
        priority: true

- name: Ensure that a virtual machine is down, without losing jobs
  egee.box.magrathea_vm:
    name: [standard.egee.test]
    state: down
"""

RETURN = r"""
vms:
  description: The VMs that the task names, as they are afterwards, in check mode as they would be. Null if absent.
  returned: success
  type: dict
  sample: {standard.egee.test: {memory: 4096, floor: 256, state: free, jobs: []}}
actions:
  description: What was done, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [defined standard.egee.test]
diff:
  description: What differs, before and after; in check mode what would.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._magrathea import ACCESS, Options, manage
from ansible_collections.egee.box.plugins.module_utils._runner import conclude

STATES = ["present", "absent", "up", "down", "frozen"]
OPTIONS: Options = {
    "state": {"type": "str", "choices": STATES},
    "uuid": {"type": "str"},
    "priority": {"type": "bool"},
    "bootable": {"type": "bool"},
    "memory": {"type": "int"},
    "floor": {"type": "int"},
    "kept": {"type": "int"},
    "label": {"type": "str"},
    "force": {"type": "bool"},
}


def main() -> None:
    own = {"name": {"type": "str", "required": True}, **OPTIONS}
    spec = {
        **OPTIONS,
        "state": {"type": "str", "choices": STATES, "default": "present"},
        "force": {"type": "bool", "default": False},
        "name": {"type": "list", "elements": "str"},
        "vms": {"type": "list", "elements": "dict", "options": own},
        **ACCESS,
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True, required_one_of=[("name", "vms")])
    conclude(module, lambda: manage(module.params, list(OPTIONS), check_mode=module.check_mode))


if __name__ == "__main__":
    main()
