# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the builder works: one at a time on one thing, out of sight until it is done. Private to the collection."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError, Runner

# Bootstrapping takes half a minute, or many on a slow link; this only ends what hangs.
TIMEOUT = 3600
OS_RELEASE = Path("/etc/os-release")


@contextmanager
def workplace(product: Path) -> Iterator[Path | None]:
    """A scratch directory beside the product, for one build at a time; None if the product is there already.

    What a dead build left is removed first. A build of another machine's run is waited for.
    """
    product.parent.mkdir(parents=True, exist_ok=True)
    work = product.parent / f".{product.name}.work"
    with _locked(product.parent / f".{product.name}.lock"):
        if product.exists():
            yield None
            return
        _clear(work)
        work.mkdir(mode=0o755)
        try:
            yield work
        finally:
            _clear(work)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file, and remove it. Whoever waited for one that is gone by then takes a new one."""
    while True:
        with path.open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock.fileno()).st_nlink == 0:
                continue
            try:
                yield
            finally:
                path.unlink()
            return


def run(runner: Runner, argv: Sequence[str], what: str) -> None:
    """Run a builder's tool; a failure shows its last lines, which tell which package it was."""
    done = runner.write(argv, check=False, timeout=TIMEOUT)
    if done.rc:
        tail = "\n".join(done.stderr.splitlines()[-12:])
        raise BoxError(f"building {what}: ended with {done.rc}:\n{tail}")


def mirrors_of_builder(runner: Runner) -> tuple[str, ...]:
    """The Debian mirrors that the builder's own apt uses, as lines for any release.

    Suites are named after the builder's own release (bookworm, bookworm-updates,
    bookworm-security); the same suites of another release are on the same mirrors.
    """
    facts = dict(line.split("=", 1) for line in OS_RELEASE.read_text(encoding="utf-8").splitlines() if "=" in line)
    own = facts.get("VERSION_CODENAME", "").strip('"')
    form = "$(ORIGIN)|$(REPO_URI)|$(CODENAME)|$(COMPONENT)"
    rows = runner.read(["apt-get", "indextargets", "--format", form, "Created-By: Packages"]).stdout.splitlines()
    found = []
    for origin, uri, suite, component in (row.split("|") for row in rows):
        if origin == "Debian" and component == "main" and own and suite.split("-")[0] == own:
            found.append(f"deb {uri} {{release}}{suite.removeprefix(own)} main")
    if not found:
        raise BoxError(
            "the builder's apt: knows no Debian mirror to build from; run apt-get update there, or set "
            "rootfs_mirrors to lines such as 'deb http://MIRROR/debian {release} main'"
        )
    return tuple(dict.fromkeys(found))


def _clear(work: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    if held := [mount for mount in mounts if mount.startswith(f"{work}/")]:
        raise BoxError(f"{work}: an interrupted build left {', '.join(held)} mounted; umount them and remove it")
    if work.exists():
        shutil.rmtree(work)
