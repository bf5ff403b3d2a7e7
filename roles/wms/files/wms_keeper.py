# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the WMS does by itself: follows the jobs, renews proxies, and helps where a CE or HTCondor fails."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import wms_condor as condor
from wms_condor import CondorError, EventLog
from wms_jobs import OVER, Job, Limits, begin_anew, follow, judge
from wms_proxy import Unusable, kill_at_ce, renew, renew_at_ce
from wms_store import Store


def warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Keeper:
    """The jobs' keeper. It learns of changes from HTCondor's log, and looks after all jobs once in a while."""

    def __init__(self, store: Store, given: dict[str, Any], is_banned: Callable[[str], bool]) -> None:
        self.store, self.given, self.is_banned = store, given, is_banned
        self.limits = Limits(**given["limits"])
        self.log = EventLog(Path(given["event_log"]), store.root / "event-log.mark")

    def run(self) -> None:
        for period, work in ((self.given["poll"], self.follow), (self.given["keep_interval"], self.look_after)):
            threading.Thread(target=self.repeat, args=(period, work), daemon=True).start()

    def repeat(self, period: float, work: Callable[[], None]) -> None:
        while True:
            try:
                work()
            except Exception as error:
                # Whatever it is: a keeper that is gone would be missed much later.
                warn(f"{work.__name__}: {error!r}")
            time.sleep(period)

    def follow(self) -> None:
        """What has happened to the jobs since last time."""
        seen = False
        for event in self.log.new():
            seen = True
            job = self.store.jobs.get(event.get("EgeeJobId", ""))
            if event.get("MyType") != "JobAdInformationEvent" or job is None:
                continue
            with self.store.lock:
                if not job.cluster and event.get("RoutedFromJobId") is None:
                    job.cluster = event["Cluster"]
                happened = follow(job, event)
                if happened is not None:
                    at = datetime.fromisoformat(event["EventTime"]).timestamp()
                    self.store.enter(job, happened.state, happened.type, at, **happened.details)
        if seen:
            self.log.keep()

    def look_after(self) -> None:
        live = self.store.live()
        queue = condor.queue() if live else {}
        now = time.time()
        for job in live:
            try:
                if self.is_banned(job.owner):
                    if self.given["end_banned"]:
                        self.end(job, "aborted", "Aborted", f"{job.owner} is banned here")
                    continue
                self.keep_valid(job, now)
                self.act(job, queue, now)
            except (CondorError, OSError) as error:
                warn(f"{job.id}: {error}")
        with self.store.lock:
            others = [job for job in self.store.jobs.values() if job not in live]
        for job in others:
            self.tidy(job, now)
        for job in [*live, *others]:
            self.end_orphans(job)

    def keep_valid(self, job: Job, now: float) -> None:
        """Renew a proxy that ends soon. What fails is tried again next time, for as long as the old one holds."""
        name = job.description.renewal
        if not name or not self.given["myproxy"] or job.expires > now + self.given["renew_before"]:
            return
        try:
            proxy = self.store.proxy(job)
            found = renew(proxy, self.given["myproxy"], name, job.fqans, job.vo, self.given["host"])
        except (Unusable, OSError) as error:
            warn(f"{job.id}: proxy not renewed: {error}")
            if not job.reason.startswith("proxy not renewed"):
                with self.store.lock:
                    job.reason = f"proxy not renewed: {error}"
                    self.store.enter(job, "", "RenewalFailed", reason=str(error))
            return
        with self.store.lock:
            job.expires, job.reason = found.expires, ""
            self.store.enter(job, "", "Renewed", expires=int(found.expires))
        if job.ce_job:
            try:
                renew_at_ce(job.ce_url, job.ce_job, proxy)
                self.store.enter(job, "", "Delegated", ce=job.ce, ce_job=job.ce_job)
            except Unusable as error:
                warn(f"{job.id}: renewed proxy not delegated: {error}")
                # So that it is tried again.
                with self.store.lock:
                    job.expires = min(job.expires, now + self.given["renew_before"])
                    self.store.save(job)

    def act(self, job: Job, queue: dict[int, dict[str, Any]], now: float) -> None:
        verdict = judge(job, queue, now, self.limits)
        if verdict.action == "abort":
            self.end(job, "aborted", "Aborted", verdict.reason)
        elif verdict.action == "resubmit":
            routed = job.routed
            with self.store.lock:
                self.store.enter(job, "", "Failed", reason=verdict.reason, ce=job.ce, ce_job=job.ce_job)
                begin_anew(job)
                job.reason = verdict.reason
                self.store.enter(job, "waiting", "Resubmitted", reason=verdict.reason)
            condor.avoid(job.cluster, job.avoided)
            condor.remove(routed)
        elif verdict.action == "forgive":
            with self.store.lock:
                job.avoided.clear()
                self.store.save(job)
            condor.avoid(job.cluster, [])
        for cluster, row in queue.items():
            # What a dead CE does not let go of, of this job's earlier attempts or of this one.
            mine = row.get("RoutedFromJobId") == f"{job.cluster}.0"
            if mine and row.get("JobStatus") == 3 and now > row["EnteredCurrentStatus"] + self.limits.removal:
                condor.forget(cluster)

    def end(self, job: Job, state: str, kind: str, reason: str) -> None:
        """End a job before its time."""
        with self.store.lock:
            if job.state in OVER:
                return
            job.reason = reason
            if job.ce_job:
                job.orphans.append((job.ce_url, job.ce_job))
            self.store.enter(job, state, kind, reason=reason)
        if job.cluster:
            condor.remove(job.cluster)

    def end_orphans(self, job: Job) -> None:
        """Tell CEs to end what was left behind there, until they have heard it or the proxy has ended."""
        for orphan in list(job.orphans):
            try:
                if job.expires > time.time() and self.store.proxy(job).exists():
                    kill_at_ce(*orphan, self.store.proxy(job))
            except Unusable as error:
                # A CE that does not know it any more answers with 404.
                if " 404 " not in f"{error} ":
                    continue
            with self.store.lock:
                job.orphans.remove(orphan)
                self.store.save(job)

    def tidy(self, job: Job, now: float) -> None:
        """Drop what was never submitted, and what has been over for long."""
        age = now - job.since
        if job.state == "registered" and age > 3600:
            self.store.drop(job)
        elif job.state in OVER and age > self.given["keep"]:
            if job.state != "cleared":
                self.store.enter(job, "cleared", "Cleared", reason="nobody fetched the output")
            self.store.clear(job)
            self.store.drop(job)
