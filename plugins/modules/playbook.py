# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: playbook
short_description: Run a playbook on another inventory
version_added: 0.1.0
description:
  - Runs C(ansible-playbook) on the controller, with the Python of this run and the same configuration, on hosts that
    this run need not know, and shows its output line by line as it comes.
  - It is given the options of this run that it has to share, which are extra variables, vault ids and password files,
    the remote user and key, forks, verbosity, check and diff mode. Tags and limits are not among them.
author:
  - egee.box contributors (@egee-box)
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
options:
  playbook:
    description: The playbook's path.
    type: path
    required: true
  inventory:
    description: The inventory, or several that make one together.
    type: list
    elements: path
    required: true
  label:
    description: What its lines begin with.
    type: str
    default: ""
attributes:
  check_mode:
    details:
      - The other run is in check mode, too.
  diff_mode:
    details:
      - The other run shows its own.
  idempotent:
    support: partial
    details:
      - As far as the playbook is.
notes:
  - Nobody can answer questions of the other run. Passwords of vaults come from files or programs.
"""

EXAMPLES = r"""
- name: Deploy the twin
  egee.box.playbook:
    playbook: "{{ playbook_dir }}/site.yml"
    inventory: inventories/pps
    label: pps
  run_once: true
"""

RETURN = r"""
rc:
  description: The exit code of the other run.
  returned: always
  type: int
failures:
  description: The C(play), C(task) and C(host) of each host that it lost, as far as it was told.
  returned: always
  type: list
  elements: dict
"""
