# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils import _rootfs_work
from ansible_collections.egee.box.plugins.module_utils._rootfs_work import mirrors_of_builder, workplace
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.tests.unit.scripted_runner import Expected, ScriptedRunner

ASK = "apt-get indextargets --format $(ORIGIN)|$(REPO_URI)|$(CODENAME)|$(COMPONENT) Created-By: Packages"


@pytest.fixture(autouse=True)
def bookworm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os_release = tmp_path / "os-release"
    os_release.write_text('NAME="Debian"\nVERSION_CODENAME=bookworm\n', encoding="utf-8")
    monkeypatch.setattr(_rootfs_work, "OS_RELEASE", os_release)


def test_the_builders_own_mirrors_serve_any_release() -> None:
    rows = [
        "Debian|http://deb.test/debian/|bookworm|main",
        "Debian|http://deb.test/debian/|bookworm|contrib",
        "Debian|http://deb.test/debian/|bookworm-updates|main",
        "Debian|http://deb.test/security/|bookworm-security|main",
        "Docker|http://docker.test/debian/|bookworm|stable",
        "Debian|http://deb.test/debian/|sid|main",
    ]
    assert mirrors_of_builder(ScriptedRunner(Expected(ASK, stdout="\n".join(rows)))) == (
        "deb http://deb.test/debian/ {release} main",
        "deb http://deb.test/debian/ {release}-updates main",
        "deb http://deb.test/security/ {release}-security main",
    )


def test_a_builder_without_mirrors_is_told_what_to_do() -> None:
    with pytest.raises(BoxError, match="run apt-get update there, or set rootfs_mirrors"):
        mirrors_of_builder(ScriptedRunner(Expected(ASK)))


def test_two_builds_of_one_thing_take_turns(tmp_path: Path) -> None:
    product, inside, seen = tmp_path / "cache" / "x.tar", threading.Event(), []

    def second() -> None:
        inside.wait()
        with workplace(product) as work:
            seen.append(work)

    other = threading.Thread(target=second)
    other.start()
    with workplace(product) as work:
        assert work is not None
        inside.set()
        other.join(0.2)
        assert other.is_alive()
        (work / "root.tar").touch()
        (work / "root.tar").rename(product)
    other.join()
    assert seen == [None]
    assert list(product.parent.iterdir()) == [product]
