# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of xen_domain. Private to the collection."""

from __future__ import annotations

import typing as t

SHUTDOWN_ACTIONS = ["destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart"]
TSC_MODES = ["default", "always_emulate", "native"]

DISK: dict[str, t.Any] = {
    "path": {"type": "path", "required": True},
    "device": {"type": "str", "required": True},
    "mode": {"type": "str", "choices": ["rw", "ro"], "default": "rw"},
    "script": {"type": "str"},
}
VIF: dict[str, t.Any] = {
    "mac": {"type": "str", "required": True},
    "bridge": {"type": "str", "required": True},
    "address": {"type": "str"},
    "script": {"type": "str"},
}
DOMAIN: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "memory": {"type": "int", "required": True},
    "maxmem": {"type": "int"},
    "vcpus": {"type": "int", "default": 1},
    "maxvcpus": {"type": "int"},
    "weight": {"type": "int", "default": 256},
    "cap": {"type": "int", "default": 0},
    "type": {"type": "str", "choices": ["pv", "pvh"], "default": "pv"},
    "tsc_mode": {"type": "str", "choices": TSC_MODES, "default": "default"},
    "kernel": {"type": "path"},
    "ramdisk": {"type": "path"},
    "bootloader": {"type": "str"},
    "root": {"type": "str"},
    "extra": {"type": "str"},
    "disks": {"type": "list", "elements": "dict", "default": [], "options": DISK},
    "vifs": {"type": "list", "elements": "dict", "default": [], "options": VIF},
    "on_poweroff": {"type": "str", "choices": SHUTDOWN_ACTIONS, "default": "destroy"},
    "on_reboot": {"type": "str", "choices": SHUTDOWN_ACTIONS, "default": "restart"},
    "on_crash": {"type": "str", "choices": SHUTDOWN_ACTIONS, "default": "preserve"},
    "autostart": {"type": "int"},
}
ARGUMENTS: dict[str, t.Any] = {
    "domains": {
        "type": "list",
        "elements": "dict",
        "options": DOMAIN,
        "mutually_exclusive": [("kernel", "bootloader")],
        "required_one_of": [("kernel", "bootloader")],
        "required_by": {"ramdisk": "kernel"},
    },
    "name": {"type": "list", "elements": "str"},
    "state": {
        "type": "str",
        "choices": ["present", "running", "paused", "shutdown", "saved", "absent"],
        "default": "running",
    },
    "allow_restart": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 300},
    "save_dir": {"type": "path", "default": "/var/lib/xen/save"},
    "remove_volumes": {"type": "list", "elements": "path", "default": []},
}
CONSTRAINTS: dict[str, t.Any] = {
    "mutually_exclusive": [("domains", "name")],
    "required_one_of": [("domains", "name")],
}
