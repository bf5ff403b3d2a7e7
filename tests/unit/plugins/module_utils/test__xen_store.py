# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Xen's files in dom0, on a real file system."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._xen_store import Store

NAME = "ce.egee.test"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "xen").mkdir()
    return Store(tmp_path / "xen", tmp_path / "save")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_configuration_appears_whole_and_readable(store: Store) -> None:
    assert store.config(NAME) is None
    store.write_config(NAME, 'name = "ce.egee.test"\n')
    store.write_config(NAME, 'name = "ce.egee.test"\nmemory = 1\n')
    assert store.config(NAME) == 'name = "ce.egee.test"\nmemory = 1\n'
    assert names(store.config_dir) == ["ce.egee.test.cfg"]
    assert store.config_path(NAME).stat().st_mode & 0o777 == 0o644


def test_only_what_names_a_domain_is_one(store: Store) -> None:
    store.write_config(NAME, 'name = "ce.egee.test"\n')
    (store.config_dir / "other.cfg").write_text("colour = 3\n")
    (store.config_dir / "strange.cfg").write_bytes(b"\xff\xfe\n")
    assert store.defined() == [NAME]


def test_a_domain_has_one_place_in_the_boot_order(store: Store) -> None:
    store.write_config(NAME, "")
    store.set_order(NAME, 5)
    store.set_order("other-ce.egee.test", 6)
    assert store.order(NAME) == [5]
    link = store.auto_dir / "05-ce.egee.test"
    assert link.resolve() == store.config_path(NAME)
    store.set_order(NAME, 20)
    assert names(store.auto_dir) == ["06-other-ce.egee.test", "20-ce.egee.test"]
    store.set_order(NAME, None)
    assert names(store.auto_dir) == ["06-other-ce.egee.test"]


def test_a_link_that_someone_added_goes_away(store: Store) -> None:
    store.set_order(NAME, 5)
    (store.auto_dir / "7-ce.egee.test").symlink_to("../ce.egee.test.cfg")
    assert store.order(NAME) == [5, 7]
    store.set_order(NAME, 5)
    assert store.order(NAME) == [5]


def test_a_saved_domain_is_not_started_at_boot(store: Store) -> None:
    store.set_order(NAME, 5)
    store.begin_image(NAME)
    assert names(store.auto_dir) == ["05-ce.egee.test"]
    store.show_image(NAME)
    assert (names(store.auto_dir), store.order(NAME)) == ([".05-ce.egee.test"], [5])
    store.set_order(NAME, 6)
    assert (names(store.auto_dir), store.order(NAME)) == ([".06-ce.egee.test"], [6])
    store.hide_image(NAME)
    assert (names(store.auto_dir), store.order(NAME)) == (["06-ce.egee.test"], [6])


def test_a_place_that_stayed_hidden_when_someone_else_restored_the_domain_is_none(store: Store) -> None:
    store.set_order(NAME, 5)
    store.begin_image(NAME)
    store.show_image(NAME)
    store.image_path(NAME).unlink()
    assert store.order(NAME) == []
    store.set_order(NAME, 5)
    assert names(store.auto_dir) == ["05-ce.egee.test"]


def test_an_image_that_is_written_or_read_is_hidden(store: Store) -> None:
    assert store.saved() == []
    store.begin_image(NAME)
    store.part(NAME).write_text("memory")
    assert store.save_dir.stat().st_mode & 0o777 == 0o700
    assert store.part(NAME).stat().st_mode & 0o777 == 0o600
    assert (store.saved(), store.image(NAME)) == ([], None)
    store.show_image(NAME)
    assert (store.saved(), store.image(NAME)) == ([NAME], store.save_dir / NAME)
    store.hide_image(NAME)
    assert store.image(NAME) is None
    store.remove_image(NAME)
    assert names(store.save_dir) == []


def test_users_of_a_volume_are_found_by_its_whole_name(store: Store) -> None:
    store.write_config("a", 'name = "a"\ndisk = ["vdev=xvda,target=/dev/vg0/root"]\n')
    store.write_config("b", 'name = "b"\ndisk = ["vdev=xvda,target=/dev/vg0/root2"]\n')
    store.write_config("c", 'name = "c"\ndisk = ["phy:/dev/vg0/root,xvda,w"]\n')
    assert store.others_using("/dev/vg0/root", "a") == ["c"]


def test_check_mode_writes_nothing(store: Store, tmp_path: Path) -> None:
    store.write_config(NAME, 'name = "ce.egee.test"\n')
    store.set_order(NAME, 5)
    store.begin_image(NAME)
    store.show_image(NAME)
    dry = Store(store.config_dir, store.save_dir, check_mode=True)
    dry.write_config("new", "")
    dry.remove_config(NAME)
    dry.set_order(NAME, 6)
    dry.hide_image(NAME)
    dry.show_image("new")
    dry.remove_image(NAME)
    Store(tmp_path, tmp_path / "none", check_mode=True).begin_image(NAME)
    assert names(tmp_path) == ["save", "xen"]
    assert (names(store.config_dir), names(store.save_dir)) == (["auto", "ce.egee.test.cfg"], [NAME])
    assert store.order(NAME) == [5]
