# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long many jobs at once take through the WMS, and where: the share of each hop, from the LB's histories.

On a UI, as a user with a VOMS proxy:

    python3 wms_jobs.py --jobs 100

Needs nothing but Python and egee-job. What it submits it clears.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HOPS = ("Accepted", "Matched", "Transferred", "Running", "Done")
OVER = ("done", "aborted", "cancelled", "cleared")


def egee(*arguments: str) -> str:
    return subprocess.run(["egee-job", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def submit(description: Path, count: int) -> list[str]:
    return egee("submit", str(description), "--count", str(count)).split()


def states(jobs: set[str]) -> dict[str, str]:
    return {job["id"]: job["state"] for job in json.loads(egee("status", "--json")) if job["id"] in jobs}


def first(events: list[dict[str, Any]]) -> dict[str, float]:
    """When each hop of the WMS was reached; of several attempts the last."""
    return {event["type"]: event["at"] for event in events if event["source"] == "wms" and event["type"] in HOPS}


def show(name: str, seconds: list[float]) -> None:
    if seconds:
        ordered = sorted(seconds)
        ninth = ordered[int(0.9 * (len(ordered) - 1))]
        print(f"{name:<28}{statistics.median(ordered):>9.1f}{ninth:>9.1f}{ordered[-1]:>9.1f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=4, help="commands that submit at the same time")
    parser.add_argument("--sleep", type=int, default=1, help="seconds that each job takes")
    parser.add_argument("--limit", type=int, default=7200, help="seconds until all must be over")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    begin = time.time()
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(given.at_once) as pool:
        description = Path(place, "job.toml")
        description.write_text(f'executable = "/bin/sleep"\narguments = ["{given.sleep}"]\n')
        shares = [given.jobs // given.at_once + (n < given.jobs % given.at_once) for n in range(given.at_once)]
        jobs = {
            job for found in pool.map(lambda share: submit(description, share), filter(None, shares)) for job in found
        }
    submitted = time.time() - begin
    print(f"{len(jobs)} jobs submitted in {submitted:.1f} s: {len(jobs) / submitted:.2f} a second", flush=True)
    seen = states(jobs)
    while not all(state in OVER for state in seen.values()):
        if time.time() - begin > given.limit:
            break
        time.sleep(5)
        seen = states(jobs)
    took = time.time() - begin
    counted = {state: list(seen.values()).count(state) for state in sorted(set(seen.values()))}
    print(f"after {took:.1f} s: {counted}; {counted.get('done', 0) * 60 / took:.1f} done a minute")
    done = counted.get("done", 0) * 60 / took
    numbers = [("jobs submitted", len(jobs) / submitted, "1/s"), ("jobs done", done, "1/min")]
    if given.json:
        # The shape of frame.py, which is not on a UI.
        shape = [{"case": case, "way": "egee.box", "value": value, "unit": unit} for case, value, unit in numbers]
        given.json.write_text(json.dumps(shape))
    # What was told last is on its way.
    time.sleep(10)
    histories = [first(json.loads(egee("history", "--json", job))[0]["events"]) for job in sorted(jobs)]
    print(f"{'seconds':<28}{'median':>9}{'90 %':>9}{'most':>9}")
    for before, after in zip(HOPS, HOPS[1:], strict=False):
        show(f"{before} to {after}", [one[after] - one[before] for one in histories if before in one and after in one])
    show("all", [one["Done"] - one["Accepted"] for one in histories if "Done" in one])
    egee("clear", *(job for job, state in seen.items() if state in OVER))
    return 0 if counted.get("done") == len(jobs) else 1


if __name__ == "__main__":
    sys.exit(main())
