# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job for as long as a change of the site takes: it runs until it is let go, and its output proves that it did."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import story_ce as ce
from scene import Failed, Scene

# What is known of the job while nobody tells a story of it.
KEPT = Path("/var/lib/egee-verify")
# Runs while a file is there on its host, a day at most, and adds a link to a chain every second.
SCRIPT = """#!/bin/sh
set -eu
export LC_ALL=C
hold=$1 sum=$2 steps=0
echo "host: $(hostname -f 2>/dev/null || hostname)"
echo "account: $(id -un)"
echo "began: $(date +%s)"
while [ -e "$hold" ] && [ "$steps" -lt 86400 ]; do
    steps=$((steps + 1))
    sum=$(printf '%s %s' "$sum" "$steps" | sha256sum | cut -d ' ' -f 1)
    sleep 1
done
echo "ended: $(date +%s)"
echo "steps: $steps"
echo "sum: $sum"
"""
DESCRIPTION = """&(jobName="held")(executable="held.sh")(arguments="{hold}" "{seed}")(inputFiles=("held.sh" ""))
(stdOut="held.out")(stdErr="held.err")
"""


def chain(seed: str, steps: int) -> str:
    """What the script makes of a seed in so many steps."""
    for step in range(1, steps + 1):
        seed = hashlib.sha256(f"{seed} {step}".encode()).hexdigest()
    return seed


def keep(scene: Scene) -> None:
    """Leave the job to run, so that another story can take it up."""
    # Whole or not at all: half of it would be in the way of every story to come.
    new = KEPT.with_name(f"{KEPT.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    for path in scene.user.place.glob("jobs*"):
        shutil.copyfile(path, new / path.name)
    (new / "kept.json").write_text(json.dumps({**scene.kept, "job": scene.job}))
    new.rename(KEPT)
    scene.job = ""


def take_up(scene: Scene) -> None:
    """Make the job that was left to run the scene's own."""
    for path in KEPT.glob("jobs*"):
        mine = scene.user.place / path.name
        shutil.copyfile(path, mine)
        os.chown(mine, scene.user.account.pw_uid, scene.user.account.pw_gid)
    scene.kept = json.loads((KEPT / "kept.json").read_text())
    scene.job = scene.kept["job"]
    shutil.rmtree(KEPT)


def earlier_ended(scene: Scene) -> list[str]:
    """no job is left of an earlier change that did not come to its end"""
    if not KEPT.exists():
        return []
    take_up(scene)
    for command in ("arckill", "arcclean"):
        scene.user.attempt(*scene.user.arc(command), scene.job)
    return [f"{scene.job} was left; it is ended"]


def held_submitted(scene: Scene) -> list[str]:
    """{user} submits a job to {ce} that runs while there is {hold} on its host"""
    scene.kept = {"seed": secrets.token_hex(16)}
    (scene.user.place / "held.sh").write_text(SCRIPT)
    description = scene.user.place / "held.xrsl"
    description.write_text(DESCRIPTION.format(hold=scene.given.hold, seed=scene.kept["seed"]))
    return ce.submitted(scene, description)


def held_runs(scene: Scene) -> list[str]:
    """the CE runs it, and it is left to run"""
    seen = ce.reached(scene, "Running")
    # The batch system has it by then; its first line may take a little longer.
    time.sleep(scene.given.start)
    scene.kept["seen"] = time.time()
    keep(scene)
    return seen


def held_taken_up(scene: Scene) -> list[str]:
    """{user} still knows the job that was left to run"""
    if not KEPT.exists():
        raise Failed("no job was left to run; job_begins.yml comes before job_ends.yml")
    take_up(scene)
    return [scene.job]


def flaw(told: Mapping[str, str], kept: Mapping[str, Any], skew: float) -> str | None:
    """What is wrong with what the job has told, if anything."""
    try:
        began, steps = int(told["began"]), int(told["steps"])
    except (KeyError, ValueError):
        return "it did not come to its end"
    if began > kept["seen"] + skew:
        late = f"it began {began - kept['seen']:.0f} s after the change did"
        return f"{late}: it was started anew, or verify_start is too short for this site"
    if steps < 1 or told.get("sum") != chain(kept["seed"], steps):
        return f"the sum is not that of {steps} steps from {kept['seed']}"
    return None


def held_right(scene: Scene) -> list[str]:
    """its output is right: it ran under an account of {vo} since before the change, and lost no step"""
    said = ce.fetched(scene, "held")
    if found := flaw(dict(ce.facts(said)), scene.kept, scene.given.skew):
        raise Failed(f"{found}:\n{said}")
    return said.splitlines()
