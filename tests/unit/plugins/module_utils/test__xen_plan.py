# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned for a domain: from each state to each other, and for each field."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._xen import Live
from ansible_collections.egee.box.plugins.module_utils._xen_config import Definition, Disk, parse, render
from ansible_collections.egee.box.plugins.module_utils._xen_plan import (
    ROUTES,
    Change,
    Permissions,
    Situation,
    Wanted,
    allowed,
    plan,
)

NAME = "ce.egee.test"
CE = Definition(NAME, memory=512, maxmem=512, kernel="/boot/vmlinuz", disks=(Disk("/dev/vg0/ce-root", "xvda"),))
TEXT = render(CE)
LIVE = ("running", "paused", "ended", "rebooting", "suspended", "crashed", "half-built", "dying")


def situation(state: str, live: Definition = CE, **more: t.Any) -> Situation:
    """A domain that is as it was defined, in a state."""
    has_details = state not in ("half-built", "dying")
    return Situation(
        state,
        **{
            "live": Live(NAME, 3, 512, 1, state, live if has_details else None) if state in LIVE else None,
            "text": None if state == "absent" else TEXT,
            "stored": None if state == "absent" else CE,
            "image": f"/save/{NAME}" if state == "saved" else None,
            **more,
        },
    )


def actions(now: Situation, wanted: Wanted, **permissions: bool) -> str:
    """The actions of those changes that are made, not of those that wait for a restart."""
    given = Permissions(**permissions)
    made = [change for change in plan(now, wanted, given) if allowed(change, wanted, given)]
    return " ".join(dict.fromkeys(change.action for change in made))


# From each state (left) to each that can be wanted, without any permission; `!` is a refusal.
MATRIX = """
             present   running           paused            shutdown           saved          absent
absent       define    define,create     define,create     define             !              -
shutdown     -         create            create            -                  !              undefine
saved        -         restore           restore           !                  -              !
running      -         -                 pause             shutdown           save           shutdown,undefine
paused       -         unpause           -                 unpause,shutdown   unpause,save   unpause,shutdown,undefine
ended        -         destroy,create    destroy,create    destroy            !              destroy,undefine
rebooting    -         destroy,create    destroy,create    destroy            !              destroy,undefine
suspended    -         !                 !                 !                  !              !
crashed      -         !                 !                 !                  !              !
half-built   -         !                 !                 destroy            !              destroy,undefine
dying        -         !                 !                 !                  !              !
"""
ROWS = [row.split() for row in MATRIX.strip().splitlines()]
TRANSITIONS = [(row[0], goal, cell) for row in ROWS[1:] for goal, cell in zip(ROWS[0], row[1:], strict=True)]


@pytest.mark.parametrize(
    ("state", "goal", "expected"), [pytest.param(*row, id=" to ".join(row[:2])) for row in TRANSITIONS]
)
def test_each_state_leads_to_each_other_or_is_refused(state: str, goal: str, expected: str) -> None:
    wanted = Wanted(NAME, goal, CE)
    if expected == "!":
        with pytest.raises(BoxError, match=f"^{NAME}: "):
            plan(situation(state), wanted, Permissions())
    else:
        assert actions(situation(state), wanted) == expected.replace("-", "").replace(",", " ")


def test_the_matrix_is_complete() -> None:
    assert {(state, goal) for state, goal, _cell in TRANSITIONS} == {
        (state, goal) for goal, routes in ROUTES.items() for state in routes
    }


@pytest.mark.parametrize(
    ("state", "goal", "permission", "expected"),
    [
        ("crashed", "running", "allow_restart", "destroy create"),
        ("half-built", "running", "allow_restart", "destroy create"),
        ("suspended", "paused", "allow_restart", "destroy create"),
        ("crashed", "shutdown", "force", "destroy"),
        ("suspended", "absent", "force", "destroy undefine"),
        ("saved", "shutdown", "force", "discard"),
        ("saved", "absent", "force", "discard undefine"),
    ],
)
def test_what_loses_something_is_done_with_the_permission(
    state: str, goal: str, permission: str, expected: str
) -> None:
    assert actions(situation(state), Wanted(NAME, goal, CE), **{permission: True}) == expected


@pytest.mark.parametrize(
    ("state", "goal", "message"),
    [
        (
            "crashed",
            "running",
            f"{NAME}: has crashed and is kept as evidence; read /var/log/xen/console/guest-{NAME}.log, "
            "then set allow_restart=true",
        ),
        (
            "half-built",
            "running",
            f"{NAME}: was not built to the end: its creator died, or waits for a device; "
            "to build it anew set allow_restart=true",
        ),
        (
            "saved",
            "absent",
            f"{NAME}: is saved, and what it holds in memory would be lost; "
            "restore it first with state=running, or set force=true",
        ),
        (
            "shutdown",
            "saved",
            f"{NAME}: is not running, so there is nothing to save; start it first with state=running",
        ),
        (
            "crashed",
            "saved",
            f"{NAME}: is crashed, not fit to be saved; start it again with state=running and allow_restart=true",
        ),
        (
            "dying",
            "running",
            f"{NAME}: is being torn down by Xen and does not go away; "
            "look for what holds it (xl list, dmesg), or reboot the machine",
        ),
    ],
)
def test_a_refusal_names_the_cure(state: str, goal: str, message: str) -> None:
    with pytest.raises(BoxError) as caught:
        plan(situation(state), Wanted(NAME, goal, CE), Permissions())
    assert caught.value.message == message


@pytest.mark.parametrize("goal", ["present", "running", "paused", "shutdown", "saved"])
def test_what_is_not_defined_anywhere_is_refused_by_name(goal: str) -> None:
    with pytest.raises(BoxError, match=f"{NAME}: is not defined; describe it in `domains`"):
        plan(situation("absent"), Wanted(NAME, goal), Permissions())


def test_what_is_not_there_is_absent() -> None:
    assert plan(situation("absent"), Wanted(NAME, "absent"), Permissions()) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param({"memory": 256}, [("memory", 512, 256, "resize", None)], id="less memory"),
        pytest.param(
            {"memory": 640, "maxmem": 640},
            [("memory", 512, 640, "resize", None), ("maxmem", 512, 640, "resize", None)],
            id="more memory",
        ),
        pytest.param({"weight": 512}, [("weight", 256, 512, "schedule", None)], id="another weight"),
        pytest.param({"cap": 50}, [("cap", 0, 50, "schedule", None)], id="a cap"),
        pytest.param(
            {"vcpus": 2, "maxvcpus": 2},
            [("vcpus", 1, 2, "restart", "restart"), ("maxvcpus", 1, 2, "restart", "restart")],
            id="more vcpus than it was built for",
        ),
        pytest.param({"maxvcpus": 2}, [("maxvcpus", 1, 2, "restart", "restart")], id="room for more vcpus"),
        pytest.param(
            {"kernel": "/boot/other"},
            [("kernel", "/boot/vmlinuz", "/boot/other", "restart", "restart")],
            id="another kernel",
        ),
        pytest.param(
            {"on_crash": "restart"}, [("on_crash", "preserve", "restart", "restart", "restart")], id="on_crash"
        ),
        pytest.param(
            {"weight": 512, "ramdisk": "/boot/initrd.img"},
            [
                ("weight", 256, 512, "schedule", None),
                ("ramdisk", None, "/boot/initrd.img", "restart", "restart"),
            ],
            id="one thing live, the other not",
        ),
    ],
)
def test_a_change_is_written_and_made_live_where_xen_can(
    more: dict[str, t.Any], expected: list[tuple[t.Any, ...]]
) -> None:
    changes = plan(situation("running"), Wanted(NAME, "running", replace(CE, **more)), Permissions())
    written = [change for change in changes if change.action == "define"]
    assert [(change.field, change.before, change.after) for change in written] == [row[:3] for row in expected]
    assert changes[len(written) :] == [Change(*row) for row in expected]


def test_vcpus_that_it_was_built_for_are_plugged_in_live() -> None:
    big = replace(CE, maxvcpus=4)
    now = situation("running", big, text=render(big), stored=big)
    assert plan(now, Wanted(NAME, "running", replace(big, vcpus=3)), Permissions())[1:] == [
        Change("vcpus", 1, 3, "plug")
    ]


def test_with_permission_a_restart_brings_all_changes_at_once() -> None:
    wanted = Wanted(NAME, "running", replace(CE, memory=256, kernel="/boot/other"))
    assert actions(situation("running"), wanted, allow_restart=True) == "define restart"


def test_with_permission_nothing_is_restarted_for_what_is_changed_live() -> None:
    wanted = Wanted(NAME, "running", replace(CE, memory=256, weight=128))
    assert actions(situation("running"), wanted, allow_restart=True) == "define resize schedule"


@pytest.mark.parametrize(
    ("state", "goal", "more", "permissions", "expected"),
    [
        pytest.param("paused", "running", {"weight": 9}, {}, "define unpause schedule", id="first awake, then changed"),
        pytest.param("running", "paused", {"weight": 9}, {}, "define schedule pause", id="first changed, then paused"),
        pytest.param("running", "saved", {"weight": 9}, {}, "define schedule save", id="first changed, then saved"),
        pytest.param("saved", "running", {"weight": 9}, {}, "define restore schedule", id="changed after its image"),
        pytest.param("shutdown", "running", {"weight": 9}, {}, "define create", id="started with it"),
        pytest.param("running", "shutdown", {"weight": 9}, {}, "define shutdown", id="not changed only to be ended"),
        pytest.param("running", "present", {"weight": 9}, {}, "define schedule", id="present changes what runs"),
        pytest.param(
            "saved", "running", {"kernel": "/k"}, {"allow_restart": True}, "define restore restart", id="restored first"
        ),
        pytest.param("running", "saved", {"kernel": "/k"}, {"allow_restart": True}, "define save", id="not restarted"),
        pytest.param(
            "paused",
            "paused",
            {"kernel": "/k"},
            {"allow_restart": True},
            "define restart",
            id="restarted, paused again",
        ),
        pytest.param(
            "crashed", "running", {"kernel": "/k"}, {"allow_restart": True}, "define destroy create", id="built anew"
        ),
    ],
)
def test_changes_come_in_an_order_that_works(
    state: str, goal: str, more: dict[str, t.Any], permissions: dict[str, bool], expected: str
) -> None:
    assert actions(situation(state), Wanted(NAME, goal, replace(CE, **more)), **permissions) == expected


def test_a_new_domain_is_created_paused_if_so_wanted() -> None:
    assert plan(situation("shutdown"), Wanted(NAME, "paused", CE), Permissions()) == [
        Change("state", "shutdown", "paused", "create")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(TEXT, [], id="as it was written"),
        pytest.param(TEXT.replace("cap = 0", "cap = 5"), [Change("cap", 5, 0, "define")], id="a value changed by hand"),
        pytest.param(
            TEXT + "# mine\n", [Change("config_file", TEXT + "# mine\n", TEXT, "define")], id="a comment added by hand"
        ),
        pytest.param(
            TEXT + "vnc = 1\n",
            [Change("config_file", TEXT + "vnc = 1\n", TEXT, "define")],
            id="a setting added by hand",
        ),
    ],
)
def test_the_file_is_put_right_and_the_domain_left_alone(text: str, expected: list[Change]) -> None:
    now = situation("running", text=text, stored=parse(text))
    assert plan(now, Wanted(NAME, "running", CE), Permissions()) == expected


@pytest.mark.parametrize(
    ("order", "wanted", "expected"),
    [
        ((), None, []),
        ((10,), 10, []),
        ((), 10, [Change("autostart", None, 10, "order")]),
        ((10,), 20, [Change("autostart", 10, 20, "order")]),
        ((10,), None, [Change("autostart", 10, None, "order")]),
        ((10, 20), 20, [Change("autostart", [10, 20], 20, "order")]),
    ],
)
def test_the_boot_order_is_kept(order: tuple[int, ...], wanted: int | None, expected: list[Change]) -> None:
    assert plan(situation("running", order=order), Wanted(NAME, "running", CE, wanted), Permissions()) == expected


def test_by_name_neither_file_nor_order_nor_live_values_are_changed() -> None:
    now = situation("running", replace(CE, weight=9), order=(10,))
    assert plan(now, Wanted(NAME, "running"), Permissions(allow_restart=True)) == []


@pytest.mark.parametrize(
    ("state", "states"),
    [
        ("running", ["running absent"]),
        ("paused", ["paused running", "running absent"]),
        ("ended", ["ended absent"]),
    ],
)
def test_one_that_is_removed_is_said_to_be_absent_at_the_end(state: str, states: list[str]) -> None:
    changes = plan(situation(state), Wanted(NAME, "absent"), Permissions())
    assert [f"{change.before} {change.after}" for change in changes if change.field == "state"] == states


@pytest.mark.parametrize("state", ["running", "paused"])
def test_an_image_of_a_domain_that_runs_is_stale_and_removed(state: str) -> None:
    now = situation(state, image=f"/save/{NAME}")
    assert plan(now, Wanted(NAME, state, CE), Permissions()) == [Change("saved_image", f"/save/{NAME}", None, "forget")]


def test_what_is_removed_leaves_no_file_behind() -> None:
    assert plan(situation("shutdown", order=(10,)), Wanted(NAME, "absent"), Permissions()) == [
        Change("autostart", 10, None, "order"),
        Change("config_file", TEXT, None, "undefine"),
    ]


def test_a_change_reads_like_a_sentence() -> None:
    disks = [{"path": "/dev/vg0/a", "device": "xvda", "mode": "rw"}]
    assert str(Change("memory", 256, 384, "resize")) == "memory 256 -> 384"
    assert str(Change("ramdisk", None, "/boot/i", "define")) == "ramdisk null -> /boot/i"
    assert str(Change("disks", [], disks, "define")) == 'disks [] -> ["/dev/vg0/a xvda rw"]'
    assert str(Change("state", "shutdown", "running", "create")) == "created"
