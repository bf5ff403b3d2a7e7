# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""xen_domain, xen_domain_info and xen_info as Ansible calls them, on a host that has no Xen."""

from __future__ import annotations

import json
import shutil
import typing as t
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.modules import xen_domain, xen_domain_info, xen_info

pytestmark = pytest.mark.skipif(bool(shutil.which("xl")), reason="this host has Xen's tools")

Call = t.Callable[..., dict[str, t.Any]]

CE = {"name": "ce.egee.test", "memory": 512, "kernel": "/boot/vmlinuz"}


def test_info_of_a_machine_without_xen(call: Call) -> None:
    assert call(xen_info)["xen"] == {
        "running": False,
        "reason": "xl: not found; install the Xen toolstack (role xen_dom0)",
    }


def test_domains_of_a_machine_without_xen(call: Call) -> None:
    result = call(xen_domain_info)
    assert (result["failed"], result["msg"]) == (True, "xl: not found; install the Xen toolstack (role xen_dom0)")


def test_a_domain_in_check_mode(call: Call, tmp_path: Path) -> None:
    result = call(xen_domain, domains=[CE], save_dir=str(tmp_path), _ansible_check_mode=True)
    assert result["changed"]
    assert result["actions"] == ["ce.egee.test: defined", "ce.egee.test: created"]
    assert result["diff"]["after"]["ce.egee.test"]["memory"] == 512
    assert "Predicted as for a machine without domains" in json.dumps(result["warnings"])


def test_a_domain_for_real(call: Call, tmp_path: Path) -> None:
    result = call(xen_domain, domains=[CE], save_dir=str(tmp_path))
    assert (result["failed"], result["msg"]) == (True, "xl: not found; install the Xen toolstack (role xen_dom0)")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param({}, "one of the following is required: domains, name", id="nothing"),
        pytest.param({"name": ["a"], "domains": [CE]}, "parameters are mutually exclusive: domains|name", id="both"),
        pytest.param(
            {"name": ["a"], "state": "started"}, "value of state must be one of: present, running", id="state"
        ),
        pytest.param({"domains": [{"name": "ce", "memory": 1}]}, "required: kernel, bootloader", id="no kernel"),
        pytest.param(
            {"domains": [{**CE, "bootloader": "pygrub"}]}, "mutually exclusive: kernel|bootloader", id="two kernels"
        ),
        pytest.param({"domains": [{"name": "ce", "kernel": "/k"}]}, "missing required arguments: memory", id="memory"),
        pytest.param(
            {"domains": [{**CE, "weight": 0}]}, "ce.egee.test: weight is 0; set it to at least 1", id="a bad value"
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(args: dict[str, t.Any], message: str, call: Call) -> None:
    result = call(xen_domain, **args)
    assert result["failed"]
    assert message in result["msg"]
