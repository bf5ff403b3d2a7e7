#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pbs_hook
short_description: Manage the hooks of PBS
version_added: 0.1.0
description:
  - Creates, changes and deletes site hooks of an OpenPBS server, with their bodies and configuration.
  - A hook is changed where it is, never deleted and created again, so that it is never missing.
  - What a task does not say of a hook stays as an existing one has it, and is PBS's default for a new one.
  - PBS lets only root on the server's host see and change hooks.
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
  - egee.box._pbs
author:
  - egee.box contributors (@egee-box)
options:
  name:
    description: The hooks that the other options are for.
    type: list
    elements: str
  hooks:
    description: Hooks that each have something of their own. What they leave out is as for the whole task.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the hook.
        type: str
        required: true
      event:
        description: As the task's O(event).
        type: list
        elements: str
      enabled:
        description: As the task's O(enabled).
        type: bool
      order:
        description: As the task's O(order).
        type: int
      alarm:
        description: As the task's O(alarm).
        type: int
      freq:
        description: As the task's O(freq).
        type: int
      user:
        description: As the task's O(user).
        type: str
        choices: [pbsadmin, pbsuser]
      debug:
        description: As the task's O(debug).
        type: bool
      fail_action:
        description: As the task's O(fail_action).
        type: list
        elements: str
      content:
        description: As the task's O(content).
        type: str
      config:
        description: As the task's O(config).
        type: str
      state:
        description: As the task's O(state).
        type: str
        choices: [present, absent]
  event:
    description: The events that the hook runs at, in any order. Empty means none, so that it never runs.
    type: list
    elements: str
  enabled:
    description: Whether the hook runs at all.
    type: bool
  order:
    description: Its place among the hooks of an event, 1 to 1000.
    type: int
  alarm:
    description: Seconds after which it is ended.
    type: int
  freq:
    description: Seconds between its runs, for a periodic event.
    type: int
  user:
    description: Whom it runs as.
    type: str
    choices: [pbsadmin, pbsuser]
  debug:
    description: Whether its input and output are kept in files.
    type: bool
  fail_action:
    description:
      - What follows when it fails, V(none) or any of V(offline_vnodes), V(clear_vnodes_upon_recovery) and
        V(scheduler_restart_cycle).
    type: list
    elements: str
  content:
    description: Its body, in Python. Compared byte by byte.
    type: str
  config:
    description: The text of its configuration file. Compared byte by byte.
    type: str
  state:
    description: Whether the hooks shall be there.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Ensure no job starts on an occupied machine
  egee.box.pbs_hook:
    name: [magrathea]
    event: [execjob_begin]
    order: 10
    fail_action: [none]
    content: "{{ lookup('ansible.builtin.file', 'magrathea_hook.py', rstrip=false) }}"
    config: "{{ {'socket': '/run/magrathea.sock'} | to_json }}"

- name: Ensure a hook is disabled
  egee.box.pbs_hook:
    name: [magrathea]
    enabled: false
"""

RETURN = r"""
hooks:
  description: The attributes that the task names, by hook, as they are afterwards, in check mode as they would be.
  returned: success
  type: dict
  sample: {magrathea: {enabled: true, event: [execjob_begin]}}
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
  description:
    - What differs of all that changed, before and after; in check mode what would.
    - Bodies and configurations each have a diff of their own.
  returned: success and partial failure
  type: list
  elements: dict
failures:
  description:
    - Why, for each hook that is not as wanted afterwards.
    - All the others are done, and a second run does the rest.
  returned: partial failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, entry
from ansible_collections.egee.box.plugins.module_utils._pbs.flow import Task

OPTIONS: entry.Options = {
    "event": {"type": "list", "elements": "str"},
    "enabled": {"type": "bool"},
    "order": {"type": "int"},
    "alarm": {"type": "int"},
    "freq": {"type": "int"},
    "user": {"type": "str", "choices": ["pbsadmin", "pbsuser"]},
    "debug": {"type": "bool"},
    "fail_action": {"type": "list", "elements": "str"},
    "content": {"type": "str"},
    "config": {"type": "str"},
}


def wish(hook: entry.Options) -> entry.Options:
    given = {name: hook[name] for name in OPTIONS if hook[name] is not None}
    return {"name": hook["name"], "attributes": given, "present": hook["state"] == "present"}


def main() -> None:
    options = {**OPTIONS, "state": entry.present()}
    spec, constraints = entry.in_bulk("hooks", options)
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True, **constraints)
    wanted = [wish(hook) for hook in entry.objects(module.params, "hooks", options)]
    entry.run(module, Task(attributes.HOOK, wanted))


if __name__ == "__main__":
    main()
