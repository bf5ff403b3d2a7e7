#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_account
short_description: Manage the accounts and fair shares of a Slurm cluster
version_added: 0.1.0
description:
  - Ensures that a cluster is known to Slurm's accounting, that it has accounts with their fair shares, and that users
    are billed to them.
  - Runs C(sacctmgr) on the host, twice to read and once for each kind of change, however many users there are.
author:
  - egee.box contributors (@egee-box)
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
options:
  cluster:
    description: The name of the cluster, as in C(slurm.conf). It is made if accounting does not know it.
    type: str
    required: true
  accounts:
    description: The accounts below C(root).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the account.
        type: str
        required: true
      fair_share:
        description: Its part of the machine, in proportion to those of the other accounts.
        type: int
        default: 1
      users:
        description:
          - The Unix accounts billed to it. Their jobs go to the first account that lists them when they name none.
          - Without this option its users stay as they are.
        type: list
        elements: str
  exclusive:
    description:
      - Whether accounts that are not listed are removed, and of the listed ones with O(accounts[].users) those users
        that are not.
      - Slurm refuses to remove whose jobs still run.
    type: bool
    default: false
  wait:
    description: How many seconds C(slurmdbd) may take to answer, for it may just have been started.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Ensure that one VO has twice the other's share
  egee.box.slurm_account:
    cluster: egee-box
    accounts:
      - name: voce
        fair_share: 2
        users: [voce001, voce002]
      - name: auger
        users: [auger001]
"""

RETURN = r"""
actions:
  description: The commands that were run, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [sacctmgr --immediate add account voce cluster=egee-box fairshare=2]
diff:
  description: What differs, before and after; in check mode what would.
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._runner import CommandRunner, conclude
from ansible_collections.egee.box.plugins.module_utils._slurm import SlurmAccounts, read_account


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "accounts": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "fair_share": {"type": "int", "default": 1},
                    "users": {"type": "list", "elements": "str"},
                },
            },
            "exclusive": {"type": "bool", "default": False},
            "wait": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    given = module.params

    def work() -> dict[str, Any]:
        runner = CommandRunner(check_mode=module.check_mode)
        wanted = [read_account(row) for row in given["accounts"]]
        accounts = SlurmAccounts(runner, given["cluster"], wanted, given["exclusive"], given["wait"])
        actions = accounts.apply()
        diff = {"before": "\n".join([*accounts.before(), ""]), "after": "\n".join([*accounts.after(), ""])}
        return {"changed": bool(actions), "actions": actions, "diff": diff}

    conclude(module, work)


if __name__ == "__main__":
    main()
