#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pbs_resource
short_description: Manage the resources of PBS that a site defines
version_added: 0.1.0
description:
  - Creates, changes and deletes custom resources of an OpenPBS server.
  - A scheduler heeds a new resource once it is in the C(resources) line of its C(sched_config).
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
  - egee.box._pbs
author:
  - egee.box contributors (@egee-box)
options:
  name:
    description: The resources that O(type), O(flag) and O(state) are for.
    type: list
    elements: str
  resources:
    description: Resources that each have something of their own. What they leave out is as for the whole task.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the resource.
        type: str
        required: true
      type:
        description: As the task's O(type).
        type: str
        choices: [boolean, float, long, size, string, string_array]
      flag:
        description: As the task's O(flag).
        type: str
      state:
        description: As the task's O(state).
        type: str
        choices: [present, absent]
  type:
    description:
      - The type of the resources' values.
      - If left out, existing resources keep theirs, and new ones get V(string).
    type: str
    choices: [boolean, float, long, size, string, string_array]
  flag:
    description:
      - The flags of the resources, such as V(h) for a resource of the host, in any order.
      - If left out, existing resources keep theirs. Empty means none.
    type: str
  state:
    description: Whether the resources shall be there.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - Delete resources even if the server, queues or nodes have values of them, and change the type of such resources,
        which else ends the task before anything is done. B(The values are lost.)
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Ensure the resource that says what a virtual machine may run
  egee.box.pbs_resource:
    name: [magrathea]
    type: string
    flag: hr

- name: Ensure the resources of the site
  egee.box.pbs_resource:
    resources:
      - {name: scratch, type: size, flag: hn}
      - {name: features, type: string_array, flag: h}
"""

RETURN = r"""
resources:
  description: The attributes that the task names, by resource, as they are afterwards, in check mode as they would be.
  returned: success
  type: dict
  sample: {magrathea: {type: string, flag: hr}}
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
    - Why, for each resource that is not as wanted afterwards.
    - All the others are done, and a second run does the rest.
  returned: partial failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, entry, guards
from ansible_collections.egee.box.plugins.module_utils._pbs.flow import Task

TYPES = ["boolean", "float", "long", "size", "string", "string_array"]


def wish(resource: entry.Options) -> entry.Options:
    given = {name: resource[name] for name in ("type", "flag") if resource[name] is not None}
    return {"name": resource["name"], "attributes": given, "present": resource["state"] == "present"}


def main() -> None:
    options = {"type": {"type": "str", "choices": TYPES}, "flag": {"type": "str"}, "state": entry.present()}
    spec, constraints = entry.in_bulk("resources", options)
    module = AnsibleModule(argument_spec={**spec, "force": entry.FORCE}, supports_check_mode=True, **constraints)
    task = Task(
        attributes.RESOURCE,
        [wish(resource) for resource in entry.objects(module.params, "resources", options)],
        force=module.params["force"],
        guard=guards.resources,
        reads=(attributes.QUEUE, attributes.NODE),
    )
    entry.run(module, task)


if __name__ == "__main__":
    main()
