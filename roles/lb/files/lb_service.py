# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The LB's service: users ask for the state and the history of their jobs, known by their certificates."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg2
from grid_https import Credentials, GridHandler, GridServer, Refused
from lb_state import Event, state_of

# All events of jobs of an owner: those that name the job, those of its parts at CEs, and those of their parts in a
# batch system. Numbers of batch systems come round again: only what happened since the job was accepted is its.
EVENTS = """
WITH mine AS (
  SELECT job, min(at) AS since FROM event
  WHERE source = 'wms' AND type = 'Accepted' AND owner = %(owner)s AND (%(job)s IS NULL OR job = %(job)s)
  GROUP BY job ORDER BY since DESC LIMIT %(limit)s
), parts AS (
  SELECT DISTINCT mine.job, mine.since, e.ce_job FROM mine JOIN event e USING (job)
  WHERE e.source = 'wms' AND e.ce_job IS NOT NULL
), batch AS (
  SELECT DISTINCT parts.job, parts.since, e.batch_job FROM parts JOIN event e USING (ce_job)
  WHERE e.source = 'ce' AND e.batch_job IS NOT NULL
), found AS (
  SELECT mine.job, e.id FROM mine JOIN event e USING (job) WHERE e.source = 'wms'
  UNION SELECT parts.job, e.id FROM parts JOIN event e USING (ce_job) WHERE e.source = 'ce'
  UNION SELECT batch.job, e.id FROM batch JOIN event e USING (batch_job)
    WHERE e.source IN ('batch', 'wn') AND e.at >= batch.since
)
SELECT found.job, e.id::text, extract(epoch FROM e.at)::float8, e.host, e.source, e.type, e.ce_job, e.batch_job, e.data
FROM found JOIN event e USING (id) ORDER BY e.at, e.id
"""
# Jobs that are listed at once, the latest.
LIMIT = 1000


class LbServer(GridServer):
    database: str
    reader: str


def shown(name: str, events: list[Event]) -> dict[str, Any]:
    return {"id": name, **state_of(events).__dict__}


class Handler(GridHandler):
    server: LbServer

    def answer(self, name: str) -> tuple[int, Any]:
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/") if part]
        match (self.command, parts):
            case ("GET", ["jobs"]):
                return 200, {"jobs": [shown(job, events) for job, events in self.events(name, None).items()]}
            case ("GET", ["jobs", job]):
                events = self.events(name, job).get(job)
                if not events:
                    raise Refused(404, f"{name} has no job {job} here")
                return 200, {**shown(job, events), "events": [event.__dict__ for event in events]}
        raise Refused(404, f"there is nothing to {self.command} at {self.path}")

    def events(self, owner: str, job: str | None) -> dict[str, list[Event]]:
        connection = psycopg2.connect(dbname=self.server.database, user=self.server.reader, host="/var/run/postgresql")
        try:
            with connection.cursor() as cursor:
                cursor.execute(EVENTS, {"owner": owner, "job": job, "limit": LIMIT})
                found: dict[str, list[Event]] = {}
                for name, *row in cursor:
                    found.setdefault(name, []).append(Event(*row))
                return found
        finally:
            connection.close()


def main() -> int:
    given = json.loads(Path(sys.argv[1]).read_text())
    credentials = Credentials(
        Path(given["certificate"]),
        Path(given["key"]),
        Path("/etc/grid-security/certificates"),
        Path(given["banned"]),
    )
    server = LbServer(given["port"], Handler, credentials)
    server.database, server.reader = given["database"], given["reader"]
    signal.signal(signal.SIGTERM, lambda *_of: threading.Thread(target=server.shutdown).start())
    print(f"serving on port {given['port']}", flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
