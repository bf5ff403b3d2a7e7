# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How stories are told: what a step accepts, and what a story's end says."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import Any

import pytest
import scene
import stories
import story_jobs

GIVEN = {
    "story": "told",
    "user": "root",
    "user_dn": "/DC=test/CN=Root",
    "ca_dn": "/DC=test/CN=CA",
    "stranger": "nobody",
    "vo": "voce",
    "ce": "https://ce.site.test:443/arex",
    "job": "/hello.xrsl",
    "myproxy": "myproxy.site.test",
    "se": "se.site.test",
    "wms_dn": "/DC=test/CN=wms.site.test",
    "lb": "lb.site.test",
    "tellers": ["wms"],
    "forks": [],
    "second": {},
    "certificates": "/certificates",
    "hold": "/run/egee-hold",
    "fqans": ["/voce", "/voce/Role=Manager"],
    "accounts": ["voce001"],
    "limit": 1,
    "poll": 0,
    "skew": 0,
}


@pytest.mark.parametrize(
    ("attributes", "held"),
    [
        pytest.param(
            ["/voce/Role=NULL/Capability=NULL", "/voce/Role=Manager/Capability=NULL"], True, id="both are there"
        ),
        pytest.param(["/voce/Role=NULL/Capability=NULL"], False, id="the role is missing"),
        pytest.param(
            ["/voce/Role=Manager/Capability=NULL"], False, id="the group is missing, though the role is in it"
        ),
        pytest.param(
            ["/voce/x/Role=NULL/Capability=NULL", "/voce/Role=Manager"], False, id="a subgroup is not the group"
        ),
        pytest.param([], False, id="nothing is there"),
    ],
)
def test_attributes_are_held_in_full(attributes: list[str], held: bool) -> None:
    if held:
        scene.must_hold(GIVEN["fqans"], attributes)
    else:
        with pytest.raises(scene.Failed, match="not among the attributes"):
            scene.must_hold(GIVEN["fqans"], attributes)


def test_a_refusal_counts_by_its_reason() -> None:
    assert scene.must_say("first\n  TLS alert TLSV1_ALERT_UNKNOWN_CA \n", "unknown_ca") == [
        "TLS alert TLSV1_ALERT_UNKNOWN_CA"
    ]
    for said in ("HTTP 201 Created", "TLS alert CERTIFICATE_VERIFY_FAILED", ""):
        with pytest.raises(scene.Failed, match="expected unknown_ca"):
            scene.must_say(said, "unknown_ca")


@pytest.mark.parametrize("failure", [None, "Failed", "ConnectionResetError"])
def test_a_story_ends_with_its_first_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failure: str | None
) -> None:
    stage: list[Path] = []

    def first(told: Any) -> list[str]:
        """{user} begins"""
        stage.append(told.user.place.parent)
        return ["seen"]

    def second(told: Any) -> list[str]:
        """{stranger} goes on"""
        if failure:
            raise {"Failed": scene.Failed, "ConnectionResetError": ConnectionResetError}[failure]("what was seen")
        return []

    def third(told: Any) -> list[str]:
        """all is well"""
        return []

    monkeypatch.setitem(stories.STORIES, "told", ("The title", [first, second, third]))
    monkeypatch.setattr(scene.os, "chown", lambda *_arguments: None)

    code = stories.tell(argparse.Namespace(**GIVEN))

    told = capsys.readouterr().out
    assert told.startswith("The title\n1. root begins\n      seen\n   ok")
    assert (code, "what was seen" in told, "FAILED" in told, "3. all is well" in told) == (
        (1, True, True, False) if failure else (0, False, False, True)
    )
    assert not stage[0].exists(), "a story takes away what it left"


def test_members_of_two_vos_tell_a_story_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both = threading.Barrier(2, timeout=20)

    def meet(told: Any) -> list[str]:
        """{user} of {vo} meets the other"""
        both.wait()
        return [f"{told.given.vo} sees {told.other.given.vo}"]

    monkeypatch.setitem(stories.STORIES, "told", ("The title", [meet]))
    monkeypatch.setattr(stories, "TOGETHER", ("told",))
    monkeypatch.setattr(scene.os, "chown", lambda *_arguments: None)

    second = {"user": "daemon", "vo": "auger", "fqans": ["/auger"]}
    assert stories.tell(argparse.Namespace(**{**GIVEN, "second": second})) == 0

    said = capsys.readouterr().out
    for line in ("root of voce meets", "daemon of auger meets", "voce sees auger", "auger sees voce"):
        assert line in said


ALL_TELL = ["wms", "ce", "batch", "wn"]


@pytest.mark.parametrize(
    ("tellers", "forks", "there", "not_there"),
    [
        pytest.param(ALL_TELL, False, [("wn", "Started"), ("batch", "Ended")], [("ce", "Started")], id="on a WN"),
        pytest.param(ALL_TELL, True, [("ce", "Started"), ("ce", "Ended")], [("wn", "Started")], id="on the CE itself"),
        pytest.param(["wms"], True, [("wms", "Done"), ("wms", "Cleared")], [("ce", "Started")], id="the WMS alone"),
    ],
)
def test_a_history_is_complete_by_where_the_job_ran(
    tellers: list[str], forks: bool, there: list[tuple[str, str]], not_there: list[tuple[str, str]]
) -> None:
    wanted = story_jobs.events_of(tellers, forks)
    assert set(there) <= set(wanted)
    assert not set(not_there) & set(wanted)


def test_what_stands_between_commas_may_be_nothing() -> None:
    assert (stories.words("a,b"), stories.words("")) == (["a", "b"], [])


def test_every_step_has_a_sentence() -> None:
    for _title, steps in stories.STORIES.values():
        for step in steps:
            assert step.__doc__.format(**GIVEN)
