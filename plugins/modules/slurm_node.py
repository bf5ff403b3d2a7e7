#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_node
short_description: Take nodes of Slurm offline and online again
version_added: 0.1.0
description:
  - Takes nodes offline, with a reason, so that they are given no more jobs; waits until they are drained; and lets
    those serve again that it took offline itself.
  - Tells what jobs are on the nodes. In check mode it does only that.
author:
  - egee.box contributors (@egee-box)
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
options:
  name:
    description: The nodes, by the names that C(sinfo) has for them.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(offline) gives the nodes no more jobs. Those that are offline for another reason stay as they are.
      - V(drained) is V(offline), and waits until the last job has left.
      - V(online) lets the nodes serve again that are offline for O(reason), and no others.
    type: str
    choices: [offline, drained, online]
    required: true
  reason:
    description: The reason that Slurm shows, a line without C(|). By it V(online) knows the nodes that are its own.
    type: str
    required: true
  drain_timeout:
    description: Seconds to wait for the jobs of nodes that shall be V(drained).
    type: int
    default: 3600
"""

EXAMPLES = r"""
- name: Ensure that two nodes are empty before their power goes
  egee.box.slurm_node:
    name: [wn1, wn2]
    state: drained
    reason: new power supply, back on Friday
    drain_timeout: 86400

- name: Ensure that they work again
  egee.box.slurm_node:
    name: [wn1, wn2]
    state: online
    reason: new power supply, back on Friday
"""

RETURN = r"""
jobs:
  description: The jobs that hold the nodes afterwards.
  returned: success
  type: list
  elements: dict
  sample: [{id: "12", user: voce001, nodes: wn1}]
actions:
  description: The commands that were run, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: ["scontrol update nodename=wn1,wn2 state=resume"]
diff:
  description: What differs, before and after; in check mode what would.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._runner import CommandRunner, conclude
from ansible_collections.egee.box.plugins.module_utils._slurm_node import SlurmNodes, result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["offline", "drained", "online"], "required": True},
            "reason": {"type": "str", "required": True},
            "drain_timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    given = module.params
    runner = CommandRunner(check_mode=module.check_mode)
    conclude(
        module,
        lambda: result(SlurmNodes(runner, given["name"], given["state"], given["reason"], given["drain_timeout"])),
    )


if __name__ == "__main__":
    main()
