# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries what this host serves, and writes what it found for the node exporter to show.

Called by a timer with a file of checks. A check is a command that uses the service as a client does, and a pattern
that a right answer holds. Beside the checks: how much memory the host really uses, how long its certificate and its
revocation lists still hold, and on a CE what the accounting says of jobs, by VO.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# A name, its labels, and its value.
Sample = tuple[str, dict[str, str], float]

JOBS = """
SELECT vo.Name, s.Name,
       EXISTS (SELECT 1 FROM JobEvents e WHERE e.RecordID = a.RecordID AND e.EventKey = 'INLRMS') AS in_batch,
       COUNT(*), SUM(a.UsedWalltime * MAX(a.CPUCount, 1)), SUM(a.UsedCPUUserTime + a.UsedCPUKernelTime)
FROM AAR a JOIN WLCGVOs vo ON vo.ID = a.VOID JOIN Status s ON s.ID = a.StatusID
GROUP BY vo.Name, s.Name, s.Name = 'in-progress' AND in_batch
"""


def run(check: dict[str, Any]) -> str:
    """Nothing if the check's answer is right, else what was wrong."""
    try:
        done = subprocess.run(
            check["argv"],
            env={**os.environ, **check.get("env", {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=check["timeout"],
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {check['timeout']} s"
    except OSError as error:
        return str(error)
    answer = done.stdout.decode(errors="replace")
    if re.search(check["answer"], answer):
        return ""
    # The last line says most, as a rule; progress dots say nothing.
    lines = [line.strip() for line in re.sub(r"\.{4,}", " ", answer).splitlines() if line.strip()]
    return lines[-1][:160] if lines else f"no answer, exit code {done.returncode}"


def check_samples(checks: list[dict[str, Any]], before: dict[str, Any], now: float) -> Iterator[Sample]:
    """How each check went and since when, kept in before from run to run."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        faults = list(pool.map(run, checks))
    known = dict(before)
    before.clear()
    for check, fault in zip(checks, faults, strict=True):
        key = f"{check['service']} {check['name']}"
        last = known.get(key, {})
        since = last["since"] if last and bool(last["fault"]) == bool(fault) else now
        before[key] = {"fault": fault, "since": since}
        labels = {"service": check["service"], "check": check["name"]}
        yield "grid_check_ok", labels, float(not fault)
        yield "grid_check_since_seconds", labels, since
        if fault:
            yield "grid_check_fault", {**labels, "fault": fault}, 1


def memory_used() -> float:
    """Bytes that the host's programs use, without what is only cached."""
    with contextlib.suppress(OSError):
        # A container that sees its own limit.
        fields = dict(line.split() for line in Path("/sys/fs/cgroup/memory.stat").read_text().splitlines())
        return float(Path("/sys/fs/cgroup/memory.current").read_text()) - float(fields["inactive_file"])
    if Path("/run/systemd/container").exists():
        # A container that sees its machine's memory only: what its processes have for themselves.
        return float(sum(own_pages(process) for process in Path("/proc").glob("[0-9]*/statm"))) * resource.getpagesize()
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return 1024.0 * (int(fields["MemTotal"].split()[0]) - int(fields["MemAvailable"].split()[0]))


def own_pages(process: Path) -> int:
    with contextlib.suppress(OSError):
        _size, resident, shared = process.read_text().split()[:3]
        return int(resident) - int(shared)
    return 0


def openssl_date(*arguments: str) -> float:
    """The time in an answer of openssl like notAfter=Nov 22 22:00:00 2027 GMT."""
    answer = subprocess.run(["openssl", *arguments, "-noout"], capture_output=True, text=True, check=True).stdout
    date = datetime.strptime(answer.strip().partition("=")[2], "%b %d %H:%M:%S %Y GMT")
    return date.replace(tzinfo=UTC).timestamp()


def expiry_samples(certificate: str, anchors: str) -> Iterator[Sample]:
    with contextlib.suppress(subprocess.CalledProcessError, ValueError):
        yield "grid_certificate_expiry_seconds", {}, openssl_date("x509", "-in", certificate, "-enddate")
    for path in sorted(Path(anchors).glob("*.r0")):
        with contextlib.suppress(subprocess.CalledProcessError, ValueError):
            yield "grid_crl_expiry_seconds", {"crl": path.stem}, openssl_date("crl", "-in", str(path), "-nextupdate")


def job_samples(database: str) -> Iterator[Sample]:
    """What A-REX's accounting says: jobs there are, by state, and jobs there were, with what they used."""
    if not Path(database).exists():
        return
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as books:
        for vo, status, in_batch, count, wall, cpu in books.execute(JOBS):
            labels = {"vo": vo or "none"}
            if status == "in-progress":
                yield "grid_jobs", {**labels, "state": "batch" if in_batch else "accepted"}, count
            else:
                yield "grid_jobs_ended_total", {**labels, "status": status}, count
                yield "grid_jobs_wall_seconds_total", {**labels, "status": status}, wall
                yield "grid_jobs_cpu_seconds_total", {**labels, "status": status}, cpu


def text(samples: Iterable[Sample]) -> str:
    """The samples as Prometheus reads them, those of a name together."""
    lines: dict[str, list[str]] = {}
    for name, labels, value in samples:
        inside = ",".join(f'{key}="{escaped(labels[key])}"' for key in labels)
        lines.setdefault(name, []).append(f"{name}{{{inside}}} {value}")
    kinds = {name: "counter" if name.endswith("_total") else "gauge" for name in lines}
    return "".join("\n".join([f"# TYPE {name} {kinds[name]}", *lines[name], ""]) for name in lines)


def escaped(value: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in value)
    return printable.replace("\\", "\\\\").replace('"', '\\"')


def write(path: Path, content: str) -> None:
    """All of it or nothing, whoever reads meanwhile."""
    fresh = path.with_name(f".{path.name}")
    fresh.write_text(content, encoding="utf-8")
    fresh.chmod(0o644)
    fresh.replace(path)


def main(path: str) -> None:
    wanted = json.loads(Path(path).read_text(encoding="utf-8"))
    kept = Path(wanted["state"])
    before = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    now = time.time()
    samples: list[Sample] = list(check_samples(wanted["checks"], before, now))
    samples.append(("grid_memory_used_bytes", {}, memory_used()))
    samples += expiry_samples(wanted["certificate"], wanted["anchors"])
    if wanted["accounting"]:
        samples += job_samples(wanted["accounting"])
    write(Path(wanted["metrics"]), text(samples))
    write(kept, json.dumps(before))


if __name__ == "__main__":
    main(sys.argv[1])
