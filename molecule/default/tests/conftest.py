# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the site share: its plan, its domains, and playbooks run as a user runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

SCENARIO = Path(__file__).parent.parent
PROJECT = SCENARIO.parent.parent
SITE = [f"--inventory={PROJECT / 'inventories' / 'containers'}", f"--extra-vars=@{SCENARIO / 'vars' / 'apart.yml'}"]


ENVIRONMENT = {
    **os.environ,
    "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
    "ANSIBLE_FORCE_COLOR": "0",
    "ANSIBLE_NOCOLOR": "1",
}


class Site:
    """The site as it is planned."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            file = Path(place, "plan.json")
            task = json.dumps({"content": "{{ hostvars | egee.box.plan(groups) | to_json }}", "dest": str(file)})
            subprocess.run(
                ["ansible", *SITE, "dom0s", "--module-name=ansible.builtin.copy", f"--args={task}"],
                check=True,
                capture_output=True,
                env=ENVIRONMENT,
                cwd=PROJECT,
            )
            plan = json.loads(file.read_text(encoding="utf-8"))
        self.domains: dict[str, dict[str, Any]] = plan["domains"]

    def named(self, short: str) -> str:
        return next(name for name, domain in self.domains.items() if domain["short"] == short)


PLANNED = Site()


def on(name: str) -> Host:
    """A host to ask; what a failed assertion shows names it."""
    return testinfra.get_host(f"docker://molecule-{name}")


@pytest.fixture(scope="session")
def site() -> Site:
    return PLANNED


@pytest.fixture(params=sorted(PLANNED.domains))
def name(request: pytest.FixtureRequest) -> str:
    """Each domain's name in turn."""
    return str(request.param)


@pytest.fixture
def domain(name: str) -> Host:
    """Each domain in turn."""
    return on(name)


@pytest.fixture(scope="session")
def at() -> Callable[[str], Host]:
    """A domain by its short name."""
    return lambda short: on(PLANNED.named(short))


@pytest.fixture(scope="session")
def play() -> Callable[..., dict[str, dict[str, int]]]:
    """Run a playbook on the site; returns per host how many tasks were ok, changed, failed..."""

    def run(playbook: str, *options: str) -> dict[str, dict[str, int]]:
        done = subprocess.run(
            ["ansible-playbook", *SITE, *options, str(PROJECT / "playbooks" / playbook)],
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            cwd=PROJECT,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        recap = done.stdout[done.stdout.index("PLAY RECAP") :]
        rows = re.findall(r"^(\S+)\s+: (ok=.*)$", recap, flags=re.MULTILINE)
        return {host: {key: int(count) for key, count in re.findall(r"(\w+)=(\d+)", row)} for host, row in rows}

    return run
