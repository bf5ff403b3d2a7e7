# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WMS's service: users submit jobs, ask for them, cancel them and fetch their output.

Whoever comes with a certificate, or a proxy of it, sees and touches their own jobs only. What a job may claim is
what VOMS certified in the proxy that the user delegates with it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import wms_condor as condor
from grid_delegation import DelegationError, request, sign
from grid_https import Credentials, GridHandler, GridServer, Refused
from wms_jobs import LIVE, Job, described
from wms_keeper import Keeper, warn
from wms_proxy import Unusable, accept
from wms_store import Books, Store


class WmsServer(GridServer):
    store: Store
    keeper: Keeper
    given: dict[str, Any]


class Handler(GridHandler):
    server: WmsServer
    # A file that is made for this answer alone.
    sent: Path | None = None

    def answer(self, name: str) -> tuple[int, Any]:
        parts = [part for part in urlsplit(self.path).path.split("/") if part]
        match (self.command, parts):
            case ("GET", ["jobs"]):
                jobs = sorted(self.server.store.of(name), key=lambda job: job.created)
                return 200, {"jobs": [job.shown() for job in jobs]}
            case ("POST", ["jobs"]):
                return self.register(name)
            case ("GET", ["jobs", job]):
                return 200, self.mine(name, job).shown()
            case ("PUT", ["jobs", job, "inputs", file]):
                return self.take(self.mine(name, job), file)
            case ("PUT", ["jobs", job, "proxy"]):
                return self.submit(self.mine(name, job), name)
            case ("POST", ["jobs", job, "proxy"]):
                return self.delegate(self.mine(name, job))
            case ("GET", ["jobs", job, "output"]):
                return self.give(self.mine(name, job))
            case ("POST", ["jobs", job, "cancel"]):
                return self.cancel(self.mine(name, job))
            case ("DELETE", ["jobs", job]):
                return self.clear(self.mine(name, job))
        raise Refused(404, f"there is nothing to {self.command} at {self.path}")

    def mine(self, name: str, job: str) -> Job:
        """The client's job. Of another's they do not even hear that there is one."""
        found = self.server.store.jobs.get(job)
        if found is None or found.owner != name:
            raise Refused(404, f"{name} has no job {job} here")
        return found

    def register(self, name: str) -> tuple[int, Any]:
        try:
            description = described(json.loads(self.body()))
        except ValueError as error:
            raise Refused(400, str(error)) from error
        wanted = description.vo
        if wanted and wanted not in self.server.given["vos"]:
            raise Refused(403, f"this WMS does not serve the VO {wanted}")
        if len(self.server.store.of(name)) >= self.server.given["jobs_per_user"]:
            raise Refused(429, f"{name} has {self.server.given['jobs_per_user']} jobs here; fetch or clear some first")
        job = self.server.store.add(name, description)
        asked = request(self.server.store.key(job))
        return 201, {"id": job.id, "request": asked, "input_limit": self.server.given["input_limit"]}

    def take(self, job: Job, file: str) -> tuple[int, Any]:
        if job.state != "registered":
            raise Refused(409, f"job {job.id} is {job.state} already")
        if file not in job.description.inputs:
            raise Refused(400, f"{file} is not among the inputs of job {job.id}")
        try:
            self.body_to(self.server.store.box(job) / file, self.server.given["input_limit"])
        except FileExistsError as error:
            raise Refused(409, f"{file} is here already") from error
        return 200, {}

    def submit(self, job: Job, name: str) -> tuple[int, Any]:
        store = self.server.store
        missing = [file for file in job.description.inputs if not (store.box(job) / file).exists()]
        if job.state != "registered" or missing:
            raise Refused(409, f"job {job.id} is {job.state}, and lacks {', '.join(missing) or 'nothing'}")
        try:
            found = accept(self.body().decode("ascii", "replace"), store.key(job), store.proxy(job), name)
        except (Unusable, ValueError) as error:
            raise Refused(403, str(error)) from error
        wanted = job.description.vo or found.vos[0]
        if wanted not in found.vos:
            raise Refused(403, f"the proxy carries {', '.join(found.vos)} and not {wanted}")
        if wanted not in self.server.given["vos"]:
            raise Refused(403, f"this WMS does not serve the VO {wanted}")
        with store.lock:
            job.vo, job.expires = wanted, found.expires
            job.fqans = [fqan for fqan in found.fqans if fqan.split("/")[1] == wanted]
            store.enter(job, "waiting", "Accepted", fqans=job.fqans, executable=job.description.executable)
        try:
            cluster = condor.submit(store.box(job), self.prepared(job))
        except condor.CondorError as error:
            with store.lock:
                job.reason = str(error)
                store.enter(job, "aborted", "Aborted", reason=str(error))
            raise Refused(500, str(error)) from error
        with store.lock:
            job.cluster = cluster
            store.save(job)
        return 201, job.shown()

    def prepared(self, job: Job) -> str:
        given = self.server.given
        url = f"https://{given['hostname']}:{given['port']}"
        return self.server.store.prepare(job, url, given["keep_interval"], given["renew_before"]).name

    def delegate(self, job: Job) -> tuple[int, Any]:
        """A proxy for the running job, below the one that has been renewed for it here."""
        if job.state not in LIVE or job.expires < time.time() + self.server.given["renew_before"]:
            raise Refused(409, f"job {job.id} is {job.state}, and its proxy has not been renewed")
        try:
            return 200, sign(self.body().decode("ascii", "replace"), self.server.store.proxy(job))
        except DelegationError as error:
            raise Refused(400, str(error)) from error

    def give(self, job: Job) -> tuple[int, Any]:
        if job.state != "done":
            raise Refused(409, f"job {job.id} is {job.state}; only of a job that is done there is output")
        self.sent = self.server.store.output(job)
        return 200, self.sent

    def handle_method(self) -> None:
        super().handle_method()
        if self.sent is not None:
            self.sent.unlink(missing_ok=True)
            self.sent = None

    do_GET = do_POST = do_PUT = do_DELETE = handle_method

    def cancel(self, job: Job) -> tuple[int, Any]:
        if job.state not in LIVE:
            raise Refused(409, f"job {job.id} is {job.state}")
        self.server.keeper.end(job, "cancelled", "Cancelled", "by its user")
        return 200, job.shown()

    def clear(self, job: Job) -> tuple[int, Any]:
        store = self.server.store
        if job.state in LIVE:
            raise Refused(409, f"job {job.id} is {job.state}; cancel it first")
        if job.state != "cleared":
            store.enter(job, "cleared", "Cleared")
            # A CE out of reach must still be told to end what runs there, with this proxy.
            if not job.orphans:
                store.clear(job)
        return 200, job.shown()


def main() -> int:
    os.umask(0o077)
    given = json.loads(Path(sys.argv[1]).read_text())
    credentials = Credentials(
        Path(given["host"]["certificate"]),
        Path(given["host"]["key"]),
        Path("/etc/grid-security/certificates"),
        Path(given["banned"]),
    )
    books = Books(Path(given["events"]) if given["events"] else None, given["hostname"])
    server = WmsServer(given["port"], Handler, credentials)
    server.store, server.given = Store(Path(given["state"]), books), given
    server.keeper = Keeper(server.store, given, credentials.is_banned)
    server.keeper.run()
    signal.signal(signal.SIGTERM, lambda *_of: threading.Thread(target=server.shutdown).start())
    warn(f"serving {', '.join(given['vos'])} on port {given['port']}, with {len(server.store.jobs)} jobs")
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
