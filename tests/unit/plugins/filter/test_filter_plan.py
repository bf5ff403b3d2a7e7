# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter's part: which variables it reads, and how it stands those that cannot be read."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleUndefinedVariable
from ansible_collections.egee.box.plugins.filter.plan import plan_of
from ansible_collections.egee.box.plugins.module_utils._plan import VARIABLES

DOM0, UI = "m1.site.test", "ui.site.test"
GROUPS = {"dom0s": [DOM0], "domains": [UI], "all": [DOM0, UI, "printer.site.test"]}
SITE: dict[str, dict[str, Any]] = {
    DOM0: {
        "machine_memory": 2048,
        "machine_dom0_memory": 1024,
        "machine_cpus": 2,
        "machine_address": "10.1.0.1/24",
    },
    UI: {
        "domain_dom0": DOM0,
        "domain_memory": 256,
        "domain_release": "trixie",
        "domain_root_size": 2048,
        "domain_address": "10.1.0.2/24",
        "ansible_facts": {"much": "of it"},
    },
}


class FakeHostVars(Mapping[str, Any]):
    """A test double of one host's variables: notes what is read, and fails where a template would."""

    def __init__(self, variables: dict[str, Any], failing: str = "") -> None:
        self._variables = variables
        self._failing = failing
        self.read: list[str] = []

    def __getitem__(self, name: str) -> Any:
        if name == self._failing:
            raise AnsibleUndefinedVariable("'nosuch' is undefined")
        self.read.append(name)
        return self._variables[name]

    def __contains__(self, name: object) -> bool:
        return name in self._variables

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def test_only_the_models_variables_of_the_sites_hosts_are_read_and_each_once() -> None:
    hosts = {name: FakeHostVars(variables) for name, variables in SITE.items()}
    assert plan_of(hosts, GROUPS)["faults"] == []
    for host in hosts.values():
        assert len(set(host.read)) == len(host.read)
        assert set(host.read) <= set(VARIABLES)


def test_a_variable_whose_template_fails_is_a_fault_among_the_others() -> None:
    hosts = {DOM0: FakeHostVars(SITE[DOM0], "machine_cpus"), UI: FakeHostVars({**SITE[UI], "domain_memory": 1})}
    assert [(fault["host"], fault["variable"], fault["fault"]) for fault in plan_of(hosts, GROUPS)["faults"]] == [
        (DOM0, "machine_cpus", "cannot be worked out: 'nosuch' is undefined"),
        (UI, "domain_memory", "is less than 100 MiB"),
    ]


def test_what_is_no_plain_data_is_shown_as_text() -> None:
    hosts = {**SITE, UI: {**SITE[UI], "domain_memory": datetime.date(2026, 1, 2), "domain_dom0": (DOM0, DOM0)}}
    assert [fault["value"] for fault in plan_of(hosts, GROUPS)["faults"]] == [[DOM0, DOM0], "2026-01-02"]


def test_a_root_filesystem_is_looked_for_on_the_controller(tmp_path: Path) -> None:
    root = tmp_path / "ui.tar.zst"
    hosts = {**SITE, UI: {**SITE[UI], "domain_release": str(root)}}
    assert [fault["fault"] for fault in plan_of(hosts, GROUPS)["faults"]] == ["is no file on the controller"]
    root.touch()
    assert plan_of(hosts, GROUPS)["domains"][UI]["release_kind"] == "tarball"
