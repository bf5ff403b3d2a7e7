# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of the site do alike: act as a user, and wait for what comes about by and by."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from testinfra.backend.base import CommandResult
from testinfra.host import Host

ALICE = "/DC=test/DC=egee/O=Users/CN=Alice Novak"
# The states of a job that is over, and seconds until one must have got somewhere on a busy machine.
OVER = ("done", "aborted", "cancelled", "cleared")
PATIENCE = 600


class User:
    """Somebody with an account on a host."""

    def __init__(self, host: Host, name: str) -> None:
        self.host, self.name = host, name

    def attempt(self, line: str) -> CommandResult:
        return self.host.run("runuser --login %s --command %s", self.name, line)

    def __call__(self, line: str) -> str:
        """What a command says that must succeed."""
        done = self.attempt(line)
        assert done.rc == 0, f"{line}: {done.stdout}{done.stderr}"
        return str(done.stdout).strip()


class Submitter(User):
    """Somebody on the UI with a proxy of a VO, who leaves no job behind."""

    def __init__(self, ui: Host, name: str, vo: str) -> None:
        super().__init__(ui, name)
        self(f"voms-proxy-init -quiet -voms {vo}")

    def __enter__(self) -> Submitter:
        return self

    def __exit__(self, *_what: object) -> None:
        for job in json.loads(self("egee-job status --json")):
            if job["state"] not in OVER:
                self.attempt(f"egee-job cancel {job['id']}")
            self.attempt(f"egee-job clear {job['id']}")

    def describe(self, name: str, script: str, *lines: str) -> None:
        """A job of this name that runs a script."""
        self.host.check_output("rm -rf /tmp/%s && install -d -o %s /tmp/%s", name, self.name, name)
        for file, content in (
            ("run.sh", f"#!/bin/sh\n{script}\n"),
            ("job.toml", "\n".join(['executable = "run.sh"', *lines])),
        ):
            self.host.check_output("printf %%s %s > /tmp/%s/%s", content, name, file)

    def submit(self, name: str) -> str:
        return self(f"egee-job submit /tmp/{name}/job.toml")

    def job(self, job: str) -> dict[str, Any]:
        return dict(json.loads(self(f"egee-job status --json {job}"))[0])

    def reaches(self, job: str, *states: str) -> dict[str, Any]:
        wait_until(lambda: self.job(job)["state"] in states, lambda: str(self.job(job)), limit=PATIENCE)
        return self.job(job)

    def told(self, job: str) -> list[tuple[str, str]]:
        done = self.attempt(f"egee-job history --json {job}")
        events = json.loads(done.stdout)[0]["events"] if done.rc == 0 else []
        return [(event["source"], event["type"]) for event in events]


def wait_until(true: Callable[[], Any], shown: Callable[[], str] = str, *, limit: float) -> Any:
    """What it is that is true at last, within so many seconds; if nothing is, what is shown says why."""
    end = time.monotonic() + limit
    while not (seen := true()):
        assert time.monotonic() < end, shown()
        time.sleep(3)
    return seen
