# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.egee.box.plugins.module_utils._rootfs_image import UNFINISHED, Image, Seed, due
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError, CommandRunner

RUNNER = CommandRunner()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc" / "hostname").symlink_to("/proc/nowhere")
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        archive.add(tree, ".")
    return tmp_path / "root.tar"


def image(path: Path, tarball: Path | None, *seeds: dict[str, Any], key: str = "k") -> Image:
    full = [{"content": None, "link": None, "mode": "0644", **seed} for seed in seeds]
    return Image.read({"path": str(path), "size": 8, "tarball": tarball and str(tarball), "key": key, "seeds": full})


def debugfs(path: Path, request: str) -> str:
    argv = ["/usr/sbin/debugfs", "-R", request, str(path)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_an_image_holds_the_tarball_and_the_seeds(tmp_path: Path, root: Path) -> None:
    seeds = [
        {"path": "/etc/hostname", "content": "voms.egee.test\n"},
        {"path": "/etc/ssh/key", "content": "secret", "mode": "0600"},
        {"path": "/etc/wants/x.service", "link": "/usr/lib/x.service"},
    ]
    disk = image(tmp_path / "disk.raw", root, *seeds)
    assert due([disk], [], RUNNER) == ([disk], [])
    disk.build(RUNNER, tmp_path)
    assert debugfs(disk.path, "cat /etc/hostname") == "voms.egee.test\n"
    assert "100600" in debugfs(disk.path, "ls -l /etc/ssh")
    assert "/usr/lib/x.service" in debugfs(disk.path, "stat /etc/wants/x.service")
    assert disk.path.stat().st_size == 8 * 1024 * 1024
    assert due([disk], [], RUNNER) == ([], [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk.raw", "root.tar", "tree"]


def test_a_disk_made_from_something_else_is_named_and_left_alone(tmp_path: Path, root: Path) -> None:
    disk = image(tmp_path / "disk.raw", root)
    disk.build(RUNNER, tmp_path)
    newer = image(tmp_path / "disk.raw", root, key="other")
    assert due([newer], [], RUNNER) == ([], [newer])
    assert due([newer], [newer.path], RUNNER) == ([newer], [])


def test_an_unfinished_disk_is_made_again(tmp_path: Path, root: Path) -> None:
    disk = image(tmp_path / "disk.raw", root)
    disk.build(RUNNER, tmp_path)
    RUNNER.write(["e2label", str(disk.path), UNFINISHED])
    assert due([disk], [], RUNNER) == ([disk], [])


def test_what_is_no_file_system_is_refused_all_at_once(tmp_path: Path) -> None:
    for name in ("a.raw", "b.raw"):
        (tmp_path / name).write_bytes(b"data" * 1024)
    with pytest.raises(BoxError, match="(?s)a.raw: holds something.*b.raw: holds something"):
        due([image(tmp_path / "a.raw", None), image(tmp_path / "b.raw", None)], [], RUNNER)


def test_a_device_that_is_not_there_is_not_made_as_a_file() -> None:
    with pytest.raises(BoxError, match="is no device of the builder"):
        due([image(Path("/dev/nowhere/voms-root"), None)], [], RUNNER)


def test_a_seed_replaces_a_link_and_does_not_follow_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine", encoding="utf-8")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "resolv.conf").symlink_to(outside)
    Seed("/resolv.conf", "new", None, 0o644).plant(tree)
    assert outside.read_text(encoding="utf-8") == "mine"
    assert (tree / "resolv.conf").read_text(encoding="utf-8") == "new"


def test_a_seed_does_not_get_out_of_the_root(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "etc").symlink_to(tmp_path)
    with pytest.raises(BoxError, match="leads out of the root"):
        Seed("/etc/passwd", "x", None, 0o644).plant(tree)
