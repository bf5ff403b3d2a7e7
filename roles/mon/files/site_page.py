# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks Prometheus how the site is, and writes that down for the site's page to draw.

Called by a timer with a file that says what the site consists of. What is planned and not seen is shown as down: a
host that does not answer tells nothing, least of all that it is down.
"""

from __future__ import annotations

import json
import ssl
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOURS = 24
STEP = 900
PATIENCE = 20
# Checks that were due three times and did not come.
STALE = 3

Labels = dict[str, str]
Ask = Callable[[str, dict[str, Any]], list[dict[str, Any]]]


def asker(url: str, certificate: str, key: str, anchors: str) -> Ask:
    """What asks Prometheus, as this host."""
    context = ssl.create_default_context(capath=anchors)
    context.load_cert_chain(certificate, key)

    def ask(kind: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        question = f"{url}/api/v1/{kind}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(question, timeout=PATIENCE, context=context) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result

    return ask


class Metrics:
    """Prometheus's answers, as plain numbers."""

    def __init__(self, ask: Ask, now: float) -> None:
        self.ask = ask
        self.now = now

    def all(self, query: str) -> list[tuple[Labels, float]]:
        found = self.ask("query", {"query": query, "time": self.now})
        return [(sample["metric"], float(sample["value"][1])) for sample in found]

    def by(self, label: str, query: str) -> dict[str, float]:
        return {labels[label]: value for labels, value in self.all(query) if label in labels}

    def over_time(self, label: str, query: str) -> dict[str, list[float | None]]:
        """Of each value of the label a number a step, or none."""
        start = self.now - HOURS * 3600
        found = self.ask("query_range", {"query": query, "start": start, "end": self.now, "step": STEP})
        series = {}
        for one in found:
            points = {round((at - start) / STEP): float(value) for at, value in one["values"]}
            series[one["metric"].get(label, "")] = [points.get(n) for n in range(HOURS * 3600 // STEP + 1)]
        return series


def growth(counts: list[float | None]) -> list[float]:
    """How much a counter grew in each step; before it was first seen, and where it was set back, by nothing."""
    grown, last = [], None
    for count in counts:
        grown.append(max(0.0, count - last) if count is not None and last is not None else 0.0)
        last = count if count is not None else last
    return grown


def hosts(metrics: Metrics, planned: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The hosts as planned, each with what is seen of it."""
    up = metrics.by("host", "up")
    used = metrics.by("host", "grid_memory_used_bytes")
    load = metrics.by("host", "node_load1")
    full = metrics.by(
        "host", '1 - node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"}'
    )
    certificate = metrics.by("host", "grid_certificate_expiry_seconds")
    crl = metrics.by("host", "min by (host) (grid_crl_expiry_seconds)")
    before = metrics.over_time("host", "grid_memory_used_bytes")
    failed: dict[str, list[str]] = {}
    for labels, _value in metrics.all('node_systemd_unit_state{state="failed"} == 1'):
        failed.setdefault(labels["host"], []).append(labels["name"])
    return [
        {
            **host,
            "up": up.get(host["name"]) == 1,
            "used": used.get(host["name"]),
            "used_before": before.get(host["name"], []),
            "load": load.get(host["name"]),
            "disk": full.get(host["name"]),
            "certificate": certificate.get(host["name"]),
            "crl": crl.get(host["name"]),
            "failed": sorted(failed.get(host["name"], [])),
        }
        for host in planned
    ]


def services(metrics: Metrics, seen: list[dict[str, Any]], interval: int) -> list[dict[str, Any]]:
    """Each service of each host with its checks; a check that is out of date is none."""
    written = metrics.by("host", 'node_textfile_mtime_seconds{file=~".*grid.prom"}')
    since = {key(labels): value for labels, value in metrics.all("grid_check_since_seconds")}
    faults = {key(labels): labels["fault"] for labels, _value in metrics.all("grid_check_fault")}
    checks: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for labels, value in metrics.all("grid_check_ok"):
        host, service, name = key(labels)
        stale = metrics.now - written.get(host, 0) > STALE * interval
        checks.setdefault((host, service), []).append(
            {
                "name": name,
                "state": "stale" if stale else "ok" if value else "failed",
                "since": since.get(key(labels)),
                "fault": faults.get(key(labels), ""),
                "seen": written.get(host),
            }
        )
    return [
        {
            "service": service,
            "host": host["name"],
            "checks": sorted(checks.get((host["name"], service), []), key=lambda check: str(check["name"])),
            "state": state(host, checks.get((host["name"], service), [])),
        }
        for host in seen
        for service in host["services"]
    ]


def key(labels: Labels) -> tuple[str, str, str]:
    return labels["host"], labels["service"], labels["check"]


def state(host: dict[str, Any], checks: list[dict[str, Any]]) -> str:
    if not host["up"]:
        return "down"
    states = {check["state"] for check in checks}
    return next((bad for bad in ("failed", "stale") if bad in states), "ok" if states else "unchecked")


def jobs(metrics: Metrics, vos: list[str]) -> list[dict[str, Any]]:
    """Of each VO the jobs there are and were, and what they used."""
    there: dict[str, dict[str, float]] = {}
    for labels, value in metrics.all("sum by (vo, state) (grid_jobs)"):
        there.setdefault(labels["vo"], {})[labels["state"]] = value
    ended: dict[str, dict[str, float]] = {}
    for labels, value in metrics.all("sum by (vo, status) (grid_jobs_ended_total)"):
        ended.setdefault(labels["vo"], {})[labels["status"]] = value
    wall = metrics.by("vo", "sum by (vo) (grid_jobs_wall_seconds_total)")
    cpu = metrics.by("vo", "sum by (vo) (grid_jobs_cpu_seconds_total)")
    there_before = metrics.over_time("vo", "sum by (vo) (grid_jobs)")
    ended_before = metrics.over_time("vo", "sum by (vo) (grid_jobs_ended_total)")
    steps = HOURS * 3600 // STEP + 1
    return [
        {
            "vo": vo,
            "there": there.get(vo, {}),
            "ended": ended.get(vo, {}),
            "wall": wall.get(vo, 0),
            "cpu": cpu.get(vo, 0),
            "there_before": [count or 0 for count in there_before.get(vo, [0] * steps)],
            "ended_before": growth(ended_before.get(vo, [None] * steps)),
        }
        for vo in [*vos, *sorted(set(ended) - set(vos))]
    ]


def page(site: dict[str, Any], metrics: Metrics) -> dict[str, Any]:
    seen = hosts(metrics, site["hosts"])
    return {
        "site": site["name"],
        "made": metrics.now,
        "interval": site["interval"],
        "hours": HOURS,
        "step": STEP,
        "machines": site["machines"],
        "hosts": seen,
        "services": services(metrics, seen, site["check_interval"]),
        "jobs": jobs(metrics, site["vos"]),
    }


def main(path: str) -> None:
    site = json.loads(Path(path).read_text(encoding="utf-8"))
    ask = asker(site["prometheus"], site["certificate"], site["key"], site["anchors"])
    out = Path(site["page"])
    # All of it or nothing, whoever reads meanwhile.
    fresh = out.with_name(f".{out.name}")
    fresh.write_text(json.dumps(page(site, Metrics(ask, time.time()))), encoding="utf-8")
    fresh.chmod(0o644)
    fresh.replace(out)


if __name__ == "__main__":
    main(sys.argv[1])
