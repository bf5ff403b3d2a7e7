# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root filesystems as tarballs, cached by what they are made of. Private to the collection.

A release is bootstrapped once, as the golden base; every distinct set of packages is a clone of
that base with the packages added. A tarball's name holds the hash of its recipe, so what is in
the cache under that name need not be looked at again: one stat says that it is there.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import typing as t
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from ansible_collections.egee.box.plugins.module_utils._rootfs_work import mirrors_of_builder, run, workplace
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError, Runner

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
    # Else systemd thinks that /usr is newer than the rest, and makes all caches again when each host first starts.
    'touch -r "$1"/usr "$1"/etc/.updated "$1"/var/.updated',
)

# So a host that was given no ssh key makes one when sshd first starts, before its configuration is checked.
HOST_KEY = """[Service]
ExecStartPre=
ExecStartPre=/bin/sh -c '[ -s $KEY ] || exec ssh-keygen -q -t ed25519 -N "" -f $KEY'
ExecStartPre=/usr/sbin/sshd -t
""".replace("$KEY", "/etc/ssh/ssh_host_ed25519_key")
FIRST_START = (
    'mkdir -p "$1"/etc/systemd/system/ssh.service.d',
    f'printf %s {shlex.quote(HOST_KEY)} > "$1"/etc/systemd/system/ssh.service.d/host-key.conf',
)

# Before and after packages are added: what they have enabled starts with the host, but not on its first start, when
# nothing of it is configured. Held by a condition, not disabled: each unit that is enabled on a live host makes
# systemd read all of them again, which takes seconds on a slow one. What a service is made of is held with it.
ENABLED = 'chroot "$1" systemctl list-unit-files --state=enabled --no-legend | cut -d " " -f 1 | sort'
HOLD = """set -e
cd "$1"/etc/systemd/system
while read -r unit; do
  for each in "$unit" "${unit%.*}@.${unit##*.}"; do
    [ -e "$1/usr/lib/systemd/system/$each" ] || continue
    mkdir -p "$each.d"
    printf '[Unit]\\nConditionPathExists=!/etc/first-start\\n' > "$each.d/first-start.conf"
  done
done < "$1"/enabled
cat > first-start.service <<EOF
[Unit]
Description=End of the first start; from now on services start with the host
ConditionPathExists=/etc/first-start
After=$(paste -s -d ' ' "$1"/enabled)
[Service]
Type=oneshot
ExecStart=rm /etc/first-start
EOF
mkdir -p multi-user.target.wants
ln -s ../first-start.service multi-user.target.wants/
: > "$1"/etc/first-start
rm "$1"/known "$1"/enabled
"""
WAITING = (f'{ENABLED} > "$1"/known', f'{ENABLED} | comm -13 "$1"/known - > "$1"/enabled', HOLD)

# What MBR and GPT call a partition that Linux has its files on: plain, or the root of this architecture.
LINUX = ("0x83", "0fc63daf", "4f68bce3")
SECTOR = 512

TAR = "tar --numeric-owner --xattrs --xattrs-include=*"


@dataclass(frozen=True)
class Settings:
    """What all roots of one builder have in common."""

    cache_dir: Path
    base_packages: tuple[str, ...] = ()
    # Lines of apt's one-line format; none means the mirrors of the builder itself.
    mirrors: tuple[str, ...] = ()
    keyring: str = ""
    path_excludes: tuple[str, ...] = ()
    path_includes: tuple[str, ...] = ()
    masked_units: tuple[str, ...] = ()
    # Whether what the packages on top of a base bring starts with the host, or waits until something enables it.
    start_services: bool = True
    edition: str = ""

    @property
    def fingerprint(self) -> list[object]:
        """What of this goes into a root. A mirror's host does not: its suites and components do."""
        return [
            sorted(self.base_packages),
            sorted(line.split()[-2:] for line in self.mirrors),
            list(self.path_excludes),
            list(self.path_includes),
            sorted(self.masked_units),
            *([] if self.start_services else [WAITING]),
            self.edition,
            [NAMED, *TIDY, *FIRST_START],
        ]


class Tarball(t.Protocol):
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

    def build(self, runner: Runner) -> None:
        """Make it unless it is there."""


@dataclass(frozen=True)
class Debian:
    """A release, and the packages on top of its base."""

    settings: Settings
    release: str
    packages: tuple[str, ...] = ()
    # Path and content of what must be there before the packages are installed.
    seeds: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        return f"{self.release}-{_digest(self.release, self.packages, self.seeds, self.settings.fingerprint)}"

    @property
    def path(self) -> Path:
        return self.settings.cache_dir / f"{self.key}.tar"

    @property
    def base(self) -> Tarball | None:
        if not self.packages and not self.seeds:
            return None
        return Debian(replace(self.settings, start_services=True), self.release)

    def build(self, runner: Runner) -> None:
        with workplace(self.path) as work:
            if not work:
                return
            (work / "seeds").mkdir()
            for path, content in self.seeds:
                seed = work / "seeds" / path.lstrip("/")
                seed.parent.mkdir(parents=True, exist_ok=True)
                seed.write_text(content, encoding="utf-8")
            mirrors = self.settings.mirrors or mirrors_of_builder(runner)
            lines = [line.replace("{release}", self.release) for line in mirrors]
            what = f"{self.release} with {', '.join(self.packages) or 'its base packages'}"
            run(runner, [*self.recipe(work), self.release, str(work / "root.tar"), *lines], what)
            (work / "root.tar").rename(self.path)

    def recipe(self, work: Path) -> list[str]:
        """The mmdebstrap command line: a base comes from the mirror, all else from its base."""
        settings = self.settings
        argv = ["env", f"TMPDIR={work}", "mmdebstrap", "--mode=root", "--format=tar", f"--keyring={settings.keyring}"]
        if self.base:
            hooks = [
                NAMED,
                f'cp -r --preserve=mode {shlex.quote(str(work / "seeds"))}/. "$1"',
                'chroot "$1" apt-get install --yes ' + shlex.join(self.packages),
            ]
            if not settings.start_services:
                hooks = [WAITING[0], *hooks, *WAITING[1:]]
            # mmdebstrap itself has made /dev, and lent the builder's resolver.
            unpack = f"{TAR} -C \"$1\" --exclude='./dev/*' --exclude=./etc/resolv.conf -xpf "
            argv += [
                "--variant=custom",
                "--skip=check/empty",
                f"--setup-hook={unpack}{shlex.quote(str(self.base.path))}",
            ]
        else:
            hooks = [*FIRST_START]
            if settings.masked_units:
                hooks.append('chroot "$1" systemctl mask ' + shlex.join(sorted(settings.masked_units)))
            argv += [
                "--variant=minbase",
                "--include=" + ",".join(sorted(settings.base_packages)),
                '--aptopt=APT::Install-Recommends "false"',
                *(f"--dpkgopt=path-exclude={path}" for path in settings.path_excludes),
                *(f"--dpkgopt=path-include={path}" for path in settings.path_includes),
            ]
        return [*argv, *(f"--customize-hook={hook}" for hook in (*hooks, *TIDY))]


@dataclass(frozen=True)
class Given:
    """A tarball made by others, used as it is and where it is."""

    path: Path

    @property
    def key(self) -> str:
        return f"given-{_identity(self.path)}"

    @property
    def base(self) -> Tarball | None:
        return None

    def build(self, runner: Runner) -> None:
        pass


@dataclass(frozen=True)
class Imaged:
    """The tarball of a disk image made by others: of its only file system, or of its largest Linux partition."""

    settings: Settings
    image: Path

    @property
    def key(self) -> str:
        return f"image-{_identity(self.image)}"

    @property
    def path(self) -> Path:
        return self.settings.cache_dir / f"{self.key}.tar"

    @property
    def base(self) -> Tarball | None:
        return None

    def build(self, runner: Runner) -> None:
        with workplace(self.path) as work:
            if not work:
                return
            (work / "root").mkdir()
            # In a mount namespace of its own: nothing stays mounted, whatever happens.
            script = f'mount -o "ro,loop,offset=$1" "$2" "$3" && exec {TAR} -C "$3" --exclude=./lost+found -cf "$4" .'
            names = [str(self._offset(runner)), str(self.image), str(work / "root"), str(work / "root.tar")]
            run(runner, ["unshare", "--mount", "sh", "-c", script, "sh", *names], f"the tarball of {self.image}")
            (work / "root.tar").rename(self.path)

    def _offset(self, runner: Runner) -> int:
        """Where its file system begins, in bytes: at once, or where the largest Linux partition does."""
        argv = ["partx", "--raw", "--noheadings", "--output", "START,SECTORS,TYPE", str(self.image)]
        table = runner.read(argv, check=False)
        partitions = [line.split() for line in table.stdout.splitlines()]
        if not partitions:
            return 0
        linux = [(int(sectors), int(start)) for start, sectors, kind in partitions if kind.lower().startswith(LINUX)]
        if not linux:
            raise BoxError(f"{self.image}: has no Linux partition; give an image with one, or with a bare file system")
        return max(linux)[1] * SECTOR


def tarball(settings: Settings, release: str, packages: Iterable[str], seeds: Mapping[str, str]) -> Tarball:
    """The tarball for a host of this release (a suite, or a file made by others) with these packages."""
    if not release.startswith("/"):
        return Debian(settings, release, tuple(sorted(set(packages))), tuple(sorted(seeds.items())))
    path = Path(release)
    if not path.is_file():
        raise BoxError(f"{path}: is not on the builder; put the root filesystem there, or name a Debian suite")
    return Given(path) if ".tar" in path.suffixes else Imaged(settings, path)


def missing(tarballs: Iterable[Tarball]) -> list[list[Tarball]]:
    """What is not there: first the bases, then what is made of them."""
    wanted = {each.path: each for each in tarballs if not each.path.exists()}
    bases = {each.base.path: each.base for each in wanted.values() if each.base and not each.base.path.exists()}
    return [list(bases.values()), [each for path, each in wanted.items() if path not in bases]]


def build(batches: Sequence[Sequence[Tarball]], jobs: int, new_runner: Callable[[], Runner]) -> None:
    """Build some at a time, one batch after the other; report all that failed at once."""
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        for batch in batches:
            faults = []
            for future in [pool.submit(each.build, new_runner()) for each in batch]:
                try:
                    future.result()
                except BoxError as error:
                    faults.append(str(error))
            if faults:
                raise BoxError("\n".join(faults))


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps([RECIPE_VERSION, *parts], sort_keys=True).encode()).hexdigest()[:20]


def _identity(path: Path) -> str:
    status = path.stat()
    return _digest(str(path), status.st_size, status.st_mtime_ns)
