# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stories of people who use the grid, told on the UI with the UI's own tools.

A story is a list of steps. Each step is a function whose docstring says what is true after it; it
returns the lines worth showing, or raises Failed. A story ends at its first failure, with an exit
code that says so, and takes away what it left behind.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import story_ce as ce
import story_held as held
import story_jobs as jobs
import story_storage as storage
from scene import Failed, Person, Scene, Step

STORIES: dict[str, tuple[str, list[Step]]] = {
    "chain": (
        "A job from the UI, with a proxy from VOMS, through the CE, and its output back",
        [ce.proxy_with_attributes, ce.job_submitted, ce.job_finished, ce.output_fetched],
    ),
    "refusals": (
        "Those whom the CE must not serve, and what they are told",
        [
            ce.member_is_served,
            ce.stranger_gets_no_attributes,
            ce.stranger_is_refused,
            ce.expired_is_refused,
            ce.forged_is_refused,
        ],
    ),
    "credential": (
        "A credential into MyProxy and back, and those to whom it does not give it",
        [
            storage.credential_stored,
            storage.credential_fetched,
            storage.wrong_passphrase_is_refused,
            storage.renewal_is_refused,
        ],
    ),
    "files": (
        "Files onto the SE and back, and those to whom it does not give them",
        [
            storage.stored_and_read,
            storage.copied_by_the_se,
            storage.wrong_checksum_leaves_nothing,
            storage.no_attributes_is_refused,
            storage.outside_is_refused,
        ],
    ),
    "grid": (
        "A job through the whole grid and back, with files and history; of two VOs at once, if there are two",
        [
            ce.proxy_with_attributes,
            jobs.renewal_allowed,
            jobs.input_stored,
            jobs.job_accepted,
            jobs.job_done,
            jobs.output_right,
            jobs.history_complete,
            jobs.others_are_shut_out,
            # Last, for MON looks only now and then.
            jobs.job_accounted,
        ],
    ),
    "claims": (
        "Those whom the WMS must not serve, and what they are told",
        [
            jobs.member_is_known,
            jobs.no_membership_is_refused,
            jobs.forged_membership_is_refused,
            jobs.another_vo_is_refused,
            jobs.old_proxies_are_refused,
            jobs.anothers_job_is_refused,
        ],
    ),
    "begins": (
        "A job that runs while the site is changed",
        [ce.proxy_with_attributes, held.earlier_ended, held.held_submitted, held.held_runs],
    ),
    "ends": (
        "The job that ran while the site was changed, to its end",
        [ce.proxy_with_attributes, held.held_taken_up, ce.job_finished, held.held_right],
    ),
}
# Stories that members of two VOs tell at the same time.
TOGETHER = ("grid",)


@contextmanager
def scene_of(given: argparse.Namespace) -> Iterator[Scene]:
    """The scene of a story, which is left as it was found, also on the CE."""
    stage = Path(tempfile.mkdtemp(prefix="verify-"))
    stage.chmod(0o755)
    scene = Scene(given, Person(given.user, stage), Person(given.stranger, stage))
    try:
        yield scene
    finally:
        # A job that runs is killed, one that has ended badly is removed; whichever it is, the other does nothing.
        if scene.job:
            scene.user.attempt(*scene.user.arc("arckill"), scene.job)
            scene.user.attempt(*scene.user.arc("arcclean"), scene.job)
        if scene.grid_job:
            scene.user.attempt("egee-job", "cancel", scene.grid_job)
            scene.user.attempt("egee-job", "clear", scene.grid_job)
        for argv in reversed(scene.undo):
            scene.user.attempt(*argv)
        shutil.rmtree(stage)


def say(text: str, indent: int) -> None:
    for line in text.splitlines():
        print(" " * indent + line, flush=True)


def words(text: str) -> list[str]:
    """What stands between commas, or nothing."""
    return [word for word in text.split(",") if word]


def members(given: argparse.Namespace) -> list[argparse.Namespace]:
    """Who tells the story: the member, and if it is one for two, that of the second VO."""
    found = [given]
    if given.second and given.story in TOGETHER:
        found.append(argparse.Namespace(**{**vars(given), **given.second}))
    return found


def attempt(step: Step, scene: Scene) -> tuple[bool, str]:
    """Whether a step went as it should, and what was seen."""
    try:
        return True, "\n".join(step(scene))
    except (Failed, OSError, ValueError, subprocess.TimeoutExpired) as failure:
        return False, str(failure)


def tell(given: argparse.Namespace) -> int:
    title, steps = STORIES[given.story]
    say(title, 0)
    with ExitStack() as stack:
        scenes = [stack.enter_context(scene_of(member)) for member in members(given)]
        if len(scenes) == 2:
            scenes[0].other, scenes[1].other = scenes[1], scenes[0]
        for number, step in enumerate(steps, 1):
            begin = time.monotonic()
            with ThreadPoolExecutor(len(scenes)) as tellers:
                told = list(tellers.map(attempt, [step] * len(scenes), scenes))
            for scene, (_well, seen) in zip(scenes, told, strict=True):
                named = {**vars(scene.given), "fqans": ", ".join(scene.given.fqans)}
                say(f"{number}. {str(step.__doc__).format(**named)}", 0)
                say(seen, 6)
            if not all(well for well, _seen in told):
                say(f"FAILED after {time.monotonic() - begin:.1f} s", 3)
                return 1
            say(f"ok, {time.monotonic() - begin:.1f} s", 3)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("story", choices=STORIES)
    for name, meaning in (
        ("user", "account of a member of the VO"),
        ("user-dn", "the member's distinguished name, in slash form"),
        ("ca-dn", "that of the CA"),
        ("stranger", "account of somebody who is in no VO"),
        ("vo", "name of the VO"),
        ("ce", "URL of the CE, with its port"),
        ("job", "description of a job that says where it ran and as whom"),
        ("myproxy", "the MyProxy server, if there is one"),
        ("se", "the SE, if there is one"),
        ("wms-dn", "name of the WMS, in slash form, if there is one"),
        ("lb", "the LB, if there is one"),
        ("mon", "the MON, if there is one"),
        ("certificates", "directory of the trust anchors"),
        ("hold", "file on worker nodes and the CE while which is there a held job runs"),
    ):
        parser.add_argument(f"--{name}", required=True, help=meaning)
    for name, meaning in (
        ("fqans", "attributes that the member holds in VOMS, with commas between them"),
        ("accounts", "local accounts of the VO's members, likewise"),
        ("tellers", "whose events of a job the LB gets, likewise"),
        ("forks", "CEs that run jobs themselves, likewise"),
    ):
        parser.add_argument(f"--{name}", required=True, type=words, help=meaning)
    parser.add_argument("--second", type=json.loads, help="the member of a second VO: what differs, in JSON")
    parser.add_argument("--limit", type=int, default=600, help="seconds until the job must have ended")
    parser.add_argument("--poll", type=int, default=10, help="seconds between two questions for its state")
    parser.add_argument("--start", type=int, default=30, help="seconds that a job that runs may take to its first line")
    parser.add_argument("--skew", type=int, default=5, help="seconds by which clocks may differ")
    return tell(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
