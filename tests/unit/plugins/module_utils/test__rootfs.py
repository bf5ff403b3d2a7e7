# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.egee.box.plugins.module_utils._rootfs import (
    HOLD,
    Debian,
    Given,
    Imaged,
    Settings,
    build,
    missing,
    tarball,
)
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError, Run, Runner

MIRROR = "deb http://mirror.test/debian {release} main"


def settings(cache: Path, **other: Any) -> Settings:
    return Settings(cache_dir=cache, base_packages=("systemd",), mirrors=(MIRROR,), keyring="/ring.gpg", **other)


class Builder:
    """A test double for the runner: stands for mmdebstrap and the like, which leave a tarball where they are told."""

    check_mode = False
    last: Run | None = None

    def __init__(self, rc: int = 0, table: str = "") -> None:
        self.rc = rc
        self.table = table
        self.calls: list[list[str]] = []

    def read(self, argv: Any, *, check: bool = True, data: str | None = None, timeout: float | None = None) -> Run:
        self.calls.append(list(argv))
        return Run(tuple(argv), 0 if self.table else 1, self.table)

    def write(self, argv: Any, *, check: bool = True, data: str | None = None, timeout: float | None = None) -> Run:
        self.calls.append(list(argv))
        if self.rc == 0:
            next(Path(word) for word in argv if word.endswith("/root.tar")).write_text(" ".join(argv), encoding="utf-8")
        return Run(tuple(argv), self.rc, stderr="E: Unable to locate package nonsense")

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a build waits for nothing")


def test_the_key_is_the_content(tmp_path: Path) -> None:
    plain = Debian(settings(tmp_path), "trixie", ("a", "b"))
    assert tarball(settings(tmp_path), "trixie", ["b", "a", "a"], {}).key == plain.key
    others = [
        Debian(settings(tmp_path), "bookworm", ("a", "b")),
        Debian(settings(tmp_path), "trixie", ("a",)),
        Debian(settings(tmp_path), "trixie", ("a", "b"), (("/etc/x", "y"),)),
        Debian(settings(tmp_path, edition="2"), "trixie", ("a", "b")),
        Debian(settings(tmp_path, masked_units=("x.timer",)), "trixie", ("a", "b")),
        Debian(settings(tmp_path, start_services=False), "trixie", ("a", "b")),
    ]
    assert len({each.key for each in (plain, *others)}) == 7


def test_services_wait_on_top_of_the_same_base(tmp_path: Path) -> None:
    plain, waiting = (Debian(settings(tmp_path, start_services=start), "trixie", ("a",)) for start in (True, False))
    assert plain.base == waiting.base
    assert HOLD not in " ".join(plain.recipe(tmp_path))
    hooks = [word for word in waiting.recipe(tmp_path) if word.startswith("--customize-hook")]
    known, held = (next(n for n, hook in enumerate(hooks) if what in hook) for what in ("/known", HOLD))
    assert known < next(n for n, hook in enumerate(hooks) if "apt-get install" in hook) < held


def test_what_packages_enabled_is_held_until_the_first_start_is_over(tmp_path: Path) -> None:
    units = tmp_path / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for name in ("sql.service", "sql@.service", "rotate.timer"):
        (units / name).touch()
    ours = tmp_path / "etc/systemd/system"
    ours.mkdir(parents=True)
    (tmp_path / "known").touch()
    (tmp_path / "enabled").write_text("rotate.timer\nsql.service\n", encoding="utf-8")
    subprocess.run(["sh", "-c", HOLD, "sh", str(tmp_path)], check=True)
    held = {drop_in.parent.name: drop_in.read_text(encoding="utf-8") for drop_in in ours.glob("*.d/*.conf")}
    assert held == {
        f"{unit}.d": "[Unit]\nConditionPathExists=!/etc/first-start\n"
        for unit in ("sql.service", "sql@.service", "rotate.timer")
    }
    assert (tmp_path / "etc/first-start").exists()
    assert "After=rotate.timer sql.service\n" in (ours / "first-start.service").read_text(encoding="utf-8")
    assert (ours / "multi-user.target.wants/first-start.service").exists()
    assert not list(tmp_path.glob("known")) + list(tmp_path.glob("enabled"))


def test_the_key_is_the_same_whatever_the_mirrors_name(tmp_path: Path) -> None:
    there = Settings(cache_dir=tmp_path, mirrors=("deb http://a.test/debian {release} main",))
    elsewhere = Settings(cache_dir=tmp_path, mirrors=("deb http://b.test/debian {release} main",))
    assert Debian(there, "trixie").key == Debian(elsewhere, "trixie").key


def test_bases_come_before_what_is_made_of_them(tmp_path: Path) -> None:
    wanted = [tarball(settings(tmp_path), "trixie", packages, {}) for packages in (["a"], ["b"], [], ["a"])]
    first, second = missing(wanted)
    assert [each.path for each in first] == [wanted[2].path]
    assert [each.path for each in second] == [wanted[0].path, wanted[1].path]


def test_what_is_there_is_not_built(tmp_path: Path) -> None:
    root = tarball(settings(tmp_path), "trixie", [], {})
    root.path.touch()
    assert missing([root]) == [[], []]


def test_a_build_leaves_the_tarball_and_nothing_else(tmp_path: Path) -> None:
    root = tarball(settings(tmp_path), "trixie", ["voms-server"], {"/etc/seed": "x"})
    runners: list[Builder] = []

    def runner() -> Runner:
        runners.append(Builder())
        return runners[-1]

    build(missing([root]), 2, runner)
    assert root.base
    assert sorted(tmp_path.iterdir()) == sorted([root.path, root.base.path])
    base, extended = (" ".join(runner.calls[0]) for runner in runners)
    assert "--variant=minbase" in base and "--include=systemd" in base
    assert base.endswith("deb http://mirror.test/debian trixie main")
    assert str(root.base.path) in extended and "apt-get install --yes voms-server" in extended
    assert missing([root]) == [[], []]


def test_a_failed_build_leaves_nothing_and_says_which(tmp_path: Path) -> None:
    root = tarball(settings(tmp_path), "trixie", [], {})
    with pytest.raises(BoxError, match="(?s)trixie with its base packages: ended with 25.*Unable to locate package"):
        build(missing([root]), 2, lambda: Builder(rc=25))
    assert not root.path.exists()


def test_what_a_dead_build_left_is_in_nobodys_way(tmp_path: Path) -> None:
    root = tarball(settings(tmp_path), "trixie", [], {})
    left = tmp_path / f".{root.path.name}.work" / "etc"
    left.mkdir(parents=True)
    build(missing([root]), 1, Builder)
    assert root.path.exists() and not left.exists()


def test_a_tarball_made_by_others_is_used_as_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "mine.tar.gz"
    mine.write_text("x", encoding="utf-8")
    root = tarball(settings(tmp_path), str(mine), ["ignored"], {})
    assert isinstance(root, Given) and root.path == mine and missing([root]) == [[], []]
    before = root.key
    mine.write_text("other", encoding="utf-8")
    assert root.key != before


def test_of_an_image_the_largest_linux_partition_is_taken(tmp_path: Path) -> None:
    image = tmp_path / "mine.raw"
    image.write_text("x", encoding="utf-8")
    root = tarball(settings(tmp_path), str(image), [], {})
    assert isinstance(root, Imaged)
    builder = Builder(table="8 9 0fc63daf-8483-4772-8e79-3d69d8477de4\n64 99 0x83\n1 999 0x82\n")
    root.build(builder)
    assert str(64 * 512) in builder.calls[-1] and root.path.exists()


def test_an_image_without_a_linux_partition_is_refused(tmp_path: Path) -> None:
    image = tmp_path / "mine.raw"
    image.write_text("x", encoding="utf-8")
    with pytest.raises(BoxError, match="has no Linux partition"):
        tarball(settings(tmp_path), str(image), [], {}).build(Builder(table="1 999 0x82\n"))


def test_an_image_without_partitions_is_one_file_system(tmp_path: Path) -> None:
    image = tmp_path / "mine.img"
    image.write_text("x", encoding="utf-8")
    builder = Builder()
    tarball(settings(tmp_path), str(image), [], {}).build(builder)
    assert "0" in builder.calls[-1]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BoxError, match="/nowhere.tar: is not on the builder"):
        tarball(settings(tmp_path), "/nowhere.tar", [], {})
