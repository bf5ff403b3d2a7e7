#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rootfs
short_description: Build root filesystems as tarballs, cached by what they are made of
version_added: 0.1.0
description:
  - Builds a tarball for each distinct pair of a Debian release and a set of packages, natively on the host it runs on.
  - One golden base per release is bootstrapped from a mirror; each set of packages is a clone of the base, extended.
  - A tarball's name holds the hash of its recipe. What the cache holds already costs one stat.
  - A tarball appears under its name only when it is complete, so that a run may be interrupted at any point.
author:
  - egee.box contributors (@egee-box)
requirements:
  - C(mmdebstrap) on the builder, and the keyring of the releases to build
  - root privileges
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
attributes:
  diff_mode:
    details:
      - Lists the tarballs added to the cache.
options:
  roots:
    description: The hosts to build for, in bulk.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the host.
        type: str
        required: true
      release:
        description:
          - The Debian suite that its root is made of, or the absolute path of a tarball (C(*.tar), C(*.tar.*)) or
            disk image made by others.
          - Of a disk image, its only file system is taken, or that of its largest Linux partition.
        type: str
        required: true
      packages:
        description: The packages on top of the base. Ignored for a file made by others.
        type: list
        elements: str
        default: []
      seeds:
        description: Files that must be there before the packages are installed, in bulk. Ignored like the packages.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: The absolute path in the root.
            type: str
            required: true
          content:
            description: What the file holds.
            type: str
            required: true
  cache_dir:
    description: The directory that keeps the tarballs.
    type: path
    required: true
  base_packages:
    description: The packages of every base, on top of what a minimal Debian has.
    type: list
    elements: str
    required: true
  mirrors:
    description:
      - Lines of apt's one-line format, in which C({release}) stands for the suite.
      - Empty means the Debian mirrors that the builder's own apt uses.
    type: list
    elements: str
    default: []
  keyring:
    description: The keyring that the mirrors' signatures are checked with.
    type: path
    default: /usr/share/keyrings/debian-archive-keyring.gpg
  path_excludes:
    description: Glob patterns of files that packages shall not install.
    type: list
    elements: str
    default: []
  path_includes:
    description: Glob patterns of files to install even so.
    type: list
    elements: str
    default: []
  masked_units:
    description: Units of systemd that no host shall start.
    type: list
    elements: str
    default: []
  start_services:
    description:
      - Whether services that the packages of O(roots[].packages) bring start with the host, as Debian has it.
      - Otherwise they do so from its second start on; on the first one nothing of them is configured.
    type: bool
    default: true
  edition:
    description: Any text; part of every recipe, so that a new one builds everything anew from today's mirror.
    type: str
    default: ""
  jobs:
    description: How many tarballs are built at once.
    type: int
    default: 2
"""

EXAMPLES = r"""
- name: Ensure the roots of two hosts are built
  egee.box.rootfs:
    cache_dir: /var/cache/egee.box
    base_packages: [systemd-sysv, python3]
    roots:
      - name: voms.egee.test
        release: trixie
        packages: [voms-server]
      - name: ui.egee.test
        release: bookworm
        packages: [voms-clients]
"""

RETURN = r"""
roots:
  description: Per host, the tarball to use.
  returned: success
  type: dict
  sample:
    voms.egee.test:
      path: /var/cache/egee.box/trixie-0f4e2b7d9a5c31e86f72.tar
      key: trixie-0f4e2b7d9a5c31e86f72
built:
  description: The tarballs that were built, or would be.
  returned: success
  type: list
  elements: str
diff:
  description: What differs, before and after; in check mode what would.
  returned: success
  type: dict
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._rootfs import Settings, build, missing, tarball
from ansible_collections.egee.box.plugins.module_utils._runner import CommandRunner, conclude

SEED = {
    "path": {"type": "str", "required": True},
    "content": {"type": "str", "required": True},
}
ROOT = {
    "name": {"type": "str", "required": True},
    "release": {"type": "str", "required": True},
    "packages": {"type": "list", "elements": "str", "default": []},
    "seeds": {"type": "list", "elements": "dict", "default": [], "options": SEED},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "roots": {"type": "list", "elements": "dict", "required": True, "options": ROOT},
            "cache_dir": {"type": "path", "required": True},
            "base_packages": {"type": "list", "elements": "str", "required": True},
            "mirrors": {"type": "list", "elements": "str", "default": []},
            "keyring": {"type": "path", "default": "/usr/share/keyrings/debian-archive-keyring.gpg", "no_log": False},
            "path_excludes": {"type": "list", "elements": "str", "default": []},
            "path_includes": {"type": "list", "elements": "str", "default": []},
            "masked_units": {"type": "list", "elements": "str", "default": []},
            "start_services": {"type": "bool", "default": True},
            "edition": {"type": "str", "default": ""},
            "jobs": {"type": "int", "default": 2},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    settings = Settings(
        cache_dir=Path(wanted["cache_dir"]),
        base_packages=tuple(wanted["base_packages"]),
        mirrors=tuple(wanted["mirrors"]),
        keyring=wanted["keyring"],
        path_excludes=tuple(wanted["path_excludes"]),
        path_includes=tuple(wanted["path_includes"]),
        masked_units=tuple(wanted["masked_units"]),
        start_services=wanted["start_services"],
        edition=wanted["edition"],
    )

    def work() -> dict[str, t.Any]:
        roots = {
            root["name"]: tarball(
                settings, root["release"], root["packages"], {seed["path"]: seed["content"] for seed in root["seeds"]}
            )
            for root in wanted["roots"]
        }
        batches = missing(roots.values())
        if not module.check_mode:
            build(batches, wanted["jobs"], CommandRunner)
        built = [str(each.path) for batch in batches for each in batch]
        return {
            "changed": bool(built),
            "built": built,
            "roots": {name: {"path": str(each.path), "key": each.key} for name, each in roots.items()},
            "diff": {"before": "", "after": "".join(f"{path}\n" for path in built)},
        }

    conclude(module, work)


if __name__ == "__main__":
    main()
