# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Xen driver's xl, the container driver's control groups, processes of jobs, and words for the batch system."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from magrathea import batch, jobs, processes
from magrathea.drivers import DriverError, run
from magrathea.drivers.container import Container
from magrathea.drivers.xen import Xen
from magrathea.outbox import Held
from magrathea.plan import (
    CREATE,
    GIVE_CPU,
    GIVE_MEMORY,
    REBOOT,
    RESTORE,
    SAVE,
    SHUTDOWN,
    TAKE_CPU,
    TAKE_MEMORY,
    Step,
)

# As xl of Xen 4.20 on the lab's machine prints it.
HEAD = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"


class XlDouble:
    """A test double for xl: domains with their MiB, and a note of what was asked."""

    def __init__(self, **domains: int) -> None:
        self.domains = dict(domains)
        self.asked: list[str] = []
        self.slow = 0
        self.fails = ""

    def __call__(self, argv: Sequence[str], _timeout: float) -> str:
        words = " ".join(argv[1:])
        if self.fails and words.startswith(self.fails):
            raise DriverError(f"{words}: failed")
        if argv[1] != "list":
            self.asked.append(words)
        if argv[1] == "mem-set" and not self.slow:
            self.domains[argv[2]] = int(argv[3].removesuffix("m"))
        elif argv[1] == "save":
            Path(argv[4]).write_text("image", "ascii")
        elif argv[1] == "destroy":
            del self.domains[argv[2]]
        elif argv[1] == "restore":
            self.domains[Path(argv[2]).stem] = 512
        elif argv[1] == "list":
            rows = "".join(f"{name} {i} {size} 1 r-----  12.3\n" for i, (name, size) in enumerate(self.domains.items()))
            return HEAD + rows + "(null) 9 0 1 --ps-d 1.0\n"
        return ""


@pytest.fixture
def xl() -> XlDouble:
    return XlDouble(n1=512)


@pytest.fixture
def xen(tmp_path: Path, xl: XlDouble) -> Xen:
    return Xen(Path("/etc/xen"), tmp_path, xl, lambda _seconds: None, patience=1.0)


@pytest.mark.parametrize(
    ("step", "asked"),
    [
        (Step(GIVE_CPU, "n1", 1024, 200), ["sched-credit2 -d n1 -w 1024 -c 200"]),
        (Step(TAKE_CPU, "n1", 16), ["sched-credit2 -d n1 -w 16 -c 0"]),
        (Step(TAKE_MEMORY, "n1", 128), ["mem-set n1 128m"]),
        (Step(GIVE_MEMORY, "n1", 1024), ["mem-set n1 1024m"]),
        (Step(CREATE, "n1"), []),
        (Step(CREATE, "n2"), ["create /etc/xen/n2.cfg"]),
        (Step(REBOOT, "n1"), ["reboot -F n1"]),
        (Step(SHUTDOWN, "n1"), ["shutdown -F n1"]),
        (Step(SHUTDOWN, "gone"), []),
    ],
    ids=lambda value: value.kind if isinstance(value, Step) else "",
)
def test_xl_is_asked(xen: Xen, xl: XlDouble, step: Step, asked: list[str]) -> None:
    xen.apply(step)
    assert xl.asked == asked


def test_memory_that_does_not_come_down_is_told(xen: Xen, xl: XlDouble) -> None:
    xl.slow = 1
    with pytest.raises(DriverError, match="asked to come down to 128 MiB and has 512"):
        xen.apply(Step(TAKE_MEMORY, "n1", 128))
    xen.apply(Step(GIVE_MEMORY, "n1", 1024))  # a guest takes what it is given when it likes
    with pytest.raises(DriverError, match="is gone"):
        xen.apply(Step(TAKE_MEMORY, "n9", 128))


def test_an_image_has_its_name_when_it_is_whole(xen: Xen, xl: XlDouble, tmp_path: Path) -> None:
    xl.fails = "save"
    with pytest.raises(DriverError):
        xen.apply(Step(SAVE, "n1"))
    assert xen.existing(["n1"]) == {"n1": True}
    assert not (tmp_path / "n1.image").exists()
    xl.fails = ""
    xen.apply(Step(SAVE, "n1"))
    assert "n1" not in xl.domains
    assert xen.existing(["n1", "n2"]) == {"n1": True, "n2": False}
    xen.apply(Step(SAVE, "n1"))  # once more does no harm
    xen.apply(Step(RESTORE, "n1"))
    assert xl.domains == {"n1": 512}
    assert not list(tmp_path.iterdir())
    xen.apply(Step(RESTORE, "n1"))
    xl.fails = "unpause"
    xen.apply(Step(RESTORE, "n1"))
    with pytest.raises(DriverError, match="no image"):
        xen.apply(Step(RESTORE, "n2"))


def test_a_frozen_vm_is_discarded(xen: Xen, xl: XlDouble, tmp_path: Path) -> None:
    (tmp_path / "n2.image").write_text("", "ascii")
    xen.destroy("n2")
    xen.destroy("n1")
    assert xen.existing(["n1", "n2"]) == {"n1": False, "n2": False}


def test_a_list_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="a line that is none: 'boo'"):
        Xen(tmp_path, tmp_path, lambda _argv, _timeout: "head\nboo\n").existing(["n1"])


def test_commands_fail_with_their_words() -> None:
    assert run(["echo", "a b"]) == "a b\n"
    with pytest.raises(DriverError, match="not found"):
        run(["no-such-program"])
    with pytest.raises(DriverError, match="ended with 2: .*nowhere"):
        run(["ls", "/nowhere"])
    with pytest.raises(DriverError, match="not done after 0.1 s"):
        run(["sleep", "5"], 0.1)


class Kernel:
    """A test double for /proc and /sys/fs/cgroup, of either version."""

    def __init__(self, place: Path, version: int) -> None:
        self.proc, self.groups, self.version = place / "proc", place / "cgroup", version
        (self.proc / "77").mkdir(parents=True)
        controllers = ("cpu", "memory", "freezer")
        lines = [f"{n}:{name}:/box/n1" for n, name in enumerate(controllers, 2)] if version == 1 else []
        tail = "0::/box/n1/init.scope"
        (self.proc / "77/cgroup").write_text("\n".join([*lines, tail]) + "\n", "ascii")
        for name in controllers if version == 1 else ("",):
            (self.groups / name / "box/n1").mkdir(parents=True)
        files = ("cpu/{}/cpu.shares", "cpu/{}/cpu.cfs_quota_us", "memory/{}/memory.limit_in_bytes")
        if version == 2:
            files = ("{}/cpu.weight", "{}/cpu.max", "{}/memory.high", "{}/memory.reclaim", "{}/cgroup.procs")
            (self.groups / "box/n1/memory.current").write_text(str(300 << 20), "ascii")
        for name in files:
            (self.groups / name.format("box/n1")).write_text("", "ascii")

    def read(self, name: str) -> str:
        return (self.groups / name).read_text("ascii")


class Engine:
    """A test double for a container engine."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.looked_for: list[str] = []
        self.leader = "77"

    def __call__(self, argv: Sequence[str], _timeout: float) -> str:
        if argv[0] == "leader":
            self.looked_for.append(argv[1])
            return self.leader
        self.asked.append(" ".join(argv))
        return ""


COMMANDS = {name: [name, "{name}"] for name in ("leader", "start", "stop", "kill")}


@pytest.mark.parametrize(
    ("version", "step", "files"),
    [
        (
            1,
            Step(GIVE_CPU, "n1", 1024, 150),
            {"cpu/box/n1/cpu.shares": "1024", "cpu/box/n1/cpu.cfs_quota_us": "150000"},
        ),
        (1, Step(TAKE_CPU, "n1", 1), {"cpu/box/n1/cpu.shares": "2", "cpu/box/n1/cpu.cfs_quota_us": "-1"}),
        (1, Step(TAKE_MEMORY, "n1", 64), {"memory/box/n1/memory.limit_in_bytes": str(64 << 20)}),
        (1, Step(SAVE, "n1"), {"freezer/box/n1/freezer.state": "FROZEN"}),
        (1, Step(RESTORE, "n1"), {"freezer/box/n1/freezer.state": "THAWED"}),
        (2, Step(GIVE_CPU, "n1", 1024, 150), {"box/n1/cpu.weight": "100", "box/n1/cpu.max": "150000 100000"}),
        (2, Step(TAKE_CPU, "n1", 1), {"box/n1/cpu.weight": "1", "box/n1/cpu.max": "max 100000"}),
        (
            2,
            Step(TAKE_MEMORY, "n1", 64),
            {"box/n1/memory.high": str(64 << 20), "box/n1/memory.reclaim": str(236 << 20)},
        ),
        (2, Step(GIVE_MEMORY, "n1", 640), {"box/n1/memory.high": str(640 << 20), "box/n1/memory.reclaim": ""}),
        (2, Step(SAVE, "n1"), {"box/n1/cgroup.freeze": "1"}),
    ],
)
def test_control_groups_are_written(tmp_path: Path, version: int, step: Step, files: dict[str, str]) -> None:
    kernel = Kernel(tmp_path, version)
    Container(COMMANDS, Engine(), kernel.proc, kernel.groups).apply(step)
    assert {name: kernel.read(name) for name in files} == files


def test_a_container_may_have_a_name_of_its_own_and_is_looked_for_once(tmp_path: Path) -> None:
    kernel, engine = Kernel(tmp_path, 1), Engine()
    driver = Container(COMMANDS, engine, kernel.proc, kernel.groups, names={"n1": "box-n1"})
    for weight in (1024, 16):
        driver.apply(Step(GIVE_CPU, "n1", weight))
    assert kernel.read("cpu/box/n1/cpu.shares") == "16"
    assert engine.looked_for == ["box-n1"]
    driver.apply(Step(CREATE, "n1"))
    assert engine.asked == ["start box-n1"]


def test_containers_come_and_go(tmp_path: Path) -> None:
    kernel, engine = Kernel(tmp_path, 1), Engine()
    driver = Container(COMMANDS, engine, kernel.proc, kernel.groups)
    assert driver.existing(["n1"]) == {"n1": True}
    for step in (Step(CREATE, "n1"), Step(REBOOT, "n1"), Step(SHUTDOWN, "n1")):
        driver.apply(step)
    driver.destroy("n1")
    assert engine.asked == ["start n1", "stop n1", "start n1", "stop n1", "kill n1"]
    engine.leader = "0"
    assert driver.existing(["n1"]) == {"n1": False}
    with pytest.raises(DriverError, match="does not run"):
        driver.apply(Step(SAVE, "n1"))
    with pytest.raises(DriverError, match="no command to start"):
        Container({}, engine, kernel.proc, kernel.groups).apply(Step(CREATE, "n1"))
    assert Container({}, engine).existing(["n1"]) == {"n1": False}


def test_a_whole_tree_is_stopped_wherever_it_hides() -> None:
    """Children, grandchildren in sessions of their own, and what was handed to the first process."""
    script = "setsid sleep 100 & exec sleep 100"
    program = f"import subprocess, time; subprocess.Popen(['sh', '-c', '{script}']); time.sleep(100)"
    job = f"tree.{os.getpid()}"
    shell = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PBS_JOBID": job})
    try:
        until = time.monotonic() + 60
        while len(processes.tree(job)) < 3 and time.monotonic() < until:
            time.sleep(0.05)
        assert processes.send(job, signal.SIGSTOP) == 3
        while not processes.stopped(job) and time.monotonic() < until:
            time.sleep(0.01)
        assert {process.state for process in processes.tree(job).values()} == {"T"}
        assert processes.send(job, signal.SIGCONT) == 3
        while processes.stopped(job) and time.monotonic() < until:
            time.sleep(0.01)
        assert not processes.stopped(job)
    finally:
        for pid in processes.tree(job):
            os.kill(pid, signal.SIGKILL)
        shell.wait()
    assert processes.send(job, signal.SIGSTOP) == 0
    assert processes.send("other", signal.SIGCONT, [2**22 + 1]) == 0


def test_jobs_are_stopped_also_when_they_come_late() -> None:
    said: list[str] = []
    done: list[str] = []
    control = jobs.Control(
        "slurm", lambda act: act(), lambda argv, _timeout: said.append(" ".join(argv)) or "", again=0.05
    )
    held = Held(f"late-{os.getpid()}", "live", "preemptible", 1, "r")
    try:
        control.suspend([held], done.append)
        until = time.monotonic() + 60
        while not done and time.monotonic() < until:
            time.sleep(0.01)
        late = subprocess.Popen(["sleep", "100"], env={**os.environ, "SLURM_JOB_ID": held.id})
        while not (processes.tree(held.id) and processes.stopped(held.id)) and time.monotonic() < until:
            time.sleep(0.01)
        assert processes.stopped(held.id)
        control.resume([held], done.append)
        while len(done) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        while processes.stopped(held.id) and time.monotonic() < until:
            time.sleep(0.01)
        assert not processes.stopped(held.id)
        late.kill()
        late.wait()
    finally:
        control.close()
    assert done == ["", ""]
    assert said == [f"scontrol suspend {held.id}", f"scontrol resume {held.id}"]


def shown(state: str, *accept: str) -> dict[str, object]:
    available = {"normal": 1, "preemptible": 1, "priority": 0, "at-once": 0}
    return {
        "state": state,
        "accept": list(accept),
        "available": available,
        "cpus": 0,
        "lost": 0.0,
        "lost-cpu": 0.0,
        "changed": 5.0,
        "boot": "",
    }


def test_the_batch_system_is_told_in_bulk() -> None:
    machines = {
        "m1": {"n1.x": shown("free", "normal", "preemptible"), "n2.x": shown("free", "normal", "preemptible")},
        "m2": {"n3.x": shown("occupied"), "n4.x": None, "n5.x": shown("running-cluster", "cluster:venus")},
    }
    nodes = batch.nodes(machines, short=True)
    news = batch.news({}, nodes)
    assert batch.qmgr(news).splitlines() == [
        'set node n1,n2 resources_available.mag_accept = "normal,preemptible"',
        'set node n3 resources_available.mag_accept = "none"',
        'set node n5 resources_available.mag_accept = "cluster_venus"',
        'set node n1 resources_available.mag_state = "free:0:1,1,0;lost=0,0;changed=5"',
        'set node n2 resources_available.mag_state = "free:0:1,1,0;lost=0,0;changed=5"',
        'set node n3 resources_available.mag_state = "occupied:0:1,1,0;lost=0,0;changed=5"',
        'set node n5 resources_available.mag_state = "running-cluster:0:1,1,0;lost=0,0;changed=5"',
    ]
    commands = [" ".join(argv[2:]) for argv in batch.scontrol(news, {})]
    assert commands == [
        "nodename=n1,n2 state=undrain",
        "nodename=n3 state=drain reason=magrathea:occupied",
        "nodename=n5 state=drain reason=magrathea:running-cluster",
    ]
    assert batch.news(nodes, nodes) == {}
    assert batch.qmgr({}) == ""
    assert batch.scontrol({}, nodes) == []


def test_slurm_is_told_only_what_it_does_not_know() -> None:
    before = batch.nodes({"m1": {"n1.x": shown("free", "normal"), "n2.x": shown("occupied")}}, short=True)
    after = batch.nodes({"m1": {"n1.x": shown("running", "normal"), "n2.x": shown("preempted")}}, short=True)
    commands = [" ".join(argv[2:]) for argv in batch.scontrol(batch.news(before, after), before)]
    assert commands == ["nodename=n2 state=drain reason=magrathea:preempted"]


def test_what_others_drained_is_left_alone() -> None:
    nodes = [
        {"name": "a", "state": ["IDLE", "DRAIN"], "reason": "broken disk"},
        {"name": "b", "state": ["IDLE", "DRAIN"], "reason": "magrathea:occupied"},
        {"name": "c", "state": ["IDLE"], "reason": ""},
    ]
    assert batch.not_ours(json.dumps({"nodes": nodes})) == {"a"}
