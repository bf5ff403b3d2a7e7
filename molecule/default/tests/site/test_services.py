# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the services of the first chain offer."""

from __future__ import annotations

from collections.abc import Callable

from testinfra.host import Host

At = Callable[[str], Host]


def reaches(host: Host, server: str, port: int) -> bool:
    return bool(host.run("timeout 10 bash -c '</dev/tcp/%s/%s'", server, str(port)).rc == 0)


def test_voms_answers_the_ui(at: At) -> None:
    assert reaches(at("ui"), "voms.egee.test", 15000)


def test_the_ce_answers_the_ui(at: At) -> None:
    assert reaches(at("ui"), "ce.egee.test", 443)


def test_the_database_answers_nobody_else(at: At) -> None:
    assert not reaches(at("ui"), "voms.egee.test", 3306)


def test_the_ce_turns_away_who_has_no_certificate(at: At) -> None:
    url = "https://ce.egee.test/arex/rest/1.0/jobs"
    ask = "curl --silent --output /dev/null --write-out '%{http_code}' --capath /etc/grid-security/certificates"
    # A-REX has no one word for it: the connection may end, or the answer be any error.
    assert not at("ui").run(f"{ask} {url}").stdout.startswith("2")
