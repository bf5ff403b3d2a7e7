# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of Xen domains in dom0: configurations, boot order, saved images. Private to the collection.

Their places are those of Xen's own init script, xendomains, which starts, saves and restores by them.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

CONFIG_DIR = Path("/etc/xen")
SAVE_DIR = Path("/var/lib/xen/save")


class Store:
    """Reads always, writes unless in check mode; every file appears whole or not at all."""

    def __init__(self, config_dir: Path = CONFIG_DIR, save_dir: Path = SAVE_DIR, *, check_mode: bool = False) -> None:
        self.config_dir = config_dir
        self.auto_dir = config_dir / "auto"
        self.save_dir = save_dir
        self.check_mode = check_mode

    def config_path(self, name: str) -> Path:
        return self.config_dir / f"{name}.cfg"

    def image_path(self, name: str) -> Path:
        return self.save_dir / name

    def config(self, name: str) -> str | None:
        path = self.config_path(name)
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None

    def defined(self) -> list[str]:
        """The names of all domains that have a configuration here."""
        names = (path.stem for path in self.config_dir.glob("*.cfg"))
        return sorted(name for name in names if re.search(r"(?m)^\s*name\s*=", self.config(name) or ""))

    def saved(self) -> list[str]:
        """The names of all domains that have a saved image."""
        if not self.save_dir.is_dir():
            return []
        return sorted(path.name for path in self.save_dir.iterdir() if path.is_file() and path.name[0] != ".")

    def write_config(self, name: str, text: str) -> None:
        if self.check_mode:
            return
        with tempfile.NamedTemporaryFile("w", dir=self.config_dir, encoding="utf-8", delete=False) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        path = Path(file.name)
        path.chmod(0o644)
        path.replace(self.config_path(name))

    def remove_config(self, name: str) -> None:
        if not self.check_mode:
            self.config_path(name).unlink(missing_ok=True)

    def order(self, name: str) -> list[int]:
        """The places that the domain has in the boot order: one at most, unless someone meddled."""
        hidden = self.image(name) is not None
        return sorted(_place(link) for link in self._links(name) if link.name.startswith(".") == hidden)

    def set_order(self, name: str, order: int | None) -> None:
        if self.check_mode:
            return
        wanted = None if order is None else self.auto_dir / self._link_name(name, order)
        for link in self._links(name):
            if link != wanted:
                link.unlink()
        if wanted is not None and not wanted.is_symlink():
            self.auto_dir.mkdir(mode=0o755, exist_ok=True)
            wanted.symlink_to(Path("..") / self.config_path(name).name)

    def _link_name(self, name: str, order: int) -> str:
        """Hidden while the domain is saved: a boot must not start it anew, over the disks that its image
        goes with."""
        return f"{'.' if self.image(name) else ''}{order:02d}-{name}"

    def _links(self, name: str) -> list[Path]:
        if not self.auto_dir.is_dir():
            return []
        return [path for path in self.auto_dir.iterdir() if re.fullmatch(rf"\.?[0-9]+-{re.escape(name)}", path.name)]

    def _follow_image(self, name: str) -> None:
        places = [_place(link) for link in self._links(name)]
        self.set_order(name, places[0] if places else None)

    def image(self, name: str) -> Path | None:
        path = self.image_path(name)
        return path if path.is_file() else None

    def part(self, name: str) -> Path:
        """Where an image is while it is written or read. A power cut then leaves nothing that would be
        restored over disks that have gone on: xendomains, too, passes over hidden files."""
        return self.save_dir / f".{name}.part"

    def begin_image(self, name: str) -> None:
        """Make a place that only root can read: a memory image holds all secrets of its domain."""
        if not self.check_mode:
            self.save_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.remove_image(name)
            self.part(name).touch(mode=0o600)

    def hide_image(self, name: str) -> None:
        if not self.check_mode:
            self.image_path(name).replace(self.part(name))
            self._follow_image(name)

    def show_image(self, name: str) -> None:
        if not self.check_mode:
            self.part(name).replace(self.image_path(name))
            self._follow_image(name)

    def remove_image(self, name: str) -> None:
        if not self.check_mode:
            self.image_path(name).unlink(missing_ok=True)
            self.part(name).unlink(missing_ok=True)
            self._follow_image(name)

    def others_using(self, path: str, name: str) -> list[str]:
        """Which other domains' configurations name a volume."""
        word = re.compile(rf"(?<![\w/.-]){re.escape(path)}(?![\w/.-])")
        return [other for other in self.defined() if other != name and word.search(self.config(other) or "")]


def _place(link: Path) -> int:
    return int(link.name.lstrip(".").split("-")[0])
