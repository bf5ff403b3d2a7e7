# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the monitoring shows, to whom, and what it says when something has stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from acting import wait_until
from testinfra.host import Host

At = Callable[[str], Host]

GRID = "/etc/grid-security"
CURL = f"curl --silent --show-error --max-time 20 --capath {GRID}/certificates"
AS_HOST = f"--cert {GRID}/hostcert.pem --key {GRID}/hostkey.pem"
PAGE = "https://mon.egee.test/"
# Until Prometheus has looked at all hosts, and as much again.
wait_for = partial(wait_until, limit=240)


def page(at: At) -> Any:
    """What the page shows, made anew."""
    at("mon").check_output("systemctl start site-page")
    return json.loads(at("ui").check_output(f"{CURL} {AS_HOST} {PAGE}site.json"))


def service(at: At, name: str) -> Any:
    return next(one for one in page(at)["services"] if one["service"] == name)


def check(at: At, *hosts: str) -> None:
    """A round of checks now instead of within the next minute."""
    for host in hosts:
        at(host).check_output("systemctl start grid-check")


def test_the_page_is_for_those_with_a_certificate(at: At) -> None:
    ui = at("ui")
    assert "<title>" in ui.check_output(f"{CURL} {AS_HOST} {PAGE}")
    status = "--output /dev/null --write-out '%{http_code}'"
    assert ui.run(f"{CURL} {status} {PAGE}").stdout == "400"
    assert ui.run(f"{CURL} {status} {PAGE}site.json").stdout == "400"
    assert ui.run(f"curl --silent --max-time 5 {PAGE.replace('https', 'http')}").rc != 0


def test_the_page_needs_nothing_from_elsewhere(at: At) -> None:
    answer = at("ui").check_output(f"{CURL} {AS_HOST} --include {PAGE}")
    assert "default-src 'none'" in answer
    assert "http://" not in answer and "https://" not in answer.replace("https://www.gnu.org/licenses/", "")


def test_every_domain_is_seen_with_the_memory_that_it_really_uses(at: At, site: Any) -> None:
    wait_for(lambda: all(host["up"] and host["used"] for host in page(at)["hosts"]))
    for host in page(at)["hosts"]:
        planned = site.domains[host["name"]]["memory"]
        assert host["memory"] == planned
        assert 5 < host["used"] / 2**20 < planned
        assert host["failed"] == []


def test_what_is_served_is_checked_and_works(at: At, site: Any) -> None:
    # Each service has the host of its name.
    names = [domain["short"] for domain in site.domains.values()]
    check(at, *names)
    wait_for(lambda: {one["service"]: one["state"] for one in page(at)["services"]} == dict.fromkeys(names, "ok"))


def test_jobs_are_in_the_books_of_their_vo(at: At) -> None:
    wait_for(lambda: any(one["vo"] == "voce" and one["ended"].get("completed", 0) > 0 for one in page(at)["jobs"]))


@pytest.mark.parametrize("client", ["", AS_HOST])
def test_metrics_are_for_the_monitoring_host_alone(at: At, client: str) -> None:
    assert at("ui").run(f"{CURL} {client} https://ce.egee.test:9100/metrics").stdout == ""
    own = "--cert /etc/prometheus/tls/cert.pem --key /etc/prometheus/tls/key.pem"
    assert "grid_check_ok" in at("mon").check_output(f"{CURL} {own} https://ce.egee.test:9100/metrics")
    assert at("ui").run(f"{CURL} {client} https://mon.egee.test:9090/api/v1/query?query=up").stdout == ""


def test_a_stopped_service_is_shown_with_what_it_said(at: At) -> None:
    bdii = at("bdii")
    bdii.check_output("systemctl stop bdii")
    try:
        check(at, "bdii")
        wait_for(lambda: service(at, "bdii")["state"] == "failed")
        assert "Can't contact LDAP server" in service(at, "bdii")["checks"][0]["fault"]
    finally:
        bdii.check_output("systemctl start bdii")
    check(at, "bdii")
    wait_for(lambda: service(at, "bdii")["state"] == "ok")


def test_a_silent_host_takes_its_services_down_with_it(at: At) -> None:
    topbdii = at("topbdii")
    topbdii.check_output("systemctl stop prometheus-node-exporter")
    try:
        wait_for(lambda: service(at, "topbdii")["state"] == "down")
    finally:
        topbdii.check_output("systemctl start prometheus-node-exporter")
    wait_for(lambda: service(at, "topbdii")["state"] == "ok")
