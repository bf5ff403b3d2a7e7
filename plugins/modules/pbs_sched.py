#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pbs_sched
short_description: Manage the schedulers of PBS
version_added: 0.1.0
description:
  - Sets and unsets attributes of the scheduler, and creates and deletes further ones.
  - A scheduler that is to schedule and is down ends the task with an error, after O(connect_timeout) seconds and with
    everything set, for no job would start. Check mode does not look.
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
  - egee.box._pbs
  - egee.box._pbs.attributes
author:
  - egee.box contributors (@egee-box)
options:
  name:
    description: The schedulers that O(attributes) and O(state) are for.
    type: list
    elements: str
    default: [default]
  state:
    description: Whether the schedulers shall be there. The one named V(default) always is.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Ensure lower jobs are suspended for express ones
  egee.box.pbs_sched:
    attributes:
      preempt_order: S
      preempt_queue_prio: 150
      sched_cycle_length: "00:10:00"
"""

RETURN = r"""
scheds:
  description: The attributes that the task names, by sched, as they are afterwards, in check mode as they would be.
  returned: success
  type: dict
  sample: {default: {preempt_order: S}}
directives:
  description: The directives that C(qmgr) was given, in check mode would have been given.
  returned: success and partial failure
  type: list
  elements: str
actions:
  description: What was done, in the past tense.
  returned: success and partial failure
  type: list
  elements: str
diff:
  description: What differs of all that changed, before and after; in check mode what would.
  returned: success and partial failure
  type: list
  elements: dict
failures:
  description:
    - Why, for each sched that is not as wanted afterwards.
    - All the others are done, and a second run does the rest.
  returned: partial failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._pbs import alive, attributes, entry
from ansible_collections.egee.box.plugins.module_utils._pbs.flow import Task


def main() -> None:
    spec = {
        **entry.ACCESS,
        "name": {"type": "list", "elements": "str", "default": ["default"]},
        "attributes": entry.ATTRIBUTES,
        "exact": entry.EXACT,
        "state": entry.present(),
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    present = module.params["state"] == "present"
    if not present and "default" in module.params["name"]:
        module.fail_json(msg="sched default: PBS's own scheduler cannot be deleted; name another one")
    wanted = [
        {"name": name, "attributes": module.params["attributes"], "present": present} for name in module.params["name"]
    ]
    task = Task(attributes.SCHED, wanted, module.params["exact"])
    entry.run(module, task, alive.scheduling(module.params["name"], module.params["connect_timeout"]))


if __name__ == "__main__":
    main()
