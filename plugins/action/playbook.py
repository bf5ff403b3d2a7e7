# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.egee.box.plugins.plugin_utils._overheard import Overheard

OPTIONS = {
    "playbook": {"type": "path", "required": True},
    "inventory": {"type": "list", "elements": "path", "required": True},
    "label": {"type": "str", "default": ""},
}
# Options of this run that the other is given too, by their names among the parsed ones.
PASSED_ON = {
    "extra_vars": "--extra-vars",
    "vault_ids": "--vault-id",
    "vault_password_files": "--vault-password-file",
    "remote_user": "--user",
    "private_key_file": "--private-key",
    "forks": "--forks",
}


def passed_on(options: Mapping[str, Any]) -> Iterator[str]:
    for name, option in PASSED_ON.items():
        value = options.get(name)
        for one in value if isinstance(value, list | tuple) else [value]:
            if one:
                yield f"{option}={one}"
    if options.get("verbosity"):
        yield "-" + "v" * options["verbosity"]


class ActionModule(ActionBase):
    """Runs on the controller, and shows the other run's lines among its own as they come."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        checked = ArgumentSpecValidator(OPTIONS).validate(self._task.args)
        if checked.error_messages:
            raise AnsibleActionFail(f"playbook: {', '.join(checked.error_messages)}")
        wanted = checked.validated_parameters
        argv = [
            # That of this run, wherever it is installed.
            *(sys.executable, "-m", "ansible", "playbook"),
            *(f"--inventory={source}" for source in wanted["inventory"]),
            *(["--check"] if self._task.check_mode else []),
            *(["--diff"] if self._task.diff else []),
            *passed_on(context.CLIARGS),
            wanted["playbook"],
        ]
        overheard = Overheard()
        code = self._follow(argv, f"{wanted['label']}: " if wanted["label"] else "", overheard)
        result |= {"rc": code, "changed": overheard.changed, "failures": overheard.failures}
        if code != 0:
            sources = ", ".join(wanted["inventory"])
            failed = f"{wanted['playbook']} on {sources} ended with exit code {code}"
            result |= {"failed": True, "msg": f"{failed}. What failed: {overheard.red()}."}
        return result

    def _follow(self, argv: list[str], label: str, overheard: Overheard) -> int:
        # In the group of this process, so that whoever interrupts this run interrupts the other.
        with subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                overheard.hear(line.rstrip("\n"))
                self._display.display(f"{label}{line.rstrip()}")
        return process.returncode
