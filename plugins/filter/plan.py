# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: plan
short_description: The plan of a site, derived from its inventory and checked
version_added: 0.1.0
author: egee.box contributors (@egee-box)
description:
  - Takes the variables of all hosts of a site and returns all that follows from them, together with all that is wrong.
  - It reads only the variables of the model (C(machine_*), C(domain_*), C(batch_system), C(site_vos), C(site_local),
    C(site_lrms)), and of hosts of the groups C(dom0s) and C(domains) only. It connects to no host.
  - A site with faults has no plan, so everything but RV(_value.faults) is empty then.
positional: _input, groups
options:
  _input:
    description: The variables of each host, such as C(hostvars).
    type: dict
    required: true
  groups:
    description: The hosts of each group, such as C(groups).
    type: dict
    required: true
notes:
  - A root filesystem given by its path is looked for on the controller.
seealso:
  - plugin: egee.box.plan_table
    plugin_type: filter
  - plugin: egee.box.plan_faults
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Plan the site
  ansible.builtin.set_fact:
    site_plan: "{{ hostvars | egee.box.plan(groups) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The plan. Sizes are MiB; addresses stand without their prefix; what a host does not have is null.
  type: dict
  contains:
    machines:
      description:
        - By name, each dom0 with its C(name), C(hypervisor), C(cpus),
          C(memory) (C(total), C(dom0), C(domains), C(free)), C(bridge),
          C(address), C(prefix), C(network), C(gateway), C(address6), C(prefix6), C(network6),
          C(gateway6), C(storage), C(volume_group), and C(domains) in start order.
      type: dict
    domains:
      description:
        - By name, each domain with its C(name), C(short), C(machine), C(hypervisor), C(services), C(roles), C(forks)
          (whether it is a CE that runs jobs itself), C(memory), C(vcpus), C(weight), C(cap), C(mac), C(bridge),
          C(address), C(prefix), C(gateway), C(address6), C(prefix6), C(gateway6), C(release), C(release_kind)
          (V(suite), V(tarball) or V(image)), C(root_mode), C(disks) (C(name), C(device), C(volume), C(size), C(path)),
          C(ports) (C(port), C(protocol), C(service)) and C(start_order).
      type: dict
    hosts:
      description: The C(name), C(short), C(address) and C(address6) of every dom0 and domain.
      type: list
      elements: dict
    states:
      description:
        - What shared machines can come to, as memory moves between their worker nodes, each with its C(machine), who
          C(runs) jobs, who is C(frozen) meanwhile (or null), C(memory) by worker node, their C(total) and its C(limit).
        - While somebody is frozen, the total may be beyond the limit; then jobs of the one who runs wait.
      type: list
      elements: dict
    moves:
      description: By domain, the other machines that would hold it as it is, in a site without a fault.
      type: dict
    losses:
      description:
        - By machine, where each of its domains would go if it were lost, largest first, or null where nobody has room.
      type: dict
    faults:
      description: The C(host), C(variable), C(value), C(fault) and C(cure) of all that is wrong; none if sound.
      type: list
      elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._plan import VARIABLES, plan
from ansible_collections.egee.box.plugins.module_utils._plan_model import Plan
from ansible_collections.egee.box.plugins.plugin_utils._variables import read


def variables_of(
    hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """What the plan hangs on, of each host of the site."""
    hosts = {}
    for host in dict.fromkeys([*groups.get("dom0s", ()), *groups.get("domains", ())]):
        # Each look at hostvars gathers all of a host's variables, and each variable read is templated.
        variables = hostvars[host]
        hosts[host] = {name: read(variables, name) for name in VARIABLES if name in variables}
    return hosts


def plan_of(hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]) -> Plan:
    return plan(variables_of(hostvars, groups), groups, lambda path: Path(path).is_file())


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan": plan_of}
