# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page says of a site, given what Prometheus says."""

from __future__ import annotations

from typing import Any

import site_page

NOW = 1_000_000.0
SITE = {
    "name": "S",
    "interval": 30,
    "check_interval": 60,
    "vos": ["voce"],
    "machines": [],
    "hosts": [
        {"name": "ce.s", "machine": "m", "memory": 384, "services": ["ce"]},
        {"name": "se.s", "machine": "m", "memory": 256, "services": ["se", "ui"]},
    ],
}


def made(answers: dict[str, list[tuple[dict[str, str], float]]]) -> Any:
    """The page of a Prometheus that knows these answers, by how a query begins, and none else."""

    def ask(kind: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        found = next((found for query, found in answers.items() if parameters["query"].startswith(query)), [])
        if kind == "query":
            return [{"metric": labels, "value": [NOW, str(value)]} for labels, value in found]
        return []

    return site_page.page(SITE, site_page.Metrics(ask, NOW))


def check(host: str, service: str, name: str = "it") -> dict[str, str]:
    return {"host": host, "service": service, "check": name}


def states(found: Any) -> dict[str, str]:
    return {one["service"]: one["state"] for one in found["services"]}


def test_what_is_planned_and_not_seen_is_down() -> None:
    found = made({})
    assert states(found) == {"ce": "down", "se": "down", "ui": "down"}
    assert [host["up"] for host in found["hosts"]] == [False, False]


def test_a_service_is_as_its_worst_check() -> None:
    fault = {**check("ce.s", "ce", "REST"), "fault": "refused"}
    found = made(
        {
            "up": [({"host": "ce.s"}, 1), ({"host": "se.s"}, 1)],
            "grid_check_ok": [(check("ce.s", "ce", "REST"), 0), (check("ce.s", "ce"), 1), (check("se.s", "se"), 1)],
            "grid_check_fault": [(fault, 1)],
            "node_textfile_mtime": [({"host": "ce.s"}, NOW - 10), ({"host": "se.s"}, NOW - 200)],
        },
    )
    assert states(found) == {"ce": "failed", "se": "stale", "ui": "unchecked"}
    assert [(one["name"], one["state"], one["fault"]) for one in found["services"][0]["checks"]] == [
        ("REST", "failed", "refused"),
        ("it", "ok", ""),
    ]


def test_a_vo_without_jobs_is_there_and_one_that_is_not_ours_too() -> None:
    found = made({"sum by (vo, status)": [({"vo": "auger", "status": "completed"}, 3)]})
    assert [(one["vo"], one["ended"]) for one in found["jobs"]] == [("voce", {}), ("auger", {"completed": 3})]


def test_a_counter_grows_and_never_shrinks() -> None:
    assert site_page.growth([None, 5, 7, None, 9, 1, 2]) == [0, 0, 2, 0, 2, 0, 1]
