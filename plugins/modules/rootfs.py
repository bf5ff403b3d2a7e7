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
  - C(mmdebstrap) and C(apt) on the builder, and the keyring of the releases to build
  - root privileges
attributes:
  check_mode:
    description: Says what would be built, with its path and key.
    support: full
  diff_mode:
    description: Lists the tarballs added to the cache.
    support: full
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
        description: The Debian suite that its root is made of, or the absolute path of a tarball made by others.
        type: str
        required: true
      packages:
        description: The packages on top of the base. Ignored for a tarball made by others.
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
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._rootfs import (
    Kitchen,
    RootfsError,
    build_all,
    root_of,
    sources_from_apt,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "roots": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "release": {"type": "str", "required": True},
                    "packages": {"type": "list", "elements": "str", "default": []},
                    "seeds": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {
                            "path": {"type": "str", "required": True},
                            "content": {"type": "str", "required": True},
                        },
                    },
                },
            },
            "cache_dir": {"type": "path", "required": True},
            "base_packages": {"type": "list", "elements": "str", "required": True},
            "mirrors": {"type": "list", "elements": "str", "default": []},
            "keyring": {"type": "path", "default": "/usr/share/keyrings/debian-archive-keyring.gpg", "no_log": False},
            "path_excludes": {"type": "list", "elements": "str", "default": []},
            "path_includes": {"type": "list", "elements": "str", "default": []},
            "masked_units": {"type": "list", "elements": "str", "default": []},
            "edition": {"type": "str", "default": ""},
            "jobs": {"type": "int", "default": 2},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    try:
        kitchen = Kitchen(
            cache_dir=Path(wanted["cache_dir"]),
            base_packages=tuple(wanted["base_packages"]),
            sources=tuple(wanted["mirrors"]) or sources_from_apt(),
            keyring=wanted["keyring"],
            path_excludes=tuple(wanted["path_excludes"]),
            path_includes=tuple(wanted["path_includes"]),
            masked_units=tuple(wanted["masked_units"]),
            edition=wanted["edition"],
        )
        roots = {
            row["name"]: root_of(
                kitchen, row["release"], row["packages"], {seed["path"]: seed["content"] for seed in row["seeds"]}
            )
            for row in wanted["roots"]
        }
        built = build_all(list(roots.values()), jobs=wanted["jobs"], pretend=module.check_mode)
    except RootfsError as error:
        module.fail_json(msg=str(error))
    paths = sorted(str(tarball.path) for tarball in built)
    module.exit_json(
        changed=bool(built),
        built=paths,
        roots={name: {"path": str(tarball.path), "key": tarball.key} for name, tarball in roots.items()},
        diff={"before": "", "after": "".join(f"{path}\n" for path in paths)},
    )


if __name__ == "__main__":
    main()
