#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xen_info
short_description: Describe a Xen machine
version_added: 0.1.0
author: egee.box contributors (@egee-box)
description:
  - Returns the version, memory, CPUs, scheduler and command line of the hypervisor, and what dom0 has of the machine.
  - On a host that does not run on Xen it does not fail, but says so. Ask it before and after the first boot.
  - Nothing is changed, so there is never a diff.
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.info_module
  - egee.box._xen
options: {}
seealso:
  - module: egee.box.xen_domain
  - module: egee.box.xen_domain_info
"""

EXAMPLES = r"""
- name: Read what hypervisor the machine runs on
  egee.box.xen_info:
  register: result

- name: The machine runs on Xen, with the memory for dom0 that was planned
  ansible.builtin.assert:
    that: result.xen.running and result.xen.dom0.memory == 1024
"""

RETURN = r"""
xen:
  description: The machine.
  returned: always
  type: dict
  contains:
    running:
      description: Whether the host runs on Xen.
      type: bool
      returned: always
      sample: true
    reason:
      description: Why it is taken not to.
      type: str
      returned: if it does not run on Xen
    version:
      description: The version of the hypervisor.
      type: str
      returned: if it runs on Xen
      sample: 4.20.3-pre
    commandline:
      description: The command line that the hypervisor was booted with.
      type: str
      returned: if it runs on Xen
      sample: placeholder dom0_mem=1024M,max:1024M
    scheduler:
      description: The scheduler of the CPUs.
      type: str
      returned: if it runs on Xen
      sample: credit2
    cpus:
      description: How many CPUs the machine has.
      type: int
      returned: if it runs on Xen
      sample: 2
    memory:
      description: The memory of the machine, and what is free of it, in MiB.
      type: dict
      returned: if it runs on Xen
      sample: {total: 4095, free: 1870}
    dom0:
      description: The memory (MiB) and virtual CPUs of dom0.
      type: dict
      returned: if it runs on Xen
      sample: {memory: 1024, vcpus: 2}
    domains:
      description: How many domains there are beside dom0.
      type: int
      returned: if it runs on Xen
      sample: 12
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._runner import CommandRunner, conclude
from ansible_collections.egee.box.plugins.module_utils._xen import Xen, machine


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    conclude(module, lambda: {"xen": machine(Xen(CommandRunner()))})


if __name__ == "__main__":
    main()
