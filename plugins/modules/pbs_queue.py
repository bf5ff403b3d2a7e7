#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pbs_queue
short_description: Manage the queues of PBS
version_added: 0.1.0
description:
  - Creates, changes and deletes queues of an OpenPBS server, one or many at once.
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
  - egee.box._pbs
  - egee.box._pbs.attributes
author:
  - egee.box contributors (@egee-box)
options:
  name:
    description: The queues that O(attributes) and O(state) are for.
    type: list
    elements: str
  queues:
    description: Queues that each have something of their own. What they leave out is as for the whole task.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the queue.
        type: str
        required: true
      attributes:
        description: Attributes on top of the task's O(attributes).
        type: dict
      state:
        description: As the task's O(state).
        type: str
        choices: [present, absent]
  state:
    description: Whether the queues shall be there.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - Go on where something is in the way, which else ends the task before anything is done.
      - To delete a queue with jobs, B(its jobs are removed with) C(qdel -W force) B(and lost). Nodes bound to it are
        released.
      - The server's default queue is deleted or disabled, and an enabled routing queue is left without a destination.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Ensure the queues of the VOs
  egee.box.pbs_queue:
    attributes:
      queue_type: Execution
      enabled: true
      started: true
      acl_group_enable: true
    queues:
      - name: atlas
        attributes:
          acl_groups: [atlas, atlasprd]
          resources_max: {walltime: "72:00:00", mem: 4gb}
          max_run: {"u:PBS_GENERIC": 50, "o:PBS_ALL": 500}
      - name: dteam
        attributes:
          acl_groups: [dteam]
          resources_max.walltime: "01:00:00"

- name: Ensure the grid's own queue, which routes by VO
  egee.box.pbs_queue:
    name: [grid]
    attributes:
      queue_type: Route
      route_destinations: [atlas, dteam]
      enabled: true
      started: true

- name: Ensure a queue is gone with all its jobs
  egee.box.pbs_queue:
    name: [old]
    state: absent
    force: true
"""

RETURN = r"""
queues:
  description: The attributes that the task names, by queue, as they are afterwards, in check mode as they would be.
  returned: success
  type: dict
  sample: {atlas: {enabled: true, resources_max.walltime: "72:00:00"}}
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
    - Why, for each queue that is not as wanted afterwards.
    - All the others are done, and a second run does the rest.
  returned: partial failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, entry, guards
from ansible_collections.egee.box.plugins.module_utils._pbs.flow import Task


def main() -> None:
    options = {"attributes": entry.ATTRIBUTES, "state": entry.present()}
    spec, constraints = entry.in_bulk("queues", options)
    module = AnsibleModule(
        argument_spec={**spec, "exact": entry.EXACT, "force": entry.FORCE}, supports_check_mode=True, **constraints
    )
    found = entry.objects(module.params, "queues", options)
    wanted = [{**queue, "present": queue["state"] == "present"} for queue in found]
    # Who is bound to a queue matters only where one is to go.
    going = any(not queue["present"] for queue in wanted)
    task = Task(
        attributes.QUEUE,
        wanted,
        module.params["exact"],
        module.params["force"],
        guards.queues,
        reads=(attributes.RESOURCE, *([attributes.NODE] if going else [])),
    )
    entry.run(module, task)


if __name__ == "__main__":
    main()
