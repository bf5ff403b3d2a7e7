# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules are called as Ansible calls them: with their arguments, for what they print before they exit."""

from __future__ import annotations

import json
import typing as t
from types import ModuleType

import pytest
from ansible.module_utils.testing import patch_module_args

Result = dict[str, t.Any]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> t.Callable[..., Result]:
    def run(module: ModuleType, **args: t.Any) -> Result:
        with patch_module_args({"_ansible_remote_tmp": "/tmp", **args}), pytest.raises(SystemExit):
            module.main()
        result: Result = json.loads(capsys.readouterr().out)
        return result

    return run
