# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How these tests run playbooks: as a user does from a checkout, without a terminal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ansible_collections.egee.box.plugins.filter import plan

ROOT = Path(__file__).parents[2]
PLAYBOOKS = ROOT / "playbooks"
SITES = ROOT / "inventories"
# Where ansible-playbook finds the collection that is imported here.
COLLECTIONS = Path(plan.__file__).parents[5]
ENVIRONMENT = {
    **os.environ,
    "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
    "ANSIBLE_NOCOLOR": "1",
}


def play(playbook: str | Path, site: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A playbook's run, one of the collection's unless its path is given; errors among the rest of what it says."""
    return subprocess.run(
        ["ansible-playbook", "--inventory", site, PLAYBOOKS / playbook, *options],
        env={**ENVIRONMENT, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
