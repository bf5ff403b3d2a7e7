#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xen_domain
short_description: Manage Xen domains with xl
version_added: 0.1.0
author: egee.box contributors (@egee-box)
description:
  - Defines, starts, pauses, saves, shuts down and removes the domains of a Xen machine, any number of them in one task.
  - What Xen can change while a domain runs is changed live (memory, vcpus, weight and cap).
    Anything else is written to the configuration, reported, and takes effect at the domain's next start,
    or at once if O(allow_restart=true).
  - A domain that has crashed, was paused by someone else or not built to the end is not mistaken for a running one.
  - A domain's volumes are never touched, unless O(remove_volumes) names them.
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
  - egee.box._xen
attributes:
  check_mode:
    details:
      - On a host that does not run on Xen yet, predicts as for a machine without domains, and warns.
  diff_mode:
    details:
      - Names exactly the fields that change, by domain.
options:
  domains:
    description:
      - The domains, described completely. They are started in this order, and ended in the reverse one.
      - Either this or O(name) is required.
    type: list
    elements: dict
    suboptions:
      name:
        description: The domain's name.
        type: str
        required: true
      memory:
        description: Its memory in MiB.
        type: int
        required: true
      maxmem:
        description:
          - How far its memory can grow, in MiB. By default the same as O(domains[].memory).
        type: int
      vcpus:
        description: How many virtual CPUs it uses.
        type: int
        default: 1
      maxvcpus:
        description:
          - How many virtual CPUs it can use without a restart. By default the same as O(domains[].vcpus).
        type: int
      weight:
        description: Its share of the CPUs when they are scarce, relative to the others' weights.
        type: int
        default: 256
      cap:
        description: The most CPU time it may get, in percent of one CPU; V(0) is no limit.
        type: int
        default: 0
      type:
        description: The kind of virtualisation.
        type: str
        choices: [pv, pvh]
        default: pv
      tsc_mode:
        description:
          - How the domain reads the time stamp counter.
          - V(native) lets it read the CPU's own, which costs nothing but does not survive a migration to another CPU.
        type: str
        choices: [default, always_emulate, native]
        default: default
      kernel:
        description:
          - The kernel to boot, a file in dom0.
          - Either this or O(domains[].bootloader) is required.
        type: path
      ramdisk:
        description: The initial RAM disk, a file in dom0.
        type: path
      bootloader:
        description: A program that finds the kernel on the domain's own disk, like V(pygrub).
        type: str
      root:
        description: The root device, as the domain sees it.
        type: str
      extra:
        description: The rest of the kernel's command line.
        type: str
      disks:
        description: Its disks, the first one first.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: A block device in dom0.
            type: path
            required: true
          device:
            description: What the domain sees it as, like V(xvda).
            type: str
            required: true
          mode:
            description: Whether the domain may write to it.
            type: str
            choices: [rw, ro]
            default: rw
          script:
            description: The hotplug script, a name in C(/etc/xen/scripts) or a path. By default Xen's own.
            type: str
      vifs:
        description: Its network interfaces, the first one first.
        type: list
        elements: dict
        default: []
        suboptions:
          mac:
            description: Its hardware address; Xen's own range begins with C(00:16:3e).
            type: str
            required: true
          bridge:
            description: The bridge in dom0 that it is connected to.
            type: str
            required: true
          address:
            description: Its IP address, where a hotplug script is to know it.
            type: str
          script:
            description: The hotplug script, a name in C(/etc/xen/scripts) or a path. By default Xen's own.
            type: str
      on_poweroff:
        description: What Xen does when the domain has shut down.
        type: str
        choices: &actions [destroy, restart, rename-restart, preserve, coredump-destroy, coredump-restart]
        default: destroy
      on_reboot:
        description: What Xen does when the domain wants to reboot.
        type: str
        choices: *actions
        default: restart
      on_crash:
        description:
          - What Xen does when the domain has crashed. Other than Xen's own default, V(preserve) keeps the evidence.
        type: str
        choices: *actions
        default: preserve
      autostart:
        description:
          - Its place in the order in which C(xendomains) starts the domains when the machine boots, from 0 to 99.
          - If not given, it is not started at boot.
        type: int
  name:
    description:
      - The names of domains that are defined already, to bring them into O(state) as they are.
      - Either this or O(domains) is required.
    type: list
    elements: str
  state:
    description:
      - V(present) defines the domains and changes what can be changed live, but leaves them running or not.
      - V(running) and V(paused) also start them, if need be from their saved image.
      - V(saved) writes their memory to a file in O(save_dir) and ends them.
      - V(shutdown) shuts them down, and leaves them defined.
      - V(absent) shuts them down and removes their configuration. Their volumes stay, but those in O(remove_volumes).
    type: str
    choices: [present, running, paused, shutdown, saved, absent]
    default: running
  allow_restart:
    description:
      - Whether to shut down and start a domain to bring a change about that Xen cannot make live,
        and to build one anew that has crashed or was not built to the end.
    type: bool
    default: false
  force:
    description:
      - Whether to end a domain that does not shut down in time. B(It loses what it has not written to its disks.)
      - Also whether to give up what a saved or crashed domain holds in memory, with O(state=shutdown)
        or O(state=absent).
    type: bool
    default: false
  timeout:
    description: How many seconds each of creating, saving, restoring and shutting down a domain may take.
    type: int
    default: 300
  save_dir:
    description:
      - Where saved images are kept, each under its domain's name.
      - While a domain is saved it is out of the boot order, for no boot must start it anew over the disks that its
        image goes with. The default is where C(xendomains) looks for images to restore, if it is set up to.
      - An image that is found here while its domain runs is stale, and removed.
    type: path
    default: /var/lib/xen/save
  remove_volumes:
    description:
      - With O(state=absent), the logical volumes to remove, each by its path. B(All data on them is lost.)
      - One that is not a logical volume, or that another domain or a snapshot uses, is refused before anything is done.
    type: list
    elements: path
    default: []
requirements:
  - LVM, for O(remove_volumes)
notes:
  - The files are those of Xen's own tools, C(/etc/xen/NAME.cfg) and links in C(/etc/xen/auto).
seealso:
  - module: egee.box.xen_domain_info
  - module: egee.box.xen_info
"""

EXAMPLES = r"""
- name: Two domains run, the database first
  egee.box.xen_domain:
    state: running
    domains:
      - name: voms.egee.test
        memory: 384
        maxmem: 512
        kernel: /var/lib/xen/boot/trixie/vmlinuz
        ramdisk: /var/lib/xen/boot/trixie/initrd
        root: /dev/xvda
        extra: ro console=hvc0
        disks:
          - {path: /dev/vg0/voms-root, device: xvda}
        vifs:
          - {mac: "00:16:3e:00:00:01", bridge: xenbr0}
        autostart: 10
      - name: ce.egee.test
        memory: 512
        vcpus: 2
        weight: 512
        bootloader: pygrub
        disks:
          - {path: /dev/vg0/ce-root, device: xvda}
        autostart: 20

- name: A domain is saved to disk
  egee.box.xen_domain:
    name: ce.egee.test
    state: saved

- name: A domain and its data are gone
  egee.box.xen_domain:
    name: ce.egee.test
    state: absent
    remove_volumes:
      - /dev/vg0/ce-root
"""

RETURN = r"""
domains:
  description:
    - The domains after the task, in the order in which they were given. In check mode, what they would be.
    - What a live domain holds, otherwise what it is defined to get; the keys are those of O(domains), and those below.
      O(domains[].root) and O(domains[].extra) are returned together, as RV(ignore:cmdline).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The domain's name.
      type: str
      returned: always
      sample: voms.egee.test
    state:
      description:
        - C(running), C(paused), C(shutdown), C(saved) or C(absent).
        - Or what no one asked for, V(crashed), V(half-built), V(ended) (shut down by itself, and preserved),
          V(rebooting), V(suspended) or V(dying).
      type: str
      returned: always
      sample: running
    domid:
      description: Its id in Xen; null if it is not there.
      type: int
      returned: always
      sample: 3
    memory:
      description: The memory that it is meant to have, in MiB.
      type: int
      returned: if known
      sample: 384
    memory_used:
      description: The memory that it really has, in MiB.
      type: int
      returned: always
      sample: 384
    vcpus_used:
      description: The virtual CPUs that it really uses.
      type: int
      returned: always
      sample: 1
    defined:
      description: Whether it has a configuration in C(/etc/xen).
      type: bool
      returned: always
      sample: true
    autostart:
      description: Its place in the boot order; null if it is not started at boot.
      type: int
      returned: always
      sample: 10
    saved_image:
      description: The file that its memory is saved in; null if there is none.
      type: str
      returned: always
      sample: /var/lib/xen/save/voms.egee.test
actions:
  description: What was done, or in check mode would be, a sentence each.
  returned: always
  type: list
  elements: str
  sample: ["voms.egee.test: memory 256 -> 384"]
restart_required:
  description: What takes effect only at the next start, by domain.
  returned: always
  type: dict
  sample: {ce.egee.test: ["maxvcpus 1 -> 2"]}
diff:
  description: What differs, before and after, by domain; in check mode what would.
  returned: always
  type: dict
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._runner import CommandRunner, conclude
from ansible_collections.egee.box.plugins.module_utils._xen import Xen
from ansible_collections.egee.box.plugins.module_utils._xen_manage import Manager, wanted_from
from ansible_collections.egee.box.plugins.module_utils._xen_options import ARGUMENTS, CONSTRAINTS
from ansible_collections.egee.box.plugins.module_utils._xen_plan import Permissions
from ansible_collections.egee.box.plugins.module_utils._xen_store import Store


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, **CONSTRAINTS)
    params = module.params

    def work() -> dict[str, t.Any]:
        return Manager(
            Xen(CommandRunner(check_mode=module.check_mode)),
            Store(save_dir=Path(params["save_dir"]), check_mode=module.check_mode),
            wanted_from(params),
            Permissions(params["allow_restart"], params["force"], params["timeout"]),
            params["remove_volumes"],
        ).run()

    conclude(module, work)


if __name__ == "__main__":
    main()
