# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A campaign of faults on the site of tests/inventories/chaos, while jobs run there.

    make chaos SEED=1 RUNS=3

One run: jobs are submitted, a fault is done to a host and after a while undone, more jobs are submitted, and all that
were must come to an end. Which faults, where and for how long comes from the seed alone. The history is written as JSON
lines, and history.py judges it. Clocks are not moved, nor disks filled: containers share both with their machine.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from history import OVER, violations

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOMAIN = "egee.test"
# Where each start of a job leaves a file of its own, on the host that runs it.
WITNESSES = "/srv/chaos"
JOB = """executable = "run.sh"
"""
SCRIPT = f"""#!/bin/sh
mktemp {WITNESSES}/$1.XXXXXX
sleep 5
"""


def container(host: str) -> str:
    return f"chaos-{host}.{DOMAIN}"


def docker(*argv: str, data: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *argv], input=data, capture_output=True, text=True, check=False, timeout=300)


def inside(host: str, script: str) -> subprocess.CompletedProcess[str]:
    return docker("exec", container(host), "sh", "-ec", script)


@dataclass(frozen=True)
class Fault:
    """What is done to a host, how it is undone, and a command that succeeds there once all is well again."""

    name: str
    hosts: tuple[str, ...]
    do: Callable[[str], subprocess.CompletedProcess[str]]
    undo: Callable[[str], subprocess.CompletedProcess[str]]
    well: str


def on_host(do: str, undo: str) -> dict[str, Callable[[str], subprocess.CompletedProcess[str]]]:
    return {"do": lambda host: inside(host, do), "undo": lambda host: inside(host, undo)}


def killed(host: str, unit: str) -> Fault:
    """Nobody starts it again but systemd."""
    well = f"systemctl is-active --quiet {unit}"
    return Fault(f"{unit} killed", (host,), **on_host(f"systemctl kill --signal KILL {unit}", "true"), well=well)


EVERYWHERE = ("voms", "lb", "ce", "bdii", "topbdii", "wms")
BOOTED = "systemctl is-system-running | grep -Eqx 'running|degraded'"
CUT = (
    "nft add table inet chaos"
    "; nft 'add chain inet chaos in { type filter hook input priority -300; policy drop; }'"
    "; nft 'add chain inet chaos out { type filter hook output priority -300; policy drop; }'"
    "; nft add rule inet chaos in iif lo accept; nft add rule inet chaos out oif lo accept"
)
FAULTS = (
    killed("lb", "egee-lb"),
    killed("lb", "rsyslog"),
    killed("ce", "rsyslog"),
    killed("ce", "arc-arex"),
    killed("wms", "rsyslog"),
    killed("wms", "condor"),
    killed("wms", "egee-wms"),
    Fault(
        "database stopped",
        ("lb",),
        **on_host("systemctl stop postgresql", "systemctl start postgresql"),
        well="systemctl is-active --quiet 'postgresql@*' egee-lb",
    ),
    Fault(
        "container killed",
        EVERYWHERE,
        lambda host: docker("kill", container(host)),
        lambda host: docker("start", container(host)),
        BOOTED,
    ),
    Fault(
        "container frozen",
        EVERYWHERE,
        lambda host: docker("pause", container(host)),
        lambda host: docker("unpause", container(host)),
        BOOTED,
    ),
    Fault("network cut", EVERYWHERE, **on_host(CUT, "nft delete table inet chaos"), well=BOOTED),
    Fault(
        "names gone",
        EVERYWHERE,
        **on_host("cp /etc/hosts /root/hosts && : > /etc/hosts", "cat /root/hosts > /etc/hosts && rm /root/hosts"),
        well="getent hosts lb.egee.test",
    ),
)


class Campaign:
    def __init__(self, seed: int, output: Path, limit: float) -> None:
        self.chance, self.output, self.limit = random.Random(seed), output, limit
        self.history: list[dict[str, Any]] = []
        self.waiting: dict[str, str] = {}
        inside("ce", f"install -d -m 1777 {WITNESSES}")
        self.alice("mkdir -p chaos")
        for name, content in (("run.sh", SCRIPT),):
            docker("exec", "-i", container("ui"), "tee", f"/home/alice/chaos/{name}", data=content)

    def tell(self, what: str, **more: Any) -> None:
        record = {"at": round(time.time(), 1), "what": what, **more}
        self.history.append(record)
        with self.output.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(json.dumps(record), flush=True)

    def alice(self, line: str) -> subprocess.CompletedProcess[str]:
        return docker("exec", container("ui"), "runuser", "--login", "alice", "--command", line)

    def submit(self, tag: str) -> None:
        """A submission that is refused while something is broken is no job; the answer says so."""
        description = JOB + f'arguments = ["{tag}"]\n'
        docker("exec", "-i", container("ui"), "tee", "/home/alice/chaos/job.toml", data=description)
        done = self.alice("timeout 120 egee-job submit chaos/job.toml")
        if done.returncode:
            self.tell("refused", tag=tag, said=done.stderr.strip()[-300:])
        else:
            job = done.stdout.strip()
            self.waiting[job] = tag
            self.tell("submitted", job=job, tag=tag)

    def begin(self) -> None:
        """A job without a fault: a fresh site may not be published yet, and its jobs wait."""
        self.submit("before")
        if not self.waiting or not self.until(lambda: all(self.state(job) == "done" for job in self.waiting)):
            raise SystemExit(f"no job is done within {self.limit} s, without a fault; run verify.yml on the site first")
        self.judge()

    def run(self, number: int) -> None:
        fault = self.chance.choice(FAULTS)
        host, lasts = self.chance.choice(fault.hosts), self.chance.randint(2, 20)
        self.submit(f"r{number}a")
        time.sleep(self.chance.randint(0, 8))
        self.tell("fault", run=number, fault=fault.name, host=host, seconds=lasts)
        self.expect(fault.do(host))
        self.submit(f"r{number}b")
        time.sleep(lasts)
        self.expect(fault.undo(host))
        self.tell("undone", run=number, fault=fault.name, host=host)
        if not self.until(lambda: inside(host, fault.well).returncode == 0):
            self.tell("stays broken", fault=fault.name, host=host, seen=f"'{fault.well}' fails after {self.limit} s")
        self.submit(f"r{number}c")
        self.until(lambda: all(self.state(job) in OVER for job in self.waiting))
        self.judge()

    def judge(self) -> None:
        """Tell how those who were submitted ended, and forget them."""
        # What was told last is on its way to the LB.
        self.until(lambda: all("Done" in self.events(job) for job in self.waiting if self.state(job) == "done"))
        for job, tag in self.waiting.items():
            if state := self.state(job):
                starts = inside("ce", f"ls {WITNESSES} | grep -c '^{tag}[.]' || true").stdout
                self.tell("end", job=job, state=state, events=self.events(job), starts=int(starts))
        self.waiting.clear()

    @staticmethod
    def expect(done: subprocess.CompletedProcess[str]) -> None:
        if done.returncode:
            raise SystemExit(f"{' '.join(done.args)}: {done.stderr or done.stdout}")

    def until(self, true: Callable[[], bool]) -> bool:
        end = time.monotonic() + self.limit
        while not (seen := true()) and time.monotonic() < end:
            time.sleep(3)
        return seen

    def state(self, job: str) -> str:
        done = self.alice(f"egee-job status --json {job}")
        return str(json.loads(done.stdout)[0]["state"]) if done.returncode == 0 else ""

    def events(self, job: str) -> list[str]:
        done = self.alice(f"egee-job history --json {job}")
        told = json.loads(done.stdout)[0]["events"] if done.returncode == 0 else []
        return [event["type"] for event in told if event["source"] == "wms"]


def changed_by_services() -> list[str]:
    """The hosts that a run of services.yml changes."""
    site = ["-i", str(ROOT / "tests/inventories/chaos"), "-e", f"@{HERE / 'apart.yml'}"]
    command = ["ansible-playbook", *site, str(ROOT / "playbooks/services.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"services.yml failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return re.findall(r"^(\S+)\s+: ok=\d+\s+changed=[1-9]", done.stdout, re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--limit", type=float, default=300, help="seconds until jobs and hosts must have come round")
    parser.add_argument("--output", type=Path, default=Path(".cache/chaos/history.jsonl"))
    parser.add_argument("--no-services", action="store_true", help="leave out the two runs of services.yml at the end")
    given = parser.parse_args()
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.unlink(missing_ok=True)
    campaign = Campaign(given.seed, given.output, given.limit)
    campaign.expect(campaign.alice("voms-proxy-init -quiet -voms voce"))
    campaign.tell("campaign", seed=given.seed, runs=given.runs)
    campaign.begin()
    for number in range(given.runs):
        campaign.run(number)
    if not given.no_services:
        campaign.tell("mended", changed=changed_by_services())
        campaign.tell("converged", changed=changed_by_services())
    found = violations(campaign.history)
    print("\n".join(found) or f"{given.runs} runs of seed {given.seed}: all held")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
