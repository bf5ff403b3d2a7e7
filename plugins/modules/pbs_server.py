#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pbs_server
short_description: Manage the attributes of the PBS server
version_added: 0.1.0
description:
  - Sets and unsets attributes of an OpenPBS server.
  - Leave C(pbs_license_info) to PBS Professional. OpenPBS speaks with no license server; once it was told of one, its
    scheduler finds no node any more until the server is restarted, even if the attribute was unset again.
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
  - egee.box._pbs
  - egee.box._pbs.attributes
author:
  - egee.box contributors (@egee-box)
"""

EXAMPLES = r"""
- name: Ensure the server knows its managers and keeps its history
  egee.box.pbs_server:
    attributes:
      managers: ["root@batch.egee.test", "admin@*"]
      default_queue: grid
      job_history_enable: true
      job_history_duration: "336:00:00"
      flatuid: true

- name: Ensure the scheduler runs as often as by default
  egee.box.pbs_server:
    attributes:
      scheduler_iteration: null
"""

RETURN = r"""
servers:
  description: The attributes that the task names, by server, as they are afterwards, in check mode as they would be.
  returned: success
  type: dict
  sample: {batch: {default_queue: grid}}
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
    - Why, for each server that is not as wanted afterwards.
    - All the others are done, and a second run does the rest.
  returned: partial failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, entry
from ansible_collections.egee.box.plugins.module_utils._pbs.flow import Task


def main() -> None:
    module = AnsibleModule(
        argument_spec={**entry.ACCESS, "attributes": entry.ATTRIBUTES, "exact": entry.EXACT}, supports_check_mode=True
    )
    wanted = [{"name": "", "attributes": module.params["attributes"]}]
    entry.run(module, Task(attributes.SERVER, wanted, module.params["exact"], reads=(attributes.RESOURCE,)))


if __name__ == "__main__":
    main()
