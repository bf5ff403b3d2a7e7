#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: memory_info
short_description: Tell what a host uses of its memory
version_added: 0.1.0
author: egee.box contributors (@egee-box)
description:
  - Returns how much memory a host has, what it uses of it, and how many of its processes were killed for want of it.
  - Asked of a process in a container, these are the container's, if it is limited, and not those of the machine.
  - Nothing is changed, so there is never a diff.
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.info_module
options:
  process:
    description:
      - A process of this host, by its number, such as the first one of a container that the host runs. What counts is
        the innermost control group that limits its memory, of version 1 or 2.
      - By default the first of this host. In a container which does not see its own control group that is an error.
    type: int
    default: 1
notes:
  - A machine's kernel keeps some of its memory for itself, so a domain has a little less than it was given.
  - With control groups of version 1, kills in groups below the container's count as long as those groups are there.
seealso:
  - module: egee.box.xen_domain_info
  - module: community.docker.docker_container_info
    description: Tells the first process of a container.
"""

EXAMPLES = r"""
- name: Read what the host uses of its memory
  egee.box.memory_info:
  register: result

- name: Nothing was killed for want of memory
  ansible.builtin.assert:
    that: result.memory.oom_kills == 0
"""

RETURN = r"""
memory:
  description: The memory of the host, or of the container that the process is in.
  returned: always
  type: dict
  contains:
    total:
      description: What it has, in MiB; of a container its limit.
      type: int
      returned: always
      sample: 384
    used:
      description: What it uses, in MiB, without caches that would be given back.
      type: int
      returned: always
      sample: 127
    oom_kills:
      description: How many processes were killed for want of memory since the host, or the container, was started.
      type: int
      returned: always
      sample: 0
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._memory import memory
from ansible_collections.egee.box.plugins.module_utils._runner import conclude


def main() -> None:
    module = AnsibleModule(argument_spec={"process": {"type": "int", "default": 1}}, supports_check_mode=True)
    conclude(module, lambda: {"memory": memory(module.params["process"])})


if __name__ == "__main__":
    main()
