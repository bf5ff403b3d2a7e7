# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Output in the form of xl 4.20, made up for a test. What a real one said is under fixtures/xen."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.egee.box.plugins.module_utils._xen_config import Definition

HEADING = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
FLAGS = {
    "running": "r-----",
    "blocked": "-b----",
    "paused": "--p---",
    "ended": "---s--",
    "rebooting": "---sr-",
    "suspended": "---ss-",
    "crashed": "---sc-",
    "dying": "--ps-d",
    "half-built": "--p---",
}
NOT_ON_XEN = (
    "xencall: error: Could not obtain handle on privileged command interface: No such file or directory\n"
    "libxl: error: libxl.c:102:libxl_ctx_alloc: cannot open libxc handle: No such file or directory\n"
    "cannot init xl context\n"
)


def listing(*rows: tuple[str, int, int, int, str]) -> str:
    """`xl list`: dom0, and a row of (name, domid, memory, vcpus, state) each."""
    dom0 = ("Domain-0", 0, 1024, 1, "running")
    lines = [f"{n:<40} {i:5d} {m:5d} {v:5d}     {FLAGS[s]}  {12.5:8.1f}\n" for n, i, m, v, s in (dom0, *rows)]
    return HEADING + "".join(lines)


def details(*domains: tuple[int, Definition], scheduler: str = "credit2") -> str:
    """`xl list -l`: dom0, and each domain that has been built."""
    dom0 = {"domid": 0, "config": {"c_info": {"type": "pv", "name": "Domain-0"}, "b_info": {"max_memkb": 1048576}}}
    return json.dumps([dom0, *({"domid": domid, "config": config(one, scheduler)} for domid, one in domains)], indent=4)


def config(domain: Definition, scheduler: str = "credit2") -> dict[str, t.Any]:
    """A domain as libxl describes it: without what equals its defaults."""
    build: dict[str, t.Any] = {
        "max_vcpus": domain.maxvcpus,
        "avail_vcpus": list(range(domain.vcpus)),
        "max_memkb": domain.maxmem * 1024,
        "target_memkb": domain.memory * 1024,
        "shadow_memkb": 3072,
        "sched_params": {"sched": scheduler, "weight": domain.weight, "cap": domain.cap},
        "claim_mode": "True",
        "type.pv": {},
        "arch_arm": {},
    }
    for field in ("kernel", "ramdisk", "cmdline", "bootloader"):
        if getattr(domain, field) is not None:
            build[field] = getattr(domain, field)
    disks = []
    for disk in domain.disks:
        disks.append({"pdev_path": disk.path, "vdev": disk.device, "format": "raw"})
        if disk.mode == "rw":
            disks[-1]["readwrite"] = 1
        if disk.script:
            disks[-1]["script"] = disk.script
    nics = [
        {"devid": place, "mac": vif.mac, "bridge": vif.bridge, **({"script": vif.script} if vif.script else {})}
        for place, vif in enumerate(domain.vifs)
    ]
    ends = {"on_poweroff": domain.on_poweroff, "on_reboot": domain.on_reboot, "on_crash": domain.on_crash}
    return {
        "c_info": {"type": domain.type, "name": domain.name, "uuid": "00000000-0000-4000-8000-000000000001"},
        "b_info": build,
        "disks": disks,
        "nics": nics,
        **{key: end.replace("-", "_") for key, end in ends.items() if end != "destroy"},
    }
