# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing volumes: only what is named, a logical volume, and used by no one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._xen import Xen
from ansible_collections.egee.box.plugins.module_utils._xen_config import Definition, Disk, render
from ansible_collections.egee.box.plugins.module_utils._xen_plan import Change
from ansible_collections.egee.box.plugins.module_utils._xen_store import Store
from ansible_collections.egee.box.plugins.module_utils._xen_volumes import LVS, Volumes, parse_lvs
from ansible_collections.egee.box.tests.unit.scripted_runner import Expected, ScriptedRunner
from ansible_collections.egee.box.tests.unit.xl_outputs import details, listing


def lv(name: str, origin: str = "", group: str = "vg0") -> dict[str, str]:
    return {
        "lv_path": f"/dev/{group}/{name}",
        "lv_dm_path": f"/dev/mapper/{group}-{name.replace('-', '--')}",
        "lv_name": name,
        "vg_name": group,
        "origin": origin,
    }


LVS_OUTPUT = json.dumps(
    {"report": [{"lv": [lv("ce-root"), lv("base"), lv("wn-root", "base"), lv("base", group="vg1"), lv("ui-root")]}]}
)
UI = Definition("ui.egee.test", 256, 256, disks=(Disk("/dev/mapper/vg0-ui--root", "xvda"),))
LOOK = Expected(" ".join(LVS), LVS_OUTPUT)
DOMAINS = [
    Expected("xl list", listing(("ui.egee.test", 4, 256, 1, "running"))),
    Expected("xl list -l", details((4, UI))),
]


def volumes(
    tmp_path: Path, runner: ScriptedRunner, *paths: str, domains: tuple[str, ...] = ("ce.egee.test",)
) -> Volumes:
    return Volumes(Xen(runner), Store(tmp_path, tmp_path / "save"), paths, domains)


def test_without_names_nothing_is_even_looked_at(tmp_path: Path) -> None:
    assert volumes(tmp_path, ScriptedRunner()).plan() == []


@pytest.mark.parametrize("path", ["/dev/vg0/ce-root", "/dev/mapper/vg0-ce--root"])
def test_a_volume_is_removed_by_the_name_that_it_was_given(tmp_path: Path, path: str) -> None:
    runner = ScriptedRunner(LOOK, *DOMAINS, Expected(f"lvremove --yes {path}"))
    removal = volumes(tmp_path, runner, path)
    changes = removal.plan()
    assert changes == [Change("volume", path, None, "remove_volume")]
    removal.remove(changes[0])
    runner.finish()


def test_a_volume_that_is_not_there_is_gone(tmp_path: Path) -> None:
    assert volumes(tmp_path, ScriptedRunner(LOOK), "/dev/vg0/gone").plan() == []


def test_the_domains_own_configuration_does_not_keep_it(tmp_path: Path) -> None:
    (tmp_path / "ce.egee.test.cfg").write_text(
        render(Definition("ce.egee.test", 1, 1, disks=(Disk("/dev/vg0/ce-root", "xvda"),)))
    )
    assert len(volumes(tmp_path, ScriptedRunner(LOOK, *DOMAINS), "/dev/vg0/ce-root").plan()) == 1


def test_a_clone_and_its_base_go_together(tmp_path: Path) -> None:
    runner = ScriptedRunner(LOOK, *DOMAINS)
    assert len(volumes(tmp_path, runner, "/dev/vg0/base", "/dev/vg0/wn-root").plan()) == 2


def test_what_must_not_go_is_refused_all_at_once(tmp_path: Path) -> None:
    image = tmp_path / "ce.img"
    image.write_text("data")
    (tmp_path / "wn.cfg").write_text('name = "wn"\nmemory = 1\ndisk = ["phy:/dev/vg0/ce-root,xvda,w"]\n')
    removal = volumes(
        tmp_path, ScriptedRunner(LOOK, *DOMAINS), str(image), "/dev/vg0/ce-root", "/dev/vg0/base", "/dev/vg0/ui-root"
    )
    with pytest.raises(BoxError) as caught:
        removal.plan()
    assert caught.value.message.splitlines() == [
        f"{image}: is not a logical volume; remove it by hand",
        "/dev/vg0/ce-root: is used by wn; take it out of that domain first",
        "/dev/vg0/base: is what /dev/vg0/wn-root was cloned from; remove that first, or name it too",
        "/dev/vg0/ui-root: is used by ui.egee.test; take it out of that domain first",
    ]


@pytest.mark.parametrize("text", ["", "LV VG", "{}", '{"report": [{}]}'])
def test_what_lvs_says_is_read_or_quoted(text: str) -> None:
    with pytest.raises(BoxError, match="lvs: cannot read its output"):
        parse_lvs(text)
