# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Ansible and PBS meet: the options that all PBS modules share, and how one ends. Private to the collection."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._pbs.client import Access, Pbs
from ansible_collections.egee.box.plugins.module_utils._pbs.flow import Steward, Task
from ansible_collections.egee.box.plugins.module_utils._runner import CommandRunner, conclude

Options = dict[str, t.Any]

ACCESS: Options = {
    "server": {"type": "str", "default": ""},
    "bin_dir": {"type": "path"},
    "timeout": {"type": "int", "default": 60},
    "connect_timeout": {"type": "int", "default": 10},
}
ATTRIBUTES: Options = {"type": "dict", "default": {}}
EXACT: Options = {"type": "bool", "default": False}
FORCE: Options = {"type": "bool", "default": False}


def present(*more: str) -> Options:
    """The option `state` of an object that may be there or not."""
    return {"type": "str", "default": "present", "choices": ["present", "absent", *more]}


def in_bulk(plural: str, options: Options) -> tuple[Options, Options]:
    """A module's options for one or many names, and for a list of objects that each have their own."""
    each = {name: {key: value for key, value in option.items() if key != "default"} for name, option in options.items()}
    spec = {
        **ACCESS,
        **options,
        "name": {"type": "list", "elements": "str"},
        plural: {"type": "list", "elements": "dict", "options": {"name": {"type": "str", "required": True}, **each}},
    }
    return spec, {"required_one_of": [("name", plural)]}


def objects(params: t.Mapping[str, t.Any], plural: str, options: t.Iterable[str]) -> list[Options]:
    """All the objects that a task names, each with its own options, and the task's where it has none."""
    common = {option: params[option] for option in options}
    found = [{"name": name, **common} for name in params["name"] or []]
    for entry in params[plural] or []:
        own = {option: value for option, value in entry.items() if value is not None}
        if "attributes" in common:
            own["attributes"] = {**(common["attributes"] or {}), **own.get("attributes", {})}
        found.append({**common, **own})
    return found


def commands(bin_dir: str | None) -> str:
    """Where qmgr and its kin are: PBS's own configuration knows."""
    if bin_dir:
        return bin_dir
    try:
        lines = Path(os.environ.get("PBS_CONF_FILE", "/etc/pbs.conf")).read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = [line.partition("=")[2].strip() for line in lines if line.startswith("PBS_EXEC=")]
    return f"{found[-1] if found else '/opt/pbs'}/bin"


def client(module: AnsibleModule) -> Pbs:
    """The PBS that the module's options mean."""
    access = Access(
        commands(module.params["bin_dir"]),
        module.params["server"],
        module.params["connect_timeout"],
        module.params["timeout"],
    )
    return Pbs(CommandRunner(check_mode=module.check_mode, timeout=access.timeout), access)


Ending = t.Callable[[Pbs, Options], None]


def run(module: AnsibleModule, task: Task, then: Ending | None = None) -> t.NoReturn:
    """Carry a task out, and end the module."""

    def work() -> Options:
        pbs = client(module)
        result = Steward(pbs, task, module.warn).run(module.check_mode)
        if then and not module.check_mode:
            then(pbs, result)
        return result

    conclude(module, work)
