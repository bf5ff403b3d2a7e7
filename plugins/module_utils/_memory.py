# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has of memory and uses of it, be it a machine of its own or a container. Private to the collection.

Sources: proc(5) for meminfo and vmstat; the kernel's documents of cgroup-v1/memory and cgroup-v2 for a group,
whose root is all that is seen of it inside.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

MIB = 1 << 20
# An unlimited control group of version 1 says some number near 2^63.
UNLIMITED = 1 << 60


class Memory(t.TypedDict):
    """In MiB, without what caches hold and would give back; and how many processes were killed for want of memory."""

    total: int
    used: int
    oom_kills: int


def memory(root: Path = Path("/")) -> Memory:
    """The memory of the host below root (/): its container's, where one limits it, else the machine's own."""
    groups = root / "sys/fs/cgroup"
    return _version_2(groups) or _version_1(groups / "memory") or _machine(root / "proc")


def _version_2(group: Path) -> Memory | None:
    limit = _text(group / "memory.max")
    if not limit or limit == "max":
        return None
    used = int(_text(group / "memory.current")) - _fields(group / "memory.stat")["inactive_file"]
    # These events count those of all groups below.
    return _memory(int(limit), used, _fields(group / "memory.events")["oom_kill"])


def _version_1(group: Path) -> Memory | None:
    limit = int(_text(group / "memory.limit_in_bytes") or UNLIMITED)
    if limit >= UNLIMITED:
        return None
    used = int(_text(group / "memory.usage_in_bytes")) - _fields(group / "memory.stat")["total_inactive_file"]
    # Each group counts its own here: one for each service.
    kills = sum(_fields(each).get("oom_kill", 0) for each in group.rglob("memory.oom_control"))
    return _memory(limit, used, kills)


def _machine(proc: Path) -> Memory:
    found = _fields(proc / "meminfo")
    total, available = found["MemTotal:"] * 1024, found["MemAvailable:"] * 1024
    return _memory(total, total - available, _fields(proc / "vmstat").get("oom_kill", 0))


def _memory(total: int, used: int, oom_kills: int) -> Memory:
    return {"total": total // MIB, "used": used // MIB, "oom_kills": oom_kills}


def _text(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _fields(path: Path) -> dict[str, int]:
    lines = (line.split() for line in path.read_text().splitlines())
    return {name: int(value) for name, value, *_unit in lines}
