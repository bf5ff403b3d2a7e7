# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Root filesystems as tarballs, cached by what they are made of.

A release is bootstrapped once, as the golden base; every distinct set of packages is a clone of
that base with the packages added. A tarball's name holds the hash of its recipe, so what is in
the cache under that name need not be looked at again: one stat says that it is there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# Part of every key: raise it when the way of building changes what comes out.
RECIPE_VERSION = 1

# Some packages ask for the host's full name while they are installed, and fail without an answer.
NAMED = """printf '127.0.0.1 localhost\\n127.0.1.1 %s.invalid %s\\n' "$(hostname)" "$(hostname)" > "$1"/etc/hosts"""

# What mmdebstrap copies from the builder (names, resolver), and what must differ between hosts,
# does not belong in a root that many hosts are cloned from.
TIDY = (
    'rm -f "$1"/etc/ssh/ssh_host_*_key "$1"/etc/ssh/ssh_host_*_key.pub "$1"/etc/hostname "$1"/etc/hosts',
    ': > "$1"/etc/resolv.conf',
    ': > "$1"/etc/machine-id',
)

# So each host makes its own ssh keys when sshd first starts.
FIRST_START = (
    'mkdir -p "$1"/etc/systemd/system/ssh.service.d',
    "printf '[Service]\\nExecStartPre=\\nExecStartPre=/usr/bin/ssh-keygen -A\\nExecStartPre=/usr/sbin/sshd -t\\n'"
    ' > "$1"/etc/systemd/system/ssh.service.d/host-keys.conf',
)


APT_FORMAT = "$(ORIGIN)|$(REPO_URI)|$(CODENAME)|$(COMPONENT)"


class RootfsError(Exception):
    """A root filesystem that cannot be made; the message names it, the reason and the cure."""


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps([RECIPE_VERSION, *parts], sort_keys=True).encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Kitchen:
    """What all roots of one builder have in common."""

    cache_dir: Path
    base_packages: tuple[str, ...]
    sources: tuple[str, ...]
    keyring: str
    path_excludes: tuple[str, ...] = ()
    path_includes: tuple[str, ...] = ()
    masked_units: tuple[str, ...] = ()
    edition: str = ""

    def sources_of(self, release: str) -> list[str]:
        return [line.replace("{release}", release) for line in self.sources]

    @property
    def taste(self) -> list[object]:
        return [
            sorted(self.base_packages),
            # The paths of a mirror say what is on it, its host does not.
            sorted(line.split()[-1] + " " + " ".join(line.split()[2:-1]) for line in self.sources),
            list(self.path_excludes),
            list(self.path_includes),
            sorted(self.masked_units),
            self.edition,
        ]


class Tarball(Protocol):
    """What a host's root filesystem is unpacked from."""

    @property
    def key(self) -> str:
        """What it is made of, in a word that is also good for a file name or an image tag."""

    @property
    def path(self) -> Path:
        """Where it is, or will be."""

    @property
    def base(self) -> Tarball | None:
        """What must be there before it can be built."""

    def build(self) -> bool:
        """Make it unless it is there; say whether anything was made."""


@dataclass(frozen=True)
class Cached:
    """A tarball of the cache: a release, and the packages on top of its base."""

    kitchen: Kitchen
    release: str
    packages: tuple[str, ...] = ()
    # Path and content of what must be there before the packages are installed.
    seeds: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        return f"{self.release}-{_digest(self.release, self.packages, self.seeds, self.kitchen.taste)}"

    @property
    def path(self) -> Path:
        return self.kitchen.cache_dir / f"{self.key}.tar"

    @property
    def base(self) -> Tarball | None:
        return Cached(self.kitchen, self.release) if self.packages or self.seeds else None

    def command(self, work: Path) -> list[str]:
        """The mmdebstrap command line: a base from the mirror, an extension from its base."""
        kitchen = self.kitchen
        argv = ["mmdebstrap", "--mode=root", "--format=tar", f"--keyring={kitchen.keyring}"]
        if self.base:
            argv += [
                "--variant=custom",
                "--skip=check/empty",
                # mmdebstrap itself has made /dev, and lent the builder's resolver.
                "--setup-hook=tar -C \"$1\" --numeric-owner --exclude='./dev/*' --exclude=./etc/resolv.conf -xpf "
                + shlex.quote(str(self.base.path)),
                f"--customize-hook={NAMED}",
                f'--customize-hook=cp -r --preserve=mode {shlex.quote(str(work / "seeds"))}/. "$1"',
                '--customize-hook=chroot "$1" apt-get install --yes ' + shlex.join(self.packages),
            ]
        else:
            argv += [
                "--variant=minbase",
                "--include=" + ",".join(sorted(kitchen.base_packages)),
                '--aptopt=APT::Install-Recommends "false"',
                *(f"--dpkgopt=path-exclude={path}" for path in kitchen.path_excludes),
                *(f"--dpkgopt=path-include={path}" for path in kitchen.path_includes),
            ]
            argv += [f"--customize-hook={hook}" for hook in FIRST_START]
            if kitchen.masked_units:
                argv.append('--customize-hook=chroot "$1" systemctl mask ' + shlex.join(sorted(kitchen.masked_units)))
        argv += [f"--customize-hook={hook}" for hook in TIDY]
        return [*argv, self.release, str(work / "root.tar"), *kitchen.sources_of(self.release)]

    def build(self) -> bool:
        if self.path.exists():
            return False
        with _workplace(self.kitchen.cache_dir, self.key) as work:
            # Another machine's run may have built it while this one waited for the workplace.
            if self.path.exists():
                return False
            (work / "seeds").mkdir()
            for path, content in self.seeds:
                seed = work / "seeds" / path.lstrip("/")
                seed.parent.mkdir(parents=True, exist_ok=True)
                seed.write_text(content, encoding="utf-8")
            _run(self.command(work), work, f"{self.release} with {', '.join(self.packages) or 'its base packages'}")
            (work / "root.tar").rename(self.path)
        return True


@dataclass(frozen=True)
class Foreign:
    """A tarball made by others, used as it is and where it is."""

    path: Path

    @property
    def key(self) -> str:
        status = self.path.stat()
        return f"own-{_digest(str(self.path), status.st_size, status.st_mtime_ns)}"

    @property
    def base(self) -> Tarball | None:
        return None

    def build(self) -> bool:
        return False


def root_of(kitchen: Kitchen, release: str, packages: Iterable[str], seeds: Mapping[str, str]) -> Tarball:
    """The tarball for a host of this release with these packages."""
    if not release.startswith("/"):
        return Cached(kitchen, release, tuple(sorted(set(packages))), tuple(sorted(seeds.items())))
    path = Path(release)
    if not path.is_file():
        raise RootfsError(f"the builder has no file {path}; put the root filesystem there, or name a Debian suite")
    return Foreign(path)


def build_all(roots: Sequence[Tarball], jobs: int, pretend: bool) -> list[Tarball]:
    """Build what is missing, bases first, some at a time; return what was (or would be) built."""
    missing = {root.path: root for root in roots if not root.path.exists()}
    bases = {root.base.path: root.base for root in missing.values() if root.base and not root.base.path.exists()}
    batches = [list(bases.values()), [root for path, root in missing.items() if path not in bases]]
    if pretend:
        return [root for batch in batches for root in batch]
    built: list[Tarball] = []
    faults: list[str] = []
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        for batch in batches:
            for root, future in [(root, pool.submit(root.build)) for root in batch]:
                try:
                    if future.result():
                        built.append(root)
                except RootfsError as error:
                    faults.append(str(error))
            if faults:
                raise RootfsError("\n".join(faults))
    return built


def sources_from_apt() -> tuple[str, ...]:
    """The Debian mirrors that this builder uses itself, as lines for any release.

    Suites are named after the builder's own release (bookworm, bookworm-updates,
    bookworm-security); the same suites of another release are on the same mirrors.
    """
    own = ""
    for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        if line.startswith("VERSION_CODENAME="):
            own = line.split("=", 1)[1].strip('"')
    try:
        rows = subprocess.run(
            ["apt-get", "indextargets", "--format", APT_FORMAT, "Created-By: Packages"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError) as error:
        raise RootfsError(f"apt-get cannot name the builder's mirrors ({error}); set rootfs_mirrors") from error
    found: dict[str, None] = {}
    for row in rows:
        origin, uri, suite, component = row.split("|")
        if origin == "Debian" and component == "main" and own and suite.split("-")[0] == own:
            found[f"deb {uri} {{release}}{suite[len(own):]} main"] = None
    if not found:
        raise RootfsError(
            "the builder's apt knows no Debian mirror to build from; run apt-get update there, or set "
            "rootfs_mirrors to lines such as 'deb http://MIRROR/debian {release} main'"
        )
    return tuple(found)


def _run(argv: Sequence[str], work: Path, what: str) -> None:
    env = {**os.environ, "TMPDIR": str(work), "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RootfsError(f"{argv[0]} is not installed on the builder; install the package mmdebstrap") from error
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-12:])
        raise RootfsError(f"building {what} failed ({argv[0]} returned {done.returncode}):\n{tail}")


@contextmanager
def _workplace(cache_dir: Path, name: str) -> Iterator[Path]:
    """A scratch directory that one build at a time has; a dead build's leavings are removed."""
    cache_dir.mkdir(parents=True, exist_ok=True)
    work = cache_dir / f".{name}.work"
    with (cache_dir / f".{name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _clear(work)
        work.mkdir(mode=0o755)
        try:
            yield work
        finally:
            _clear(work)


def _clear(work: Path) -> None:
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    if held := [line.split()[1] for line in mounts if line.split()[1].startswith(f"{work}/")]:
        raise RootfsError(f"an interrupted build left {', '.join(held)} mounted; umount them and remove {work}")
    if work.exists():
        shutil.rmtree(work)
