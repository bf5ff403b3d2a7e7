# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each type of object up the ladder: check, do, check again, do again, change, and the same for absent.

At every rung what was predicted is what came.
"""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes
from ansible_collections.egee.box.tests.pbs.world import NOWHERE, World

QUEUE = {
    "queue_type": "e",
    "Priority": "010",
    "enabled": "t",
    "STARTED": True,
    "comment": 'it is, # of; "use" += to 1 | \'no',
    "resources_max": {"walltime": 90, "mem": "1024", "ncpus": 4},
    "resources_min.ncpus": "1",
    "resources_default": {"walltime": "90:00", "cput": "1.5"},
    "default_chunk.ncpus": 2,
    "acl_user_enable": "1",
    "acl_users": ["zed", "+bob", "-eve", "adam"],
    "acl_groups": "users, atlas,wheel",
    "acl_hosts": ["*.example.org", "b.example.com"],
    "max_run": "[u:PBS_GENERIC=2], [u:alice=5],[o:PBS_ALL=010]",
    "max_run_res.mem": {"u:PBS_GENERIC": "1GB", "g:atlas": 1024},
    "max_run_res.ncpus": ["[u:PBS_GENERIC=4]"],
    "max_queued": '[u:"a user"=3]',
    "from_route_only": False,
    "kill_delay": 30,
    "max_array_size": 100,
}
LADDERS: dict[str, tuple[attributes.Type, str, dict[str, t.Any], dict[str, t.Any]]] = {
    "an execution queue with all kinds of attributes": (
        attributes.QUEUE,
        "q",
        {**QUEUE, "comment": "it is, # of; 'use' += to 1 | \\"},
        {
            "comment": 'say "hi",  and then some more, so that the line is folded,  and folded,  and folded,  again',
            "resources_max": {"walltime": None, "mem": "2kb"},
            "acl_users": [],
            "acl_groups": None,
            "max_run": {"u:alice": 6},
            "enabled": False,
            "Priority": -3,
        },
    ),
    "a routing queue": (
        attributes.QUEUE,
        "r",
        {"queue_type": "Route", "route_destinations": ["workq", "other@elsewhere"], "enabled": True, "started": True},
        {"route_destinations": "workq", "route_held_jobs": True, "route_lifetime": 60, "started": False},
    ),
    "a queue of an attribute's name": (
        attributes.QUEUE,
        "",
        {"queue_type": "e"},
        {"Priority": 3, "queue_type": "Exec"},
    ),
    "a node": (
        attributes.NODE,
        "n",
        {
            "Mom": NOWHERE,
            "resources_available": {"ncpus": 8, "mem": "2GB", "site": "prague"},
            "priority": 7,
            "comment": "bad disk, replace; 'soon'",
            "resv_enable": False,
            "no_multinode_jobs": "y",
            "max_running": 3,
            "partition": "p1",
        },
        {
            "Mom": NOWHERE.upper(),
            "resources_available": {"ncpus": 9, "site": None},
            "priority": None,
            "comment": None,
            "no_multinode_jobs": "n",
            "partition": None,
        },
    ),
    "a node whose comment qmgr cannot be told": (
        attributes.NODE,
        "",
        {"comment": "naïve & \"both\" 'marks', ✓", "priority": 3},
        {"comment": "  & so on"},
    ),
    "a resource": (attributes.RESOURCE, "r", {"type": "long", "flag": "nh"}, {"type": "size", "flag": "h"}),
    "a resource without flags": (attributes.RESOURCE, "r", {"type": "string_array", "flag": "h"}, {"flag": ""}),
    "a hook": (
        attributes.HOOK,
        "h",
        {
            "event": ["runjob", "queuejob"],
            "order": 5,
            "alarm": "60",
            "enabled": False,
            "debug": True,
            "fail_action": "none",
            "content": "import pbs\n# naïve\npbs.event().accept()\n",
            "config": '{"allowed": ["free"]}\n',
        },
        {
            "event": ["exechost_periodic"],
            "freq": 30,
            "enabled": True,
            "debug": None,
            "content": "import pbs\n\nquit = exit = 1\n" + "# longer than what PBS prints at once\n" * 40,
            "config": "",
        },
    ),
    "a scheduler": (
        attributes.SCHED,
        "s",
        {"scheduler_iteration": 30, "sched_cycle_length": "600", "preempt_order": "SCR 80 SC 50 S"},
        {"scheduler_iteration": None, "preempt_order": "S", "preempt_prio": "express_queue, normal_jobs"},
    ),
}
NAMES = {"a queue of an attribute's name": "started", "a node whose comment qmgr cannot be told": "localhost"}


def shown(result: dict[str, t.Any]) -> tuple[bool, t.Any, t.Any]:
    """What a result says of the change: predicted and real must agree on all of it."""
    return result["changed"], result["diff"], {key: value for key, value in result.items() if key.endswith("s")}


def both(world: World, kind: attributes.Type, *wishes: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    """Check, then do; check again and do again, which find nothing and write nothing."""
    predicted = world.run(kind, *wishes, check=True, **more)
    assert not world.runner.writes
    real = world.run(kind, *wishes, **more)
    assert shown(real) == shown(predicted)
    world.runner.writes.clear()
    for check in (True, False):
        again = world.run(kind, *wishes, check=check, **more)
        assert (again["changed"], again["directives"], again["diff"]) == (False, [], [])
    assert not world.runner.writes
    return real


@pytest.mark.parametrize("title", LADDERS)
def test_the_ladder(world: World, title: str) -> None:
    kind, word, first, second = LADDERS[title]
    name = NAMES.get(title) or world.name(word)
    assert both(world, kind, {"name": name, "attributes": first})["changed"]
    assert both(world, kind, {"name": name, "attributes": second})["changed"]
    gone = both(world, kind, {"name": name, "present": False})
    assert gone["actions"] == [f"deleted {kind.word} {name}"]
    assert not both(world, kind, {"name": name, "present": False})["changed"]


def test_the_ladder_of_the_server(world: World) -> None:
    before = dict(next(iter(world.listed(attributes.SERVER).values())))
    managers = {"managers": ["root@*", "adam@*"], "flatuid": True, "job_history_duration": 3600, "mail_from": "pbs"}
    more = {"managers": None, "flatuid": "f", "job_history_duration": None, "mail_from": "", "acl_roots": ["root"]}
    try:
        assert both(world, attributes.SERVER, {"name": "", "attributes": managers})["changed"]
        assert both(world, attributes.SERVER, {"name": "", "attributes": more})["changed"]
        assert both(world, attributes.SERVER, {"name": "", "attributes": {"mail_from": None, "acl_roots": None}})[
            "changed"
        ]
    finally:
        world.by_hand("unset server managers,flatuid,job_history_duration,mail_from,acl_roots")
    after = dict(next(iter(world.listed(attributes.SERVER).values())))
    assert {name: after.get(name) for name in before} == before


def test_the_ladder_of_the_default_scheduler(world: World) -> None:
    wish = {"preempt_order": "S", "sched_cycle_length": 600, "log_events": 255, "scheduling": False}
    back = {**dict.fromkeys(wish), "scheduling": True}
    for attributes_ in (wish, back):
        assert both(world, attributes.SCHED, {"name": "default", "attributes": attributes_})["changed"]


def test_the_ladder_of_a_node_out_of_service(world: World) -> None:
    name = world.name("n")
    for offline, comment in ((True, "bad disk"), (True, "new disk ordered"), (False, "new disk ordered")):
        wish = {"name": name, "offline": offline, "attributes": {"Mom": NOWHERE, "comment": comment}}
        assert both(world, attributes.NODE, wish)["changed"]
    assert both(world, attributes.NODE, {"name": name, "present": False})["changed"]


def test_the_ladder_of_a_resource_that_is_another_nodes(world: World) -> None:
    lender, borrower, disk = (world.name(word) for word in ("m", "n", "d"))
    amount = f"resources_available.{disk}"
    world.run(attributes.RESOURCE, {"name": disk, "attributes": {"type": "size", "flag": "nh"}})
    world.run(attributes.NODE, {"name": lender, "attributes": {"Mom": NOWHERE, amount: "4gb"}})
    world.runner.writes.clear()
    for value in (f"@{lender}", "1GB", f"@{lender}", None):
        wish = {"name": borrower, "attributes": {"Mom": NOWHERE, amount: value}}
        assert both(world, attributes.NODE, wish)["changed"]
