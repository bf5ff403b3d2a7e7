# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every Xen domain, however it is described and in whatever state it is found."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._xen import Live, parse_details
from ansible_collections.egee.box.plugins.module_utils._xen_config import Definition, from_options, parse, render
from ansible_collections.egee.box.plugins.module_utils._xen_options import DOMAIN
from ansible_collections.egee.box.plugins.module_utils._xen_plan import (
    ROUTES,
    Change,
    Permissions,
    Situation,
    Wanted,
    allowed,
    plan,
)
from ansible_collections.egee.box.tests.unit.xl_outputs import details
from hypothesis import given
from hypothesis import strategies as st

DEFAULTS = {key: spec.get("default") for key, spec in DOMAIN.items()}
LIVE = ("running", "paused", "ended", "rebooting", "suspended", "crashed", "half-built", "dying")

disks = st.lists(
    st.builds(
        lambda number, mode, script: {
            "path": f"/dev/vg0/v{number}",
            "device": f"xvd{chr(97 + number)}",
            "mode": mode,
            "script": script,
        },
        st.integers(0, 25),
        st.sampled_from(["rw", "ro"]),
        st.sampled_from([None, "block-light"]),
    ),
    max_size=3,
    unique_by=lambda disk: disk["device"],
)
definitions = st.builds(
    lambda **given: from_options({**DEFAULTS, "name": "ce", **given}),
    memory=st.integers(1, 4096),
    vcpus=st.integers(1, 4),
    maxvcpus=st.sampled_from([None, 4]),
    weight=st.integers(1, 65535),
    cap=st.integers(0, 400),
    kernel=st.sampled_from(["/boot/a", "/boot/b"]),
    extra=st.one_of(st.none(), st.text(st.characters(exclude_categories=["C", "Z"]))),
    disks=disks,
)
hostile = st.text(max_size=30)


@given(definitions)
def test_what_is_written_is_read_back(definition: Definition) -> None:
    assert parse(render(definition)) == definition


@given(definitions)
def test_what_xl_tells_is_what_it_was_given(definition: Definition) -> None:
    assert parse_details(details((1, definition)))[1][0] == definition


@given(hostile, hostile, hostile, hostile, hostile)
def test_no_value_becomes_another_setting(name: str, kernel: str, extra: str, path: str, script: str) -> None:
    options = {
        **DEFAULTS,
        "name": name,
        "memory": 128,
        "kernel": kernel,
        "extra": extra,
        "disks": [{"path": f"/{path}", "device": "xvda", "mode": "rw", "script": script}],
    }
    try:
        definition = from_options(options)
    except BoxError:
        return
    assert parse(render(definition)) == definition
    assert definition.disks[0].path == f"/{path}"


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    state = draw(st.sampled_from(sorted(ROUTES["running"])))
    stored = draw(definitions)
    text = None if state == "absent" else draw(st.sampled_from([render(stored), render(stored) + "vnc = 1\n"]))
    built = draw(st.one_of(st.just(stored), definitions)) if state not in ("half-built", "dying") else None
    return Situation(
        state,
        Live("ce", 1, 1, 1, state, built) if state in LIVE else None,
        text,
        parse(text) if text else None,
        tuple(draw(st.lists(st.integers(0, 3), max_size=2, unique=True))),
        "/save/ce" if state == "saved" or draw(st.booleans()) and state in LIVE else None,
    )


def after(now: Situation, changes: t.Sequence[Change], wanted: Wanted) -> Situation:
    """A model of the machine: what is true when the changes have been made."""
    for change in changes:
        if change.action == "define" and wanted.definition:
            now = replace(now, text=render(wanted.definition), stored=wanted.definition)
        elif change.action == "undefine":
            now = replace(now, text=None, stored=None)
        elif change.action == "order":
            now = replace(now, order=() if change.after is None else (change.after,))
        elif change.action in ("forget", "discard"):
            now = replace(now, image=None)
        if change.field == "state":
            built = now.live.definition if now.live else now.stored
            if change.action == "create":
                built = now.stored
            now = replace(now, state=change.after)
            if change.after in ("running", "paused"):
                now = replace(now, live=Live("ce", 2, 1, 1, change.after, built), image=None)
            else:
                now = replace(now, live=None, image="/save/ce" if change.after == "saved" else None)
        elif change.action == "restart" and now.live:
            now = replace(now, live=replace(now.live, definition=wanted.definition))
        elif change.action in ("resize", "plug", "schedule") and now.live and now.live.definition:
            live = replace(now.live.definition, **{change.field: change.after})
            now = replace(now, live=replace(now.live, definition=live))
    if now.state in ("shutdown", "absent"):
        now = replace(now, state="absent" if now.text is None else "shutdown")
    return now


@given(
    situations(),
    definitions,
    st.sampled_from(sorted(ROUTES)),
    st.one_of(st.none(), st.integers(0, 3)),
    st.builds(Permissions, st.booleans(), st.booleans()),
)
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    now: Situation, definition: Definition, goal: str, order: int | None, permissions: Permissions
) -> None:
    wanted = Wanted("ce", goal, definition, order)
    try:
        changes = plan(now, wanted, permissions)
    except BoxError as error:
        assert error.message.startswith("ce: ")
        assert ";" in error.message
        return
    made = [change for change in changes if allowed(change, wanted, permissions)]
    then = after(now, made, wanted)
    left = plan(then, wanted, permissions)
    assert [change for change in left if allowed(change, wanted, permissions)] == []
    if goal != "present":
        assert then.state == goal


@given(situations(), definitions, st.sampled_from(sorted(ROUTES)))
def test_without_permission_nothing_is_lost(now: Situation, definition: Definition, goal: str) -> None:
    try:
        changes = plan(now, Wanted("ce", goal, definition), Permissions())
    except BoxError:
        return
    actions = {change.action for change in changes if not change.requires}
    assert "discard" not in actions
    if now.state in ("running", "paused", "crashed", "suspended", "saved"):
        assert "destroy" not in actions
