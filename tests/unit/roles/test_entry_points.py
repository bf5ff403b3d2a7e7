# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role says of its variables in three places: argument_specs (the reference is made of it), defaults, README."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.egee.box.plugins.module_utils._plan_model import DomainPlan, MachinePlan
from jinja2 import ChainableUndefined
from jinja2.nativetypes import NativeEnvironment

ROOT = Path(__file__).parents[3]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
Options = dict[str, dict[str, t.Any]]


@cache
def load(path: Path) -> t.Any:
    return yaml.safe_load(path.read_text()) or {}


def entry_points(role: Path) -> dict[str, dict[str, t.Any]]:
    return load(role / "meta" / "argument_specs.yml")["argument_specs"]


def options(role: Path) -> list[tuple[str, str, dict[str, t.Any]]]:
    """Each option of each entry point: (entry point, name, option)."""
    return [(entry, *item) for entry, spec in entry_points(role).items() for item in spec["options"].items()]


def templated(value: t.Any) -> bool:
    return isinstance(value, str) and "{{" in value


every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


@every_role
def test_each_entry_point_says_what_it_is_for(role: Path) -> None:
    for entry, spec in entry_points(role).items():
        assert {"short_description", "description", "options"} <= set(spec), entry
        assert (role / "tasks" / f"{entry}.yml").is_file(), f"no tasks for the entry point {entry}"


def included(node: t.Any) -> Iterator[tuple[str, str]]:
    """The entry points that are called anywhere in a play or task: (role, entry point)."""
    if isinstance(node, list):
        for part in node:
            yield from included(part)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in {"ansible.builtin.include_role", "ansible.builtin.import_role"}:
                yield value["name"].rpartition(".")[2], value.get("tasks_from", "main").removesuffix(".yml")
            elif key == "role":
                yield value.rpartition(".")[2], "main"
            else:
                yield from included(value)


def test_what_is_called_is_an_entry_point() -> None:
    files = [path for base in ("playbooks", "roles", "molecule") for path in (ROOT / base).rglob("*.yml")]
    called = {call for path in files for call in included(load(path))}
    described = {(role.name, entry) for role in ROLES for entry in entry_points(role)}
    assert called - described == set()
    # And nothing is described that nobody calls.
    assert described - called == set()


@every_role
def test_each_optional_variable_has_its_default_in_both_places(role: Path) -> None:
    """As it is written, or as what it comes to in a site that sets nothing. None is no default.

    A number or list that follows from another variable has its default in words: the reference takes no template there.
    """
    defaults = load(role / "defaults" / "main.yml")
    for entry, name, option in options(role):
        if option.get("required"):
            assert name not in defaults, f"{entry}: {name} is required, so its default would never be missed"
            continue
        assert name in defaults, f"{entry}: {name} is neither required nor in defaults/main.yml"
        written = defaults[name]
        come_to = (
            NativeEnvironment(undefined=ChainableUndefined).from_string(written).render()
            if templated(written)
            else written
        )
        if templated(written) and option["type"] != "str" and "default" not in option:
            assert "By default" in " ".join(option["description"]), f"{entry}: {name}"
            continue
        assert option.get("default") in (written, come_to), f"{entry}: {name}"
        assert type(option.get("default")) in (type(written), type(come_to)), f"{entry}: {name}"


@pytest.mark.parametrize(
    ("role", "model"), [("docker_domain", DomainPlan), ("docker_machine", MachinePlan)], ids=["a domain", "a machine"]
)
def test_a_role_that_is_handed_the_plan_of_its_host_takes_all_of_it(role: str, model: t.Any) -> None:
    for entry, spec in entry_points(ROOT / "roles" / role).items():
        assert set(spec["options"][f"{role}_plan"]["options"]) == set(t.get_type_hints(model)), entry


@every_role
def test_defaults_hold_nothing_else(role: Path) -> None:
    assert set(load(role / "defaults" / "main.yml")) <= {name for _entry, name, _option in options(role)}


@every_role
def test_a_variable_is_the_same_in_every_entry_point(role: Path) -> None:
    known: Options = {}
    for entry, name, option in options(role):
        assert re.match(f"{role.name}_[a-z0-9_]+$", name), f"{entry}: {name} has not the role's prefix"
        first = known.setdefault(name, option)
        for key in ("type", "elements", "choices", "default", "options", "no_log"):
            assert option.get(key) == first.get(key), f"{entry}: {key} of {name}"


def kept(given: t.Any, made: t.Any) -> bool:
    """Whether all that was given is still the same, of the same type. What was not given may have been added."""
    if isinstance(given, dict):
        return all(kept(value, made[key]) for key, value in given.items())
    if isinstance(given, list):
        return len(given) == len(made) and all(map(kept, given, made))
    return type(given) is type(made) and given == made


def mistyped(wanted: Options, values: dict[str, t.Any]) -> list[str]:
    """What Ansible would say of values or turn into another type. What a run has yet to make is left out."""
    known = {name: value for name, value in values.items() if not any(mark in str(value) for mark in ("{{", "{%"))}
    spec = {name: {**option, "required": False, "default": None} for name, option in wanted.items()}
    found = ArgumentSpecValidator(spec).validate(known)
    made = found.validated_parameters
    return found.error_messages or [name for name, value in known.items() if not kept(value, made[name])]


@every_role
def test_each_default_is_of_its_type(role: Path) -> None:
    for entry, name, option in options(role):
        if option.get("default") is not None:
            assert mistyped({name: option}, {name: option["default"]}) == [], entry


def examples(role: Path) -> list[dict[str, t.Any]]:
    """The variables that each example in the README gives to the role."""
    found = []
    for block in re.findall(r"^```yaml\n(.*?)^```$", (role / "README.md").read_text(), re.M | re.S):
        for play in yaml.safe_load(block):
            for call in play.get("roles", []) if isinstance(play, dict) else []:
                if call["role"] == f"egee.box.{role.name}":
                    inline = {key: value for key, value in call.items() if key.startswith(f"{role.name}_")}
                    found.append({**play.get("vars", {}), **call.get("vars", {}), **inline})
    return found


@every_role
def test_the_examples_of_the_readme_would_be_accepted(role: Path) -> None:
    wanted = entry_points(role)["main"]["options"]
    for given in examples(role):
        given = {name: value for name, value in given.items() if name.startswith(f"{role.name}_")}
        assert mistyped(wanted, given) == []
        required = {name for name, option in wanted.items() if option.get("required")}
        assert required - set(given) == set()


# What may begin with a role's name: variables of any role, roles, modules and programs.
NAMES = {name for role in ROLES for _entry, name, _option in options(role)} | {role.name for role in ROLES}
NAMES |= {path.stem for base in ("plugins/modules", "roles") for path in (ROOT / base).rglob("*.py")}


@every_role
def test_the_readme_names_each_entry_point_and_no_variable_that_is_not_there(role: Path) -> None:
    text = (role / "README.md").read_text()
    for entry in set(entry_points(role)) - {"main"}:
        assert re.search(rf"\b{entry}\b", text), f"README.md says nothing of the entry point {entry}"
    assert "[defaults/main.yml](defaults/main.yml)" in text
    tags_and_facts = "".join(path.read_text() for path in (role / "tasks").glob("*.yml"))
    for name in set(re.findall(rf"`({role.name}_[a-z0-9_]+)\b", text)) - NAMES:
        assert re.search(rf"\b{name}\b", tags_and_facts), f"there is no {name}"
