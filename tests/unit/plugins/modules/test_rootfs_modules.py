# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of root filesystems would do; to do it takes root and a mirror."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.egee.box.plugins.modules import rootfs, rootfs_image

Call = t.Callable[..., dict[str, t.Any]]


def roots(cache: Path) -> dict[str, t.Any]:
    hosts = [{"name": f"{name}.egee.test", "release": "trixie", "packages": ["voms"]} for name in ("a", "b")]
    return {"roots": hosts, "cache_dir": str(cache), "base_packages": ["ssh"], "_ansible_check_mode": True}


def test_hosts_with_the_same_packages_share_a_tarball_that_is_built_once(call: Call, tmp_path: Path) -> None:
    first = call(rootfs, **roots(tmp_path))
    path = first["roots"]["a.egee.test"]["path"]
    assert first["changed"] and first["roots"]["b.egee.test"]["path"] == path
    # What is added to the golden base comes after it.
    assert first["built"][-1] == path
    assert first["diff"] == {"before": "", "after": "".join(f"{each}\n" for each in first["built"])}
    assert list(tmp_path.iterdir()) == []

    for each in first["built"]:
        Path(each).touch()
    again = call(rootfs, **roots(tmp_path))
    assert (again["changed"], again["built"], again["roots"]) == (False, [], first["roots"])


def test_check_mode_says_what_image_would_be_made_and_makes_none(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "voms.raw"
    wanted = {"images": [{"path": str(path), "size": 8}], "_ansible_check_mode": True}
    fresh = call(rootfs_image, **wanted)
    assert (fresh["changed"], fresh["made"], fresh["outdated"]) == (True, [str(path)], [])
    assert fresh["diff"] == {"before": "", "after": f"{path}\n"}
    assert not path.exists()


def test_a_seed_is_a_file_or_a_link(call: Call, tmp_path: Path) -> None:
    seed = {"path": "/etc/x", "content": "said", "link": "/y"}
    result = call(rootfs_image, images=[{"path": str(tmp_path / "x"), "size": 8, "seeds": [seed]}])
    assert result["failed"]
    assert "mutually exclusive" in result["msg"]
