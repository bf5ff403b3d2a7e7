# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._memory import MIB, Memory, memory

MACHINE = {
    "proc/meminfo": "MemTotal: 393216 kB\nMemFree: 1024 kB\nMemAvailable: 262144 kB\nHugePages_Total: 0\n",
    "proc/vmstat": "nr_free_pages 256\noom_kill 2\n",
}
VERSION_2 = {
    "sys/fs/cgroup/memory.max": f"{256 * MIB}\n",
    "sys/fs/cgroup/memory.current": f"{200 * MIB}\n",
    "sys/fs/cgroup/memory.stat": f"anon 1\ninactive_file {50 * MIB}\n",
    "sys/fs/cgroup/memory.events": "low 0\noom 4\noom_kill 3\n",
}
GROUP = "sys/fs/cgroup/memory"
VERSION_1 = {
    f"{GROUP}/memory.limit_in_bytes": f"{192 * MIB}\n",
    f"{GROUP}/memory.usage_in_bytes": f"{100 * MIB}\n",
    f"{GROUP}/memory.stat": f"inactive_file 7\ntotal_inactive_file {40 * MIB}\n",
    f"{GROUP}/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
    f"{GROUP}/system.slice/slapd.service/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
}
NO_LIMIT = {
    "sys/fs/cgroup/memory.max": "max\n",
    f"{GROUP}/memory.limit_in_bytes": "9223372036854771712\n",
}
THE_MACHINES: Memory = {"total": 384, "used": 128, "oom_kills": 2}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(MACHINE, THE_MACHINES, id="a machine"),
        pytest.param({**MACHINE, **NO_LIMIT}, THE_MACHINES, id="a container without a limit"),
        pytest.param({**MACHINE, **VERSION_2}, {"total": 256, "used": 150, "oom_kills": 3}, id="a container"),
        pytest.param({**MACHINE, **VERSION_1}, {"total": 192, "used": 60, "oom_kills": 1}, id="a container, version 1"),
    ],
)
def test_a_host_tells_of_the_memory_that_limits_it(tmp_path: Path, files: dict[str, str], expected: Memory) -> None:
    for name, text in files.items():
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    assert memory(tmp_path) == expected
