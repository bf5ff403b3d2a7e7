#!/usr/bin/python
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: file_set
short_description: Write a set of small text files in one piece
version_added: 0.1.0
description:
  - Makes directories, writes files and removes what does not belong beside them, all in one task on the host.
  - A task for each file costs two modules a file, which is seconds on an emulated host; this costs one module in all.
  - A file takes its place in one step, and only when the command in its O(files[].before) has succeeded.
author:
  - egee.box contributors (@egee-box)
extends_documentation_fragment:
  - egee.box._attributes
  - egee.box._attributes.managing
attributes:
  check_mode:
    details:
      - The commands in O(files[].before) do not run.
  diff_mode:
    details:
      - Of the files in O(secrets) it shows only that they change.
options:
  directories:
    description: Directories, made in this order before any file.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The absolute path. Missing parents are made with mode 0755.
        type: path
        required: true
      mode:
        description: The permissions.
        type: str
        default: "0755"
      owner:
        description: The owner, left alone by default.
        type: str
      group:
        description: The group, left alone by default.
        type: str
      exclusive:
        description:
          - Whether everything in it is removed but what this task names and what lies on the way to that.
        type: bool
        default: false
  files:
    description: Files, written in this order.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: The absolute path. Missing parents are made with mode 0755.
        type: path
        required: true
      content:
        description: The contents. Required unless O(secrets) holds it.
        type: str
      mode:
        description: The permissions.
        type: str
        default: "0644"
      owner:
        description: The owner, left alone by default.
        type: str
      group:
        description: The group, left alone by default.
        type: str
      before:
        description:
          - A command that must succeed on the new contents before they take the file's place; V(%s) stands for the
            name of a temporary file that holds them.
          - It may check them, or apply them. What applies them here is done again after an interruption, because the
            file is not in place until it has succeeded.
        type: list
        elements: str
        default: []
  secrets:
    description: The contents of files that must not be shown anywhere, by the path of the file in O(files).
    type: dict
    default: {}
  unsafe_writes:
    description: Whether a file that cannot be replaced in one step, like one mounted from outside, is written in place.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Ensure the firewall holds the rules and the host its key
  egee.box.file_set:
    files:
      - path: /etc/nftables.conf
        content: "{{ lookup('ansible.builtin.template', 'nftables.conf.j2') }}"
        before: [nft, --file, "%s"]
      - path: /etc/grid-security/hostkey.pem
        mode: "0400"
    secrets:
      /etc/grid-security/hostkey.pem: "{{ lookup('ansible.builtin.file', 'hostkey.pem', rstrip=false) }}"

- name: Ensure that the directory holds these files and no others
  egee.box.file_set:
    directories:
      - path: /etc/vomses
        exclusive: true
    files:
      - path: /etc/vomses/voce
        content: |
          "voce" "voms.egee.test" "15000" "/DC=test/DC=egee/CN=voms.egee.test" "voce"
"""

RETURN = r"""
changed_paths:
  description: What was made, changed or removed, in this order.
  returned: success
  type: list
  elements: str
  sample: [/etc/vomses/voce]
diff:
  description: What differs, before and after; in check mode what would.
  returned: success
  type: list
  elements: dict
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.egee.box.plugins.module_utils._file_set import Directory, File, FileSet
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError

ATTRIBUTES: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str"},
    "group": {"type": "str"},
}


def files_of(rows: list[dict[str, Any]], secrets: dict[str, str]) -> list[File]:
    """The files with their contents, wherever those were given."""
    files = []
    for row in rows:
        path = row["path"]
        if (row["content"] is None) != (path in secrets):
            raise BoxError(f"{path}: needs its contents either in 'content' or in 'secrets', and not in both")
        content = secrets.get(path, row["content"])
        plain = os.path.normpath(path)
        files.append(File(**{**row, "path": plain, "content": content, "secret": path in secrets}))
    strays = sorted(set(secrets) - {row["path"] for row in rows})
    if strays:
        raise BoxError(f"{strays[0]}: has contents in 'secrets' and is not among 'files'; name it there")
    return files


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directories": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    **ATTRIBUTES,
                    "mode": {"type": "str", "default": "0755"},
                    "exclusive": {"type": "bool", "default": False},
                },
            },
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    **ATTRIBUTES,
                    "mode": {"type": "str", "default": "0644"},
                    "content": {"type": "str"},
                    "before": {"type": "list", "elements": "str", "default": []},
                },
            },
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "unsafe_writes": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    # What is new stays closed until it has the permissions it should have. Where one interpreter runs one module after
    # another (Mitogen), the next one must find the umask as it was.
    umask = os.umask(0o077)
    try:
        directories = [Directory(**{**row, "path": os.path.normpath(row["path"])}) for row in wanted["directories"]]
        files = files_of(wanted["files"], wanted["secrets"])
        report = FileSet(module, directories, files, wanted["unsafe_writes"]).apply()
    except (BoxError, OSError) as error:
        module.fail_json(msg=str(error))
    finally:
        os.umask(umask)
    module.exit_json(changed=bool(report.changed_paths), changed_paths=report.changed_paths, diff=report.diff)


if __name__ == "__main__":
    main()
