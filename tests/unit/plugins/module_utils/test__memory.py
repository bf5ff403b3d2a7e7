# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._memory import MIB, Memory, memory
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError

MACHINE = {
    "proc/meminfo": "MemTotal: 393216 kB\nMemFree: 1024 kB\nMemAvailable: 262144 kB\nHugePages_Total: 0\n",
    "proc/vmstat": "nr_free_pages 256\noom_kill 2\n",
    # Process 1 is the host's own, 77 a container's.
    "proc/1/cgroup": "0::/init.scope\n",
    "sys/fs/cgroup/init.scope/memory.max": "max\n",
}
DOCKER = "sys/fs/cgroup/system.slice/docker-6b16.scope"
VERSION_2 = {
    **MACHINE,
    "proc/77/cgroup": "0::/system.slice/docker-6b16.scope/init.scope\n",
    f"{DOCKER}/init.scope/memory.max": "max\n",
    f"{DOCKER}/memory.max": f"{256 * MIB}\n",
    f"{DOCKER}/memory.current": f"{200 * MIB}\n",
    f"{DOCKER}/memory.stat": f"anon 1\ninactive_file {50 * MIB}\n",
    f"{DOCKER}/memory.events": "low 0\noom 4\noom_kill 3\n",
    "sys/fs/cgroup/system.slice/memory.max": "max\n",
}
TOP = "sys/fs/cgroup/memory"
GROUP = f"{TOP}/docker/6b16"
VERSION_1 = {
    **MACHINE,
    "proc/1/cgroup": "5:cpu,cpuacct:/\n4:memory:/\n0::/\n",
    f"{TOP}/memory.limit_in_bytes": "9223372036854771712\n",
    "proc/77/cgroup": "5:cpu,cpuacct:/docker/6b16\n4:memory,hugetlb:/docker/6b16\n0::/docker/6b16/init.scope\n",
    f"{GROUP}/memory.limit_in_bytes": f"{192 * MIB}\n",
    f"{GROUP}/memory.usage_in_bytes": f"{100 * MIB}\n",
    f"{GROUP}/memory.stat": f"inactive_file 7\ntotal_inactive_file {40 * MIB}\n",
    f"{GROUP}/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    f"{GROUP}/system.slice/slapd.service/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
}
# What a container of Docker's sees that has a branch of cgroup2 for itself, beside the older hierarchy that limits it.
BLIND = {**MACHINE, "proc/1/cgroup": "4:memory:/\n0::/../..\n"}
SEEN_INSIDE = {name.replace(f"{DOCKER}/", "sys/fs/cgroup/"): text for name, text in VERSION_2.items()}
NOT_LIMITED = {**VERSION_2, f"{DOCKER}/memory.max": "max\n"}
THE_MACHINES: Memory = {"total": 384, "used": 128, "oom_kills": 2}
THE_CONTAINERS: Memory = {"total": 256, "used": 150, "oom_kills": 3}


def lay(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


@pytest.mark.parametrize(
    ("files", "process", "expected"),
    [
        pytest.param(MACHINE, 1, THE_MACHINES, id="a machine"),
        pytest.param(VERSION_2, 1, THE_MACHINES, id="a machine of containers"),
        pytest.param(VERSION_1, 1, THE_MACHINES, id="a machine of containers, version 1"),
        pytest.param(VERSION_2, 77, THE_CONTAINERS, id="a container"),
        pytest.param(SEEN_INSIDE, 1, THE_CONTAINERS, id="a container, asked inside"),
        pytest.param(NOT_LIMITED, 77, THE_MACHINES, id="a container without a limit"),
        pytest.param(VERSION_1, 77, {"total": 192, "used": 60, "oom_kills": 2}, id="a container, version 1"),
    ],
)
def test_a_process_lives_in_the_memory_that_limits_it(
    tmp_path: Path, files: dict[str, str], process: int, expected: Memory
) -> None:
    lay(tmp_path, files)
    assert memory(process, tmp_path) == expected


@pytest.mark.parametrize(
    ("files", "process", "said"),
    [
        pytest.param(MACHINE, 77, "process 77: No such file or directory; name one that runs on this host", id="none"),
        pytest.param(BLIND, 1, "its control group / is not below", id="a container that does not see it"),
    ],
)
def test_what_cannot_be_seen_is_not_guessed(tmp_path: Path, files: dict[str, str], process: int, said: str) -> None:
    lay(tmp_path, files)
    with pytest.raises(BoxError, match=said):
        memory(process, tmp_path)
