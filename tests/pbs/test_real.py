# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only a real server shows: that the stand-in answers alike, jobs, permissions, and a server that is down."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, drain, text
from ansible_collections.egee.box.plugins.module_utils._pbs.client import Access, Pbs
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.tests.pbs.world import NOWHERE, World
from ansible_collections.egee.box.tests.unit.standin_pbs import StandInPbs

USER = "daemon"  # an ordinary user that every Debian has
# What PBS computes differs from server to server.
OWN = {"state", "state_count", "total_jobs", "pbs_version", "license", "last_state_change_time"}
OWN |= {"sched_priv", "sched_log", "resources_assigned"}
STREAM = f"""
create queue Xa queue_type = e, enabled = t, started = 0, Priority = 010, comment = "a, b  # c; d 'e' += f"
create queue Xb queue_type=Route,route_destinations="Xa, Xa2 ,Xa"
set queue Xa acl_users = "zed,adam,+bob,-eve", acl_user_enable = True
set queue Xa resources_max.walltime = 90:00, resources_max.mem = 1GB, resources_default.cput = 1.5
set queue Xa max_run = "[u:PBS_GENERIC=2],[u:alice=5],[o:PBS_ALL=010]"
set queue Xa max_run_res.mem = "[u:alice=1024]"
set queue Xa max_run += [u:alice=6]
set queue Xa acl_users -= zed
set queue Xa,nosuch kill_delay = 7
set queue Xa Priority = 33, comment = first, enabled = maybe
set queue Xa nosuchattr = 1
set queue Xa resources_max.nosuchres = 1
set queue Xa comment = two words
set queue Xa comment = "a & b"
set queue Xa total_jobs = 3
unset queue Xa queue_type
create queue Xa
create queue Xb.c
delete queue nosuch
create resource Xr type=long,flag=nh
create resource Xs type = string_array, flag = h
create resource Xt type = size
set resource Xr flag = h
create resource Xr
delete resource nosuch
create node Xn Mom={NOWHERE}, resources_available.ncpus = 010, resources_available.Xs = " x , y ", Priority = 3
set node Xn comment = 'say "hi"', state = offline
set node Xn state += offline
set node Xn pcpus = 4
set node Xn resources_available.host = other
set node Xn queue = nosuch
set node nosuch comment = x
create hook Xh event = "runjob,queuejob", order = 5, alarm = 60, debug = t, enabled = f
unset hook Xh alarm
set hook Xh nosuch = 1
create sched Xs
set sched Xs sched_cycle_length = 600, preempt_order = S
frobnicate queue Xa
list frob
set server nosuch = 1
""".strip()
END = "delete queue Xa,Xb\ndelete node Xn\ndelete resource Xr,Xs,Xt\ndelete hook Xh\ndelete sched Xs"


def test_the_stand_in_answers_as_the_real_server(real: World) -> None:
    """The same stream, with names of this test's own, and then the same lists and complaints."""
    stand_in = StandInPbs()
    stream, end = (lines.replace("X", real.prefix) for lines in (STREAM, END))
    try:
        for directive in stream.split("\n"):
            answer = real.by_hand(directive)
            likeness = stand_in.qmgr([], f"{directive}\n")
            numbers = [complaint.number for complaint in text.complaints(answer.stderr)]
            assert [complaint.number for complaint in text.complaints(likeness.stderr)] == numbers, directive
        questions = "list queue @default\nlist node @default\nlist resource\nlist hook\nlist sched"
        answer, likeness = real.by_hand(questions), stand_in.qmgr([], f"{questions}\n")
        assert own(real, likeness.stdout) == own(real, answer.stdout)
    finally:
        real.by_hand(*end.split("\n"))


def own(world: World, shown: str) -> dict[str, dict[str, str]]:
    return {
        f"{found.kind} {found.name}": {
            name: value for name, value in found.attributes.items() if name.partition(".")[0] not in OWN
        }
        for found in text.listing(shown)
        if found.name.startswith(world.prefix)
    }


def test_a_server_that_is_down_is_an_error_within_the_stated_time(real: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBS_BATCH_SERVICE_PORT", "15999")
    began = time.monotonic()
    with pytest.raises(BoxError, match=r"Connection refused .*; see that pbs_server runs there .*\(tried for 2 s\)"):
        Pbs(real.runner, Access(real.access.commands, patience=2)).read(attributes.QUEUE)
    assert 2 <= time.monotonic() - began < 20


def test_a_server_that_is_unknown_is_an_error_at_once(real: World) -> None:
    with pytest.raises(BoxError, match=r"PBS server nosuchhost\.invalid: Unknown Host"):
        Pbs(real.runner, Access(real.access.commands, server="nosuchhost.invalid")).read()


@pytest.fixture
def as_user(real: World, tmp_path: Path) -> World:
    """The same server, through the commands of an ordinary user."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    tmp_path.chmod(0o755)
    for command in ("qmgr", "pbsnodes", "qselect"):
        script = tmp_path / command
        script.write_text(
            f'#!/bin/sh\nexec setpriv --reuid {USER} --clear-groups {real.access.commands}/{command} "$@"\n'
        )
        script.chmod(0o755)
    return World(real.runner, Access(str(tmp_path)), real=True, prefix=real.prefix)


def test_a_user_is_told_what_is_missing(as_user: World) -> None:
    with pytest.raises(BoxError, match="Unauthorized Request; become root on the server's host") as caught:
        as_user.run(attributes.QUEUE, {"name": as_user.name("q"), "attributes": {"queue_type": "e"}})
    assert not caught.value.details["changed"]
    with pytest.raises(BoxError, match="unauthorized to access hooks data .*; become root"):
        as_user.run(attributes.HOOK, {"name": as_user.name("h")})


@pytest.fixture
def working(real: World) -> str:
    """A node that is up, of the host that we are on; a job can run there."""
    free = [name for name, has in real.listed(attributes.NODE).items() if has["state"] == "free"]
    if not free:
        pytest.skip("no node of the PBS server is free")
    return free[0]


def submit(world: World, queue: str, seconds: int) -> str:
    qsub = [
        f"{world.access.commands}/qsub",
        "-S",
        "/bin/sh",
        "-q",
        queue,
        "-o",
        "/dev/null",
        "-e",
        "/dev/null",
        "-k",
        "n",
    ]
    user = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "env", "HOME=/tmp"]
    run = subprocess.run(
        [*user, *qsub], input=f"sleep {seconds}\n", text=True, check=True, capture_output=True, cwd="/tmp"
    )
    return run.stdout.strip()


def until(what: object, seconds: float = 30) -> None:
    assert callable(what)
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, "it does not come about"
        time.sleep(0.5)


def test_a_queue_with_jobs_goes_only_by_force(real: World) -> None:
    queue = real.name("q")
    real.run(attributes.QUEUE, {"name": queue, "attributes": {"queue_type": "e", "enabled": True, "started": False}})
    job = submit(real, queue, 60)
    with pytest.raises(BoxError, match=f"queue {queue}: it holds 1 jobs: {job}"):
        real.run(attributes.QUEUE, {"name": queue, "present": False})
    result = real.run(attributes.QUEUE, {"name": queue, "present": False}, force=True)
    assert result["actions"] == [f"removed job {job}", f"deleted queue {queue}"]


def test_a_node_is_drained_of_its_jobs(real: World, working: str) -> None:
    queue = real.name("q")
    real.run(attributes.QUEUE, {"name": queue, "attributes": {"queue_type": "e", "enabled": True, "started": True}})
    submit(real, queue, 8)
    pbs = Pbs(real.runner, real.access)
    try:
        until(lambda: drain.at_work(pbs, [working]))
        with pytest.raises(BoxError, match=f"node {working}: it runs "):
            real.run(attributes.NODE, {"name": working, "present": False})
        real.run(
            attributes.NODE, {"name": working, "offline": True, "attributes": {"comment": "draining; & 'back' soon"}}
        )
        with pytest.raises(BoxError, match=f"1 nodes still work after 0 s: node {working}"):
            drain.waiting([working], 0)(pbs, {})
        drain.waiting([working], 60)(pbs, {})
        assert not drain.at_work(pbs, [working])
        assert real.listed(attributes.NODE)[working]["state"] == "offline"
    finally:
        real.run(attributes.NODE, {"name": working, "offline": False, "attributes": {"comment": None}})
    assert real.listed(attributes.NODE)[working]["state"] == "free"
