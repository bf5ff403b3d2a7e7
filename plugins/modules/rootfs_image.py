#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rootfs_image
short_description: Make file systems for domains, natively and once
version_added: 0.1.0
description:
  - Makes ext4 file systems in files or on block devices of the host it runs on, without mounting anything.
  - Each holds what is in a tarball, see M(egee.box.rootfs), and files that make it the host that it shall be.
  - A file system bears as its label the hash of what it was made from. One that is there is left alone, whatever
    it was made from, because it is a domain's disk. Only an explicit request that names it makes it anew.
author:
  - egee.box contributors (@egee-box)
requirements:
  - C(mkfs.ext4) and C(tar) on the builder
  - root privileges
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
attributes:
  diff_mode:
    details:
      - Lists the file systems that are made.
options:
  images:
    description: The file systems, in bulk.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: The file, which is made, or the block device, which has to be there.
        type: path
        required: true
      size:
        description: The size of the file in MiB. A block device is filled.
        type: int
        required: true
      tarball:
        description: What is unpacked into it. Without one it stays empty but for O(images[].seeds).
        type: path
      key:
        description: What the tarball is made of, in a word.
        type: str
        default: ""
      seeds:
        description: Files and links that the host has from its first start on, in place of the tarball's.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: The absolute path in the file system.
            type: str
            required: true
          content:
            description: What the file holds.
            type: str
          link:
            description: Where the symbolic link leads.
            type: str
          mode:
            description: The mode of the file, octal.
            type: str
            default: "0644"
  rebuild:
    description:
      - The paths of O(images) to make anew though they are there. B(All that they hold is lost.)
      - One that is in use is refused.
    type: list
    elements: path
    default: []
  work_dir:
    description: Where what goes onto a block device is put together.
    type: path
    default: /var/cache/egee.box
  jobs:
    description: How many are made at once.
    type: int
    default: 2
seealso:
  - module: egee.box.rootfs
"""

EXAMPLES = r"""
- name: Ensure the domain has its root file system
  egee.box.rootfs_image:
    images:
      - path: /dev/vg0/voms-root
        size: 2048
        tarball: /var/cache/egee.box/trixie-0f4e2b7d9a5c31e86f72.tar
        key: trixie-0f4e2b7d9a5c31e86f72
        seeds:
          - path: /etc/hostname
            content: |
              voms.egee.test
"""

RETURN = r"""
made:
  description: The paths of the file systems that were made, or would be.
  returned: success
  type: list
  elements: str
outdated:
  description: The paths of those that were made from something else than is asked for now.
  returned: success
  type: list
  elements: str
diff:
  description: What differs, before and after; in check mode what would.
  returned: success
  type: dict
"""

import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._rootfs_image import Image, due
from ansible_collections.egee.box.plugins.module_utils._runner import CommandRunner, conclude

SEED = {
    "path": {"type": "str", "required": True},
    # A private key may be among them.
    "content": {"type": "str", "no_log": True},
    "link": {"type": "str"},
    "mode": {"type": "str", "default": "0644"},
}
IMAGE = {
    "path": {"type": "path", "required": True},
    "size": {"type": "int", "required": True},
    "tarball": {"type": "path"},
    "key": {"type": "str", "default": "", "no_log": False},
    "seeds": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": SEED,
        "mutually_exclusive": [("content", "link")],
    },
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "dict", "required": True, "options": IMAGE},
            "rebuild": {"type": "list", "elements": "path", "default": []},
            "work_dir": {"type": "path", "default": "/var/cache/egee.box"},
            "jobs": {"type": "int", "default": 2},
        },
        supports_check_mode=True,
    )
    wanted = module.params

    def work() -> dict[str, t.Any]:
        images = [Image.read(entry) for entry in wanted["images"]]
        make, outdated = due(images, [Path(path) for path in wanted["rebuild"]], CommandRunner())
        if not module.check_mode:
            with ThreadPoolExecutor(max_workers=wanted["jobs"]) as pool:
                jobs = [pool.submit(image.build, CommandRunner(), Path(wanted["work_dir"])) for image in make]
            for job in jobs:
                job.result()
        made = [str(image.path) for image in make]
        return {
            "changed": bool(made),
            "made": made,
            "outdated": [str(image.path) for image in outdated],
            "diff": {"before": "", "after": "".join(f"{path}\n" for path in made)},
        }

    conclude(module, work)


if __name__ == "__main__":
    main()
