# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has of memory and uses of it, be it a machine of its own or a container. Private to the collection.

Sources: proc(5) for meminfo and vmstat; cgroups(7) for which group a process is in; the kernel's documents of
cgroup-v1/memory and cgroup-v2.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError

MIB = 1 << 20
# An unlimited control group of version 1 says some number near 2^63.
UNLIMITED = 1 << 60


class Memory(t.TypedDict):
    """In MiB, without what caches hold and would give back; and how many processes were killed for want of memory."""

    total: int
    used: int
    oom_kills: int


def memory(process: int = 1, root: Path = Path("/")) -> Memory:
    """The memory that a process of the host below root (/) lives in: its container's, where one limits it, or all."""
    try:
        groups = (root / f"proc/{process}/cgroup").read_text().splitlines()
    except OSError as error:
        raise BoxError(f"process {process}: {error.strerror}; name one that runs on this host") from error
    for line in groups:
        _number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _of_groups(process, root / "sys/fs/cgroup/memory", path, _version_1) or _machine(root / "proc")
    # The only line of version 2, and the last of both versions together.
    return _of_groups(process, root / "sys/fs/cgroup", path, _version_2) or _machine(root / "proc")


def _of_groups(process: int, top: Path, path: str, read: t.Callable[[Path], Memory | None]) -> Memory | None:
    """What the innermost group says that limits the process, if any does."""
    if not (top / path.lstrip("/")).is_dir():
        raise BoxError(
            f"process {process}: its control group {path} is not below {top}; ask on the container's machine, with the "
            "number that its first process has there"
        )
    found = map(read, _outwards(top, path))
    return next((memory for memory in found if memory), None)


def _outwards(top: Path, path: str) -> Iterator[Path]:
    inner = PurePosixPath(path.lstrip("/"))
    yield from (top / group for group in (inner, *inner.parents))


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
    # Each group counts its own here.
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
