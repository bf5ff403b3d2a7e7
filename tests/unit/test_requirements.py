# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection asks of Python, compared with what its plugins import."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
# Ansible, and what comes with every ansible-core.
WITH_ANSIBLE = {"ansible", "ansible_collections", "jinja2", "yaml"}
ON_HOSTS = {"modules", "module_utils"}


def imported(file: Path) -> set[str]:
    """The packages that a file imports, without those that are there anyway."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found - sys.stdlib_module_names - WITH_ANSIBLE


def packages(on_hosts: bool) -> set[str]:
    files = [file for file in PLUGINS.rglob("*.py") if (file.relative_to(PLUGINS).parts[0] in ON_HOSTS) == on_hosts]
    assert len(files) > 10
    return set().union(*map(imported, files))


def test_the_controller_is_asked_for_what_plugins_import() -> None:
    lines = (ROOT / "meta" / "requirements.txt").read_text().splitlines()
    assert packages(on_hosts=False) == {
        re.split(r"[<>=~!; \[]", line)[0] for line in lines if line and not line.startswith("#")
    }


def test_modules_import_nothing_that_hosts_must_have() -> None:
    """But for the driver of MariaDB, which is loaded when it is needed and refused by name where it is missing."""
    assert packages(on_hosts=True) == set()
