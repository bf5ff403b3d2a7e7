#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pbs_info
short_description: Read the server, queues, nodes, resources, hooks, schedulers and jobs of PBS
version_added: 0.1.0
description:
  - Reads what an OpenPBS server has, in one process for all but the jobs. Nothing is changed, so there is never a diff.
  - Attributes come by the names and with the values that the other modules take, numbers and booleans as such.
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.info_module
  - egee.box._pbs
author:
  - egee.box contributors (@egee-box)
options:
  gather:
    description:
      - What to read.
      - V(hooks) needs root on the server's host, and is without the bodies.
      - V(jobs) come as C(qstat) describes them.
    type: list
    elements: str
    choices: [server, queues, nodes, resources, hooks, scheds, jobs]
    default: [server, queues, nodes, resources, scheds]
"""

EXAMPLES = r"""
- name: Read the queues
  egee.box.pbs_info:
    gather: [queues]
  register: pbs

- name: Show where jobs wait
  ansible.builtin.debug:
    msg: "{{ pbs.queues | dict2items | selectattr('value.total_jobs', 'gt', 0) | map(attribute='key') }}"
"""

RETURN = r"""
server:
  description: The attributes of the server.
  returned: if gathered
  type: dict
  sample: {default_queue: workq, scheduling: true, total_jobs: 3}
queues:
  description: The attributes of the queues, by name.
  returned: if gathered
  type: dict
  sample: {workq: {enabled: true, queue_type: Execution, total_jobs: 3}}
nodes:
  description:
    - The attributes of the nodes, by name.
    - C(offline) is what the administrator said, C(state) all that PBS says.
  returned: if gathered
  type: dict
  sample: {wn: {offline: false, state: free, resources_available.ncpus: 4}}
resources:
  description: The resources that the site defined, by name.
  returned: if gathered
  type: dict
  sample: {magrathea: {type: string, flag: h}}
hooks:
  description: The attributes of the site's hooks, by name.
  returned: if gathered
  type: dict
  sample: {magrathea: {enabled: true, event: [execjob_begin]}}
scheds:
  description: The attributes of the schedulers, by name.
  returned: if gathered
  type: dict
  sample: {default: {preempt_order: SCR}}
jobs:
  description: The jobs, by identifier.
  returned: if gathered
  type: dict
  sample: {71.batch: {job_state: R, queue: workq}}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, entry
from ansible_collections.egee.box.plugins.module_utils._pbs.flow import given_all
from ansible_collections.egee.box.plugins.module_utils._runner import conclude

TYPES = {
    "queues": attributes.QUEUE,
    "nodes": attributes.NODE,
    "resources": attributes.RESOURCE,
    "hooks": attributes.HOOK,
    "scheds": attributes.SCHED,
}


def main() -> None:
    gather = {
        "type": "list",
        "elements": "str",
        "choices": ["server", *TYPES, "jobs"],
        "default": ["server", "queues", "nodes", "resources", "scheds"],
    }
    module = AnsibleModule(argument_spec={**entry.ACCESS, "gather": gather}, supports_check_mode=True)
    chosen = module.params["gather"]

    def work() -> dict[str, t.Any]:
        found: dict[str, t.Any] = {"changed": False}
        pbs = entry.client(module)
        types = [kind for name, kind in TYPES.items() if name in chosen]
        # The kinds of a site's own resources are needed to tell what their values are.
        snapshot = pbs.read(*dict.fromkeys([*types, attributes.RESOURCE]))
        if "server" in chosen:
            found["server"] = given_all(attributes.SERVER, snapshot).get(snapshot.server_name, {})
        found.update({name: given_all(kind, snapshot) for name, kind in TYPES.items() if name in chosen})
        if "jobs" in chosen:
            found["jobs"] = pbs.jobs()
        return found

    conclude(module, work)


if __name__ == "__main__":
    main()
