# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root filesystems for a site's domains: ours beside plain debootstrap and xen-tools' xen-create-image.

    PYTHONPATH=.venv/collections python benchmarks/roots.py --domains 12 --sample 1

Needs root, and mmdebstrap, debootstrap and xen-tools of Debian. Each domain has the base and a package of its own, and
ends as a directory that holds its root; xen-create-image makes a disk image of it. What Debian's tools take is measured
on a sample, one root after another as they work, and scaled. A domain that changed they make anew; whether nothing
changed they cannot tell. All use the machine's own mirror; xen-create-image may take packages from the machine's cache.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from ansible_collections.egee.box.plugins.module_utils._rootfs import Settings, build, missing, tarball
from ansible_collections.egee.box.plugins.module_utils._runner import CommandRunner
from frame import Number, measured, write

DEFAULTS = Path(__file__).parents[1] / "roles/rootfs/defaults/main.yml"
# What the roots are told apart by: small packages, one a domain, taken in turn.
EXTRA = ["bc", "dc", "ed", "file", "jq", "less", "lsof", "nano", "patch", "rsync", "tree", "unzip"]
CHANGED = "strace"


def settings(cache: Path) -> Settings:
    role = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))
    return Settings(
        cache_dir=cache,
        base_packages=tuple(role["rootfs_base_packages"]),
        keyring=role["rootfs_keyring"],
        path_excludes=tuple(role["rootfs_path_excludes"]),
        path_includes=tuple(role["rootfs_path_includes"]),
        masked_units=tuple(role["rootfs_masked_units"]),
        start_services=role["rootfs_start_services"],
    )


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def call(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}: {(done.stderr or done.stdout)[-2000:]}")


def ours(place: Path, release: str, extras: list[str]) -> None:
    """Build what the cache lacks, and unpack the roots of the domains that do not have theirs."""
    given = settings(place / "cache")
    given.cache_dir.mkdir(exist_ok=True)
    tarballs = [tarball(given, release, [extra], {}) for extra in extras]
    build(missing(tarballs), 2, CommandRunner)
    for domain, made in enumerate(tarballs):
        root = place / f"ours-{domain}-{made.key}"
        if not root.exists():
            root.mkdir()
            call("tar", "--extract", "--numeric-owner", "--file", str(made.path), "--directory", str(root))


def debootstrap(place: Path, release: str, mirror: str, packages: list[str], domain: int) -> None:
    call("debootstrap", f"--include={','.join(packages)}", release, str(place / f"debootstrap-{domain}"), mirror)


def xen_create_image(place: Path, release: str, mirror: str, domain: int) -> None:
    sizes = ["--size=4Gb", "--noswap", "--memory=256Mb"]
    where = [f"--dir={place}", f"--output={place}", f"--hostname=bench{domain}.egee.test", "--dhcp", "--nohosts"]
    what = [f"--dist={release}", f"--mirror={mirror}", "--install-method=debootstrap", "--nopasswd", "--force"]
    call("xen-create-image", *sizes, *where, *what)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domains", type=int, default=12)
    parser.add_argument("--sample", type=int, default=1, help="roots that are made by each of Debian's tools")
    parser.add_argument("--release", default="bookworm")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    extras = [EXTRA[domain % len(EXTRA)] for domain in range(given.domains)]
    numbers: list[Number] = []

    def told(case: str, way: str, value: float) -> None:
        numbers.append(measured(case, value, way=way))
        print(f"{case:<24} {way:<18} {value:8.2f} s", flush=True)

    nothing, one = f"{given.domains} roots from nothing", "one domain changed"
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        place = Path(name)
        base = list(settings(place).base_packages)
        told(nothing, "egee.box", seconds(lambda: ours(place, given.release, extras)))
        told(one, "egee.box", seconds(lambda: ours(place, given.release, [CHANGED, *extras[1:]])))
        told("nothing changed", "egee.box", seconds(lambda: ours(place, given.release, [CHANGED, *extras[1:]])))
        ways: dict[str, Callable[[int], None]] = {
            "debootstrap": lambda n: debootstrap(place, given.release, given.mirror, [*base, extras[n]], n),
            "xen-create-image": lambda n: xen_create_image(place, given.release, given.mirror, n),
        }
        for way, make in ways.items():
            each = sum(seconds(lambda n=n, make=make: make(n)) for n in range(given.sample)) / given.sample
            told(nothing, f"{way}, scaled" if given.sample < given.domains else way, each * given.domains)
            told(one, way, each)
    write(given.json, numbers)


if __name__ == "__main__":
    main()
