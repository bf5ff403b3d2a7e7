# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""File systems for domains, made natively from a tarball and from what the host shall be. Private to the collection.

What a file system was made from is written into it, as its label, when it is complete. So there is
no second record that could disagree, and an interrupted build is known for what it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.egee.box.plugins.module_utils._rootfs import TAR
from ansible_collections.egee.box.plugins.module_utils._rootfs_work import run, workplace
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError, Runner

# An ext superblock: where it is, its magic number, and its 16 bytes of label.
SUPERBLOCK, MAGIC, LABEL = 1024, slice(56, 58), slice(120, 136)
EXT_MAGIC = b"\x53\xef"
UNFINISHED = "unfinished"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Seed:
    """A file, or a symbolic link, that the host has from its first start on."""

    path: str
    content: str | None
    link: str | None
    mode: int

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Seed:
        return cls(entry["path"], entry["content"], entry["link"], int(entry["mode"], 8))

    def plant(self, root: Path) -> None:
        """Put it into a root. What is there may be a link, and must not lead out of the root."""
        target = root / self.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(root.resolve()):
            raise BoxError(f"{self.path}: its directory is a link that leads out of the root; name where it leads")
        target.unlink(missing_ok=True)
        if self.link is not None:
            target.symlink_to(self.link)
            return
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self.mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, self.mode)
            file.write(self.content or "")


@dataclass(frozen=True)
class Image:
    """A file system in a file or on a block device; of a tarball, or empty."""

    path: Path
    # MiB; of no matter to a block device, which has its own.
    size: int
    tarball: Path | None
    # What the tarball is made of, in a word.
    key: str
    seeds: tuple[Seed, ...]

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Image:
        tarball = Path(entry["tarball"]) if entry["tarball"] else None
        seeds = tuple(Seed.read(seed) for seed in entry["seeds"])
        return cls(Path(entry["path"]), entry["size"], tarball, entry["key"], seeds)

    @property
    def label(self) -> str:
        """What it is made from, as far as it fits into a label."""
        seeds = sorted((seed.path, seed.content, seed.link, seed.mode) for seed in self.seeds)
        return hashlib.sha256(json.dumps([self.key, seeds]).encode()).hexdigest()[:16]

    @property
    def is_device(self) -> bool:
        return self.path.exists() and stat.S_ISBLK(self.path.stat().st_mode)

    def found(self, runner: Runner) -> str | None:
        """The label of the file system that is there, or None if there is none. Never guesses about other content."""
        if not self.path.exists():
            if self.path.is_relative_to("/dev"):
                raise BoxError(f"{self.path}: is no device of the builder; make the volume first")
            return None
        with self.path.open("rb") as file:
            file.seek(SUPERBLOCK)
            block = file.read(LABEL.stop)
        if block[MAGIC] == EXT_MAGIC:
            return block[LABEL].rstrip(b"\0").decode("ascii", "replace")
        if self.is_device and runner.read(["blkid", "--probe", str(self.path)], check=False).rc == 2:
            return None
        raise BoxError(f"{self.path}: holds something that is no ext4 file system; look what it is, then remove it")

    def build(self, runner: Runner, work_dir: Path) -> None:
        """Make the file system. It bears its label only when it is complete."""
        product = work_dir / f"{self.label}.device" if self.is_device else self.path.with_name(self.path.name + ".new")
        with workplace(product) as work:
            if not work:
                return
            target = self.path if self.is_device else work / "image"
            tree = work / "root"
            tree.mkdir()
            if self.tarball:
                run(runner, [*TAR.split(), "-C", str(tree), "-xpf", str(self.tarball)], f"{self.path}")
            for seed in self.seeds:
                seed.plant(tree)
            if not self.is_device:
                with target.open("wb") as file:
                    file.truncate(self.size * MIB)
            # What mkfs leaves for later, the domain's kernel would do at its first start, where it is dear.
            make = ["mkfs.ext4", "-q", "-F", "-L", UNFINISHED, "-E", "lazy_itable_init=0,lazy_journal_init=0"]
            run(runner, [*make, "-d", str(tree), str(target)], f"{self.path}")
            run(runner, ["e2label", str(target), self.label], f"{self.path}")
            if not self.is_device:
                target.rename(self.path)


def due(images: Sequence[Image], rebuild: Sequence[Path], runner: Runner) -> tuple[list[Image], list[Image]]:
    """What is to be made, and what is there but made from something else. All faults are reported at once."""
    make, outdated, faults = [], [], []
    for image in images:
        try:
            label = image.found(runner)
        except BoxError as error:
            faults.append(error.message)
            continue
        if label in (None, UNFINISHED) or image.path in rebuild:
            make.append(image)
        elif label != image.label:
            outdated.append(image)
    if faults:
        raise BoxError("\n".join(faults))
    return make, outdated
