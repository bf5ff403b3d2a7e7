# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WMS's jobs on disk, a directory each, and the events that are told of them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tarfile
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wms_jobs import LIVE, WRAPPER, Description, Job, submit_file, wrapper


class Books:
    """Where events are written for the LB, one JSON object a line; rsyslog takes them from there."""

    def __init__(self, file: Path | None, host: str) -> None:
        self.file, self.host = file, host

    def tell(self, job: Job, kind: str, details: dict[str, Any], at: float | None = None) -> None:
        if self.file is None:
            return
        moment = datetime.fromtimestamp(at or time.time(), UTC).isoformat(timespec="milliseconds")
        event = {
            # The same event, told twice after a crash, is the same to the LB.
            "id": str(
                uuid.uuid5(uuid.NAMESPACE_URL, f"{job.id}/{job.attempt}/{kind}/{moment if at else uuid.uuid4()}")
            ),
            "at": moment,
            "source": "wms",
            "host": self.host,
            "type": kind,
            "job": job.id,
            "owner": job.owner,
            "vo": job.vo,
            "attempt": job.attempt,
            **details,
        }
        line = (json.dumps(event) + "\n").encode()
        # Opened each time, for it may have been rotated; written in one piece.
        to = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(to, line)
        finally:
            os.close(to)


class Store:
    """All jobs, in memory and on disk. Whoever changes a job holds the lock and saves it."""

    def __init__(self, root: Path, books: Books) -> None:
        self.root, self.books = root, books
        self.lock = threading.RLock()
        (root / "jobs").mkdir(exist_ok=True)
        self.jobs: dict[str, Job] = {}
        for file in (root / "jobs").glob("*/job.json"):
            job = Job.from_json(file.read_text())
            self.jobs[job.id] = job

    def place(self, job: Job) -> Path:
        return self.root / "jobs" / job.id

    def box(self, job: Job) -> Path:
        """The directory of the user's files."""
        return self.place(job) / "box"

    def proxy(self, job: Job) -> Path:
        return self.place(job) / "proxy"

    def key(self, job: Job) -> Path:
        return self.place(job) / "key"

    def save(self, job: Job) -> None:
        fresh = self.place(job) / "job.new"
        fresh.write_text(job.to_json())
        fresh.rename(self.place(job) / "job.json")

    def add(self, owner: str, description: Description) -> Job:
        job = Job(secrets.token_urlsafe(16).replace("-", "_"), owner, description, time.time(), since=time.time())
        with self.lock:
            self.place(job).mkdir(mode=0o700)
            self.box(job).mkdir(mode=0o700)
            self.save(job)
            self.jobs[job.id] = job
        return job

    def enter(self, job: Job, state: str, kind: str, at: float | None = None, **details: Any) -> None:
        """The job is in a new state, and that is told."""
        with self.lock:
            if state and state != job.state:
                job.state, job.since = state, at or time.time()
            self.save(job)
            self.books.tell(job, kind, details, at)

    def prepare(self, job: Job, service: str, interval: int, before: int) -> Path:
        """Write what HTCondor is given; the name of the file for condor_submit."""
        script = self.box(job) / WRAPPER
        script.write_text(wrapper(job, service, interval, before))
        script.chmod(0o755)
        (self.box(job) / "wms-submit").write_text(submit_file(job))
        return Path("wms-submit")

    def output(self, job: Job) -> Path:
        """What the job left, in one file."""
        wanted = [job.description.stdout, job.description.stderr, *job.description.outputs]
        packed = self.place(job) / f"output-{secrets.token_hex(4)}.tar"
        with tarfile.open(packed, "w") as tar:
            for name in wanted:
                if (self.box(job) / name).is_file():
                    tar.add(self.box(job) / name, arcname=name)
        return packed

    def clear(self, job: Job) -> None:
        """Remove the files and the proxy of a job; that it was remains known for a while."""
        shutil.rmtree(self.box(job), ignore_errors=True)
        for file in [self.proxy(job), self.key(job), *self.place(job).glob("output-*")]:
            file.unlink(missing_ok=True)

    def drop(self, job: Job) -> None:
        with self.lock:
            self.jobs.pop(job.id, None)
        shutil.rmtree(self.place(job), ignore_errors=True)

    def live(self) -> list[Job]:
        with self.lock:
            return [job for job in self.jobs.values() if job.state in LIVE]

    def of(self, owner: str) -> list[Job]:
        with self.lock:
            return [job for job in self.jobs.values() if job.owner == owner and job.state != "registered"]
