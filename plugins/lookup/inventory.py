# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: inventory
short_description: What an inventory tells of its hosts
version_added: 0.1.0
description:
  - Reads an inventory, be it the one of this run or another, and returns the variables that it gives to each of its
    hosts, worked out. What Ansible itself knows of a host is left out, but for its C(group_names).
  - Secrets stay what they are in the inventory, encrypted; no password is needed, and none is used.
author:
  - egee.box contributors (@egee-box)
options:
  _terms:
    description:
      - The inventory, a path from where Ansible was started. Or a list of them that make one inventory together, such
        as C(ansible_inventory_sources).
    type: raw
    required: true
notes:
  - A variable that cannot be worked out without a run, such as one that refers to facts, is text that says why.
seealso:
  - plugin: egee.box.drift
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the memory of another site's VOMS server
  ansible.builtin.debug:
    msg: "{{ lookup('egee.box.inventory', 'inventories/pps')['voms.pps.prague.example'].domain_memory }}"
"""

RETURN = r"""
_raw:
  description: For each inventory, its hosts by name, each with its variables.
  type: list
  elements: dict
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import EncryptedString, VaultHelper
from ansible.plugins.lookup import LookupBase
from ansible.vars.hostvars import HostVars, HostVarsVars
from ansible.vars.manager import VariableManager
from ansible_collections.egee.box.plugins.module_utils._plan_read import Unreadable
from ansible_collections.egee.box.plugins.plugin_utils._variables import read


class LookupModule(LookupBase):
    def run(
        self, terms: list[str | list[str]], variables: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, dict[str, Any]]]:
        return [hosts_of([term] if isinstance(term, str) else list(term)) for term in terms]


def hosts_of(sources: list[str]) -> dict[str, dict[str, Any]]:
    loader = DataLoader()
    inventory = InventoryManager(loader, sources)
    if not inventory.hosts:
        raise AnsibleLookupError(f"egee.box.inventory: {', '.join(sources)} is no inventory, or one without hosts")
    hostvars = HostVars(inventory, VariableManager(loader, inventory), loader)
    own_of_ansible = _own_of_ansible(loader)
    return {host: _variables(hostvars.raw_get(host), host, own_of_ansible, loader) for host in inventory.hosts}


def _own_of_ansible(loader: DataLoader) -> set[str]:
    """The variables that even a host has of which no inventory tells anything."""
    inventory = InventoryManager(loader, ["bare,"])
    hostvars = HostVars(inventory, VariableManager(loader, inventory), loader)
    return set(hostvars.raw_get("bare")) - {"group_names"}


def _variables(raw: Any, host: str, left_out: set[str], loader: DataLoader) -> dict[str, Any]:
    worked_out = HostVarsVars({name: _sealed(value) for name, value in raw.items()}, loader, host)
    values = {name: read(worked_out, name) for name in worked_out if name not in left_out}
    return {name: value.reason if isinstance(value, Unreadable) else value for name, value in values.items()}


def _sealed(value: Any) -> Any:
    """The same with its secrets as they stand in the inventory, so that no template asks for a password."""
    if isinstance(value, EncryptedString):
        return VaultHelper.get_ciphertext(value, with_tags=False)
    if isinstance(value, dict):
        return {key: _sealed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_sealed(item) for item in value]
    return value
