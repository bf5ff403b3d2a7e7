# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the site share: its inventory, its domains, and playbooks run as a user runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

SCENARIO = Path(__file__).parent.parent
PROJECT = SCENARIO.parent.parent
SITE = [f"--inventory={PROJECT / 'inventories' / 'containers'}", f"--extra-vars=@{SCENARIO / 'vars' / 'apart.yml'}"]


class Inventory:
    """The site as it is asked for."""

    def __init__(self) -> None:
        listed = subprocess.run(
            ["ansible-inventory", *SITE, "--list"], check=True, capture_output=True, text=True, cwd=PROJECT
        )
        self.data: dict[str, Any] = json.loads(listed.stdout)
        self.hosts: dict[str, dict[str, Any]] = self.data["_meta"]["hostvars"]

    @property
    def domains(self) -> list[str]:
        return sorted(name for name in self.hosts if "domain_memory" in self.hosts[name])

    def named(self, short: str) -> str:
        return next(name for name in self.domains if name.split(".")[0] == short)


INVENTORY = Inventory()


def on(name: str) -> Host:
    """A host to ask; what a failed assertion shows names it."""
    return testinfra.get_host(f"docker://molecule-{name}")


@pytest.fixture(scope="session")
def inventory() -> Inventory:
    return INVENTORY


@pytest.fixture(params=INVENTORY.domains)
def name(request: pytest.FixtureRequest) -> str:
    """Each domain's name in turn."""
    return str(request.param)


@pytest.fixture
def domain(name: str) -> Host:
    """Each domain in turn."""
    return on(name)


@pytest.fixture
def at() -> Callable[[str], Host]:
    """A domain by its short name."""
    return lambda short: on(INVENTORY.named(short))


@pytest.fixture
def play() -> Callable[..., dict[str, dict[str, int]]]:
    """Run a playbook on the site; returns per host how many tasks were ok, changed, failed..."""

    def run(playbook: str, *options: str) -> dict[str, dict[str, int]]:
        plain = {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
        environment = {**os.environ, **plain, "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg")}
        done = subprocess.run(
            ["ansible-playbook", *SITE, *options, str(PROJECT / "playbooks" / playbook)],
            capture_output=True,
            text=True,
            env=environment,
            cwd=PROJECT,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        recap = done.stdout[done.stdout.index("PLAY RECAP") :]
        rows = re.findall(r"^(\S+)\s+: (ok=.*)$", recap, flags=re.MULTILINE)
        return {host: {key: int(count) for key, count in re.findall(r"(\w+)=(\d+)", row)} for host, row in rows}

    return run
