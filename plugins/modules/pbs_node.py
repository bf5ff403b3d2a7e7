#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pbs_node
short_description: Manage the nodes of PBS
version_added: 0.1.0
description:
  - Creates, changes and deletes nodes (vnodes) of an OpenPBS server, thousands at once.
  - Takes nodes offline and online again, with a comment that says why, and waits until they are drained.
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
  - egee.box._pbs
  - egee.box._pbs.attributes
author:
  - egee.box contributors (@egee-box)
options:
  name:
    description:
      - The nodes that O(attributes), O(comment) and O(state) are for.
      - Each must resolve to an address, on the server and here, unless V(Mom) among its attributes names its host.
    type: list
    elements: str
  nodes:
    description: Nodes that each have something of their own. What they leave out is as for the whole task.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the node.
        type: str
        required: true
      attributes:
        description: Attributes on top of the task's O(attributes).
        type: dict
      comment:
        description: As the task's O(comment).
        type: str
      state:
        description: As the task's O(state).
        type: str
        choices: [present, absent, offline, online, drained]
  comment:
    description:
      - The comment of the nodes, of any characters.
      - It is kept over V(offline) and V(online) until another one is given. An empty one removes it.
    type: str
  state:
    description:
      - V(present) leaves the nodes online or offline as they are.
      - V(offline) gives them no further jobs. V(online) ends that.
      - V(drained) is V(offline), and waits until the last job has left.
    type: str
    choices: [present, absent, offline, online, drained]
    default: present
  drain_timeout:
    description: Seconds to wait for the jobs of nodes that shall be V(drained).
    type: int
    default: 3600
  force:
    description:
      - Delete nodes even if they run jobs, which else ends the task before anything is done.
      - B(Their jobs are requeued with) C(qrerun -W force)B(, and lose what they have computed.)
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Ensure the nodes, each with what it has
  egee.box.pbs_node:
    attributes:
      resources_available.site: prague
    nodes:
      - name: skirit1.egee.test
        attributes: {resources_available: {ncpus: 16, mem: 64gb}}
      - name: skirit2.egee.test
        attributes: {resources_available: {ncpus: 32, mem: 128gb}}

- name: Ensure that two vnodes draw on one disk
  egee.box.pbs_node:
    nodes:
      - {name: wn1, attributes: {resources_available.scratch: 2tb}}
      - {name: "wn1[0]", attributes: {Mom: wn1, resources_available.scratch: "@wn1"}}

- name: Ensure a rack is empty before its power goes
  egee.box.pbs_node:
    name: "{{ groups['rack7'] }}"
    state: drained
    comment: "rack 7: new power supply, back on Friday"
    drain_timeout: 86400

- name: Ensure the rack works again
  egee.box.pbs_node:
    name: "{{ groups['rack7'] }}"
    state: online
    comment: ""
"""

RETURN = r"""
nodes:
  description: The attributes that the task names, by node, as they are afterwards, in check mode as they would be.
  returned: success
  type: dict
  sample: {skirit1.egee.test: {offline: true, comment: new disk}}
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
    - Why, for each node that is not as wanted afterwards.
    - All the others are done, and a second run does the rest.
  returned: partial failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, drain, entry, guards
from ansible_collections.egee.box.plugins.module_utils._pbs.flow import Task

OFFLINE = {"offline": True, "drained": True, "online": False}


def wish(node: entry.Options) -> entry.Options:
    """The comment is an attribute like others, and offline a part of what PBS calls the state."""
    comment = {} if node["comment"] is None else {"comment": node["comment"]}
    return {
        "name": node["name"],
        "attributes": {**node["attributes"], **comment},
        "present": node["state"] != "absent",
        "offline": OFFLINE.get(node["state"]),
    }


def main() -> None:
    options = {
        "attributes": entry.ATTRIBUTES,
        "comment": {"type": "str"},
        "state": entry.present("offline", "online", "drained"),
    }
    spec, constraints = entry.in_bulk("nodes", options)
    spec.update(exact=entry.EXACT, force=entry.FORCE, drain_timeout={"type": "int", "default": 3600})
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True, **constraints)
    found = entry.objects(module.params, "nodes", options)
    task = Task(
        attributes.NODE,
        [wish(node) for node in found],
        module.params["exact"],
        module.params["force"],
        guards.nodes,
        reads=(attributes.RESOURCE,),
    )
    draining = [node["name"] for node in found if node["state"] == "drained"]
    entry.run(module, task, drain.waiting(draining, module.params["drain_timeout"]))


if __name__ == "__main__":
    main()
