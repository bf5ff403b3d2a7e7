# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of a domain. Private to this collection."""

from __future__ import annotations

from ansible_collections.egee.box.plugins.module_utils._plan_hosts import Domain, Machine
from ansible_collections.egee.box.plugins.module_utils._plan_model import Disk

# What virtio shows of a disk's serial number.
SERIAL_LENGTH = 20


def disks_of(domain: Domain, machine: Machine) -> list[Disk]:
    sizes = {"root": domain.root_size, "scratch": domain.scratch_size}
    disks: list[Disk] = []
    for name, device in (("root", "xvda"), ("scratch", "xvdb")):
        if name == "root" or sizes[name]:
            volume = f"{domain.short}-{name}"
            path = {
                "lvm": f"/dev/{machine.volume_group}/{volume}",
                "lun": f"/dev/disk/by-id/virtio-{volume[:SERIAL_LENGTH]}",
            }.get(machine.storage or "")
            disks.append({"name": name, "device": device, "volume": volume, "size": sizes[name], "path": path})
    return disks
