# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All benchmarks, one after another, and a report of them: report.json, and report.html with plots.

    make bench
    python benchmarks/suite.py --only roots,plan --output .cache/bench

What needs something that is not there is named in the report with the reason; what fails is too, and fails the run.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frame import OURS, Number

HERE = Path(__file__).parent
MAGRATHEA = HERE.parent / "roles/magrathea/files"
COLORS = ("#2b6cb0", "#a0aec0")


def there(*commands: str) -> Callable[[], str]:
    """What is missing of the commands, as a reason to skip."""
    return lambda: ", ".join(f"no {one} on this machine" for one in commands if not shutil.which(one))


def as_root(*commands: str) -> Callable[[], str]:
    return lambda: "needs root" if os.geteuid() else there(*commands)()


def pbs() -> str:
    """A server answers, not only its commands are there."""
    if reason := as_root("qmgr")():
        return reason
    done = subprocess.run(["qmgr", "-c", "list server"], capture_output=True, check=False, timeout=60)
    return "no PBS server answers qmgr here" if done.returncode else ""


@dataclass(frozen=True)
class Benchmark:
    name: str
    about: str
    missing: Callable[[], str]


SUITE = (
    Benchmark("roots", "Root filesystems", as_root("mmdebstrap", "debootstrap", "xen-create-image")),
    Benchmark("plan", "The plan of a large site", there()),
    Benchmark("pbs_nodes", "Thousands of PBS nodes", pbs),
    Benchmark("magrathea_requests", "Start requests to a Magrathea master", there()),
    Benchmark("magrathea_cache", "A Magrathea cache of 10,000 machines", there()),
    Benchmark("wms_jobs", "Jobs through WMS, CE and batch system", there("egee-job")),
)


def machine() -> dict[str, Any]:
    cpus = [line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line]
    memory = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()[0].split()[1]
    return {
        "cpu": cpus[0].partition(":")[2].strip() if cpus else platform.machine(),
        "cpus": os.cpu_count(),
        "memory_mib": int(memory) // 1024,
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "python": platform.python_version(),
    }


def run(one: Benchmark, output: Path) -> dict[str, Any]:
    """What came of a benchmark: its numbers, or why there are none."""
    told = {"name": one.name, "about": one.about}
    if reason := one.missing():
        print(f"== {one.name}: skipped, {reason}", flush=True)
        return {**told, "skipped": reason}
    print(f"== {one.name}", flush=True)
    numbers, load = output / f"{one.name}.json", os.getloadavg()[0]
    numbers.unlink(missing_ok=True)
    path = os.pathsep.join([str(MAGRATHEA), os.environ.get("PYTHONPATH", "")])
    began = time.monotonic()
    command = [sys.executable, str(HERE / f"{one.name}.py"), "--json", str(numbers)]
    code = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False).returncode
    told |= {"seconds": round(time.monotonic() - began, 1), "load_before": round(load, 2)}
    if code:
        return {**told, "failed": f"it ended with {code}; run it alone to see why: {' '.join(command)}"}
    return {**told, "numbers": compared(json.loads(numbers.read_text(encoding="utf-8")))}


def compared(numbers: list[Number]) -> list[dict[str, Any]]:
    """Each number of another's way with its ratio to ours in the same case."""
    ours = {one["case"]: one["value"] for one in numbers if one["way"] == OURS}
    return [
        {**one, "ratio": round(one["value"] / ours[one["case"]], 2)}
        if one["way"] != OURS and ours.get(one["case"])
        else dict(one)
        for one in numbers
    ]


def plot(numbers: list[dict[str, Any]]) -> str:
    """Bars, each case by its own scale; ours in another colour."""
    most = {one["case"]: max(other["value"] for other in numbers if other["case"] == one["case"]) for one in numbers}
    rows = []
    for place, one in enumerate(numbers):
        y, width = 22 * place, 300 * one["value"] / (most[one["case"]] or 1)
        ratio = f", {one['ratio']} times ours" if "ratio" in one else ""
        rows.append(
            f'<text x="0" y="{y + 15}">{html.escape(one["case"])}: {html.escape(one["way"])}</text>'
            f'<rect x="460" y="{y + 3}" width="{width:.1f}" height="15" fill="{COLORS[one["way"] != OURS]}"/>'
            f'<text x="{465 + width:.1f}" y="{y + 15}">{one["value"]:g} {one["unit"]}{ratio}</text>'
        )
    return f'<svg width="1000" height="{22 * len(numbers) + 5}" font-size="13">{"".join(rows)}</svg>'


def page(report: dict[str, Any]) -> str:
    facts = "".join(f"<li>{html.escape(name)}: {html.escape(str(it))}</li>" for name, it in report["machine"].items())
    parts = []
    for one in report["benchmarks"]:
        said = next((f"{word}: {one[word]}" for word in ("skipped", "failed") if word in one), "")
        body = f"<p>{html.escape(said)}</p>" if said else plot(one["numbers"])
        load = f"<p>Took {one['seconds']} s; load before it: {one['load_before']}</p>" if "seconds" in one else ""
        parts.append(f"<h2>{html.escape(one['about'])} ({one['name']})</h2>{load}{body}")
    return (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Benchmarks of egee.box</title>'
        '<body style="font-family: sans-serif"><h1>Benchmarks of egee.box</h1>'
        f"<p>{report['when']}. All numbers are of one run on this machine:</p><ul>{facts}</ul>"
        f"{''.join(parts)}</body></html>\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(".cache/bench"))
    parser.add_argument("--only", default=",".join(one.name for one in SUITE), help="names, separated by commas")
    given = parser.parse_args()
    names = given.only.split(",")
    if unknown := set(names) - {one.name for one in SUITE}:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(o.name for o in SUITE)}")
    given.output.mkdir(parents=True, exist_ok=True)
    report = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
        "benchmarks": [run(one, given.output) for one in SUITE if one.name in names],
    }
    (given.output / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (given.output / "report.html").write_text(page(report), encoding="utf-8")
    print(f"{given.output}/report.json, {given.output}/report.html")
    return any("failed" in one for one in report["benchmarks"])


if __name__ == "__main__":
    sys.exit(main())
