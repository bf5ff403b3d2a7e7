# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to each module, and that what it says of check mode and diff is what it does."""

from __future__ import annotations

import ast
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "plugins" / "modules").glob("*.py"))
# What an action plugin does has only its documentation among the modules.
MODULES = [module for module in FILES if not (ROOT / "plugins" / "action" / module.name).exists()]
UNIT_TESTS = "".join(path.read_text() for path in (ROOT / "tests/unit/plugins/modules").glob("test_*.py"))
GROUP = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]["box"]


def constants(source: str) -> dict[str, t.Any]:
    """The YAML in a file's or class's constants, by their names."""
    assigned = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assign)]
    texts = [(node.targets[0], node.value) for node in assigned if isinstance(node.value, ast.Constant)]
    return {
        name.id: yaml.safe_load(value.value)
        for name, value in texts
        if isinstance(name, ast.Name) and isinstance(value.value, str)
    }


def attributes(documentation: dict[str, t.Any]) -> dict[str, str]:
    """What the module supports, as its own words and its fragments' say together."""
    found: dict[str, str] = {}
    parts = [documentation]
    for fragment in documentation["extends_documentation_fragment"]:
        name, _dot, part = fragment.removeprefix("egee.box.").partition(".")
        file = ROOT / "plugins" / "doc_fragments" / f"{name}.py"
        parts.insert(0, constants(file.read_text())[part.upper() or "DOCUMENTATION"])
    for part in parts:
        found |= {name: said["support"] for name, said in part.get("attributes", {}).items() if "support" in said}
    return found


every_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)


@every_module
def test_a_module_is_in_the_group_and_has_its_unit_tests(module: Path) -> None:
    assert module.stem in GROUP
    assert module.stem in UNIT_TESTS


@pytest.mark.parametrize("module", FILES, ids=lambda module: module.stem)
def test_each_module_is_played_on_a_host(module: Path) -> None:
    target = ROOT / "tests/integration/targets" / module.stem
    assert {"aliases", "tasks/main.yml"} <= {str(path.relative_to(target)) for path in target.rglob("*")}


def test_the_group_names_modules_only() -> None:
    assert sorted(GROUP) == [module.stem for module in FILES]


@every_module
def test_what_a_module_says_of_itself_is_so(module: Path) -> None:
    source = module.read_text()
    said = constants(source)
    supports = attributes(said["DOCUMENTATION"])
    assert said["DOCUMENTATION"]["module"] == module.stem
    assert supports["check_mode"] == supports["idempotent"] == "full"
    assert "supports_check_mode=True" in source
    # Who only reads has nothing to show.
    reads = module.stem.endswith("_info")
    assert supports["diff_mode"] == ("N/A" if reads else "full")
    assert ("diff" in said["RETURN"]) == (not reads)


@every_module
def test_each_example_begins_as_a_sentence_and_calls_the_module_by_its_full_name(module: Path) -> None:
    tasks = constants(module.read_text())["EXAMPLES"]
    assert all(task["name"][0].isupper() for task in tasks)
    assert any(f"egee.box.{module.stem}" in task for task in tasks)
