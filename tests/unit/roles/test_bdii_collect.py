# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a BDII takes over from another: what is fresh, with all that hangs on it, in its own place."""

from __future__ import annotations

import base64
from pathlib import Path

import bdii_collect as collect
import pytest

# 2026-11-22T22:00:00Z
NOW = 1795384800
CE = "GLUE2ServiceID=ce,GLUE2GroupID=services,o=glue"


def entry(dn: str, made: str = "", validity: str = "") -> str:
    lines = [f"dn: {dn}", "objectClass: GLUE2Service"]
    lines += [f"GLUE2EntityCreationTime: {made}"] if made else []
    lines += [f"GLUE2EntityValidity: {validity}"] if validity else []
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("made", "validity", "expired"),
    [
        pytest.param("2026-11-22T21:59:00Z", "60", False, id="just valid"),
        pytest.param("2026-11-22T21:58:59Z", "60", True, id="a second too old"),
        pytest.param("", "60", False, id="made at no time it tells"),
        pytest.param("2020-01-01T00:00:00Z", "", False, id="valid for ever"),
    ],
)
def test_what_is_too_old_is_not_trusted(made: str, validity: str, expired: bool) -> None:
    assert collect.Entry(entry(CE, made, validity)).expired(NOW) is expired


def test_what_hangs_on_something_too_old_goes_with_it_whatever_the_order() -> None:
    old = collect.Entry(entry(CE, "2026-11-22T21:00:00Z", "60"))
    share = collect.Entry(entry(f"GLUE2ShareID=egee,{CE}"))
    policy = collect.Entry(entry(f"GLUE2PolicyID=vo,GLUE2ShareID=egee,{CE.lower()}"))
    other = collect.Entry(entry("GLUE2ServiceID=face,GLUE2GroupID=services,o=glue"))
    assert collect.fresh([policy, share, other, old], NOW) == [other]


def test_an_entry_moves_with_all_it_says() -> None:
    source = {"from": "GLUE2GroupID=services,o=glue", "to": "GLUE2GroupID=resource,GLUE2DomainID=A,o=glue"}
    text = collect.moved(collect.Entry(entry(CE)), source)
    assert text == f"dn: GLUE2ServiceID=ce,{source['to']}\nobjectClass: GLUE2Service\n\n"
    assert collect.moved(collect.Entry(entry("GLUE2ServiceID=ce,o=elsewhere")), source) == ""


def test_a_name_beyond_ascii_is_read() -> None:
    dn = "GLUE2ServiceID=výpočty,o=glue"
    encoded = base64.b64encode(dn.encode()).decode()
    assert collect.Entry(f"dn:: {encoded}\no: x").dn == dn


def test_a_source_that_does_not_answer_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standin = tmp_path / "ldapsearch"
    standin.write_text("#!/bin/sh\necho 'dn: o=half'\necho 'cannot contact it' >&2\nexit 255\n", encoding="utf-8")
    standin.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert collect.ask({"url": "ldap://dead:2135", "base": "o=glue", "scope": "sub"}, 5) == []
    assert "ldap://dead:2135: cannot contact it" in capsys.readouterr().err


def test_a_site_is_as_fresh_as_the_round() -> None:
    tree = collect.site("EGEE-BOX", 300, NOW)
    assert "dn: GLUE2DomainID=EGEE-BOX,o=glue\n" in tree
    assert "GLUE2EntityCreationTime: 2026-11-22T22:00:00Z\nGLUE2EntityValidity: 300\n" in tree
    assert tree.endswith("\n\n")
