# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a BDII tells of a service, given what the host's checks found."""

from __future__ import annotations

import os
from pathlib import Path

import bdii_services as services
import pytest

WMS = {"service": "wms", "type": "t", "interface": "i", "url": "https://w:7443/", "host": "w", "vos": ["voce", "auger"]}


@pytest.mark.parametrize(
    ("checks", "age", "health"),
    [
        pytest.param({"a": 1, "b": 1}, 10, "ok", id="all checks are right"),
        pytest.param({"a": 1, "b": 0}, 10, "critical", id="one is not"),
        pytest.param({"a": 1}, 301, "unknown", id="they are out of date"),
        pytest.param({}, 10, "unknown", id="there are none"),
    ],
)
def test_a_service_is_as_healthy_as_its_checks(tmp_path: Path, checks: dict[str, int], age: int, health: str) -> None:
    metrics = tmp_path / "grid.prom"
    lines = [f'grid_check_ok{{service="wms",check="{name}"}} {float(ok)}\n' for name, ok in checks.items()]
    metrics.write_text("".join(['grid_check_ok{service="lb",check="c"} 0.0\n', *lines]), encoding="utf-8")
    os.utime(metrics, (1000, 1000))
    assert services.health(metrics, "wms", 1000 + age, 300) == health


def test_without_checks_nothing_is_known(tmp_path: Path) -> None:
    assert services.health(tmp_path / "none", "wms", 0, 300) == "unknown"


def test_a_critical_service_is_closed() -> None:
    assert "HealthState: critical\nGLUE2EndpointServingState: closed" in services.told(WMS, "S", "critical", 300, 0)
    assert "HealthState: unknown\nGLUE2EndpointServingState: production" in services.told(WMS, "S", "unknown", 300, 0)


def test_who_may_use_it_is_told_below_its_endpoint() -> None:
    entries = services.told(WMS, "S", "ok", 300, 0).split("\n\n")
    names = [text.splitlines()[0].removeprefix("dn: ") for text in entries if text]
    assert [name.split(",", 1)[1] for name in names] == ["GLUE2GroupID=resource,o=glue", names[0], names[1]]
    assert "GLUE2PolicyRule: vo:voce\nGLUE2PolicyRule: vo:auger\n" in entries[2]
    assert len(services.told({**WMS, "vos": []}, "S", "ok", 300, 0).strip().split("\n\n")) == 2
