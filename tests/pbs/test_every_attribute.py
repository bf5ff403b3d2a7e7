# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ladder with every attribute that qmgr can list and an administrator can set, on all types of objects."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, values
from ansible_collections.egee.box.plugins.module_utils._pbs.attributes import Type
from ansible_collections.egee.box.tests.pbs.test_ladder import both
from ansible_collections.egee.box.tests.pbs.world import NOWHERE, World

Pair = tuple[t.Any, t.Any]  # what an attribute shall be first, and what then
PAIRS: dict[values.Kind, Pair] = {
    values.STRING: ("one, two", "it's # three"),
    values.BOOLEAN: (True, "f"),
    values.INTEGER: ("07", 8),
    values.LIMIT: ("[u:PBS_GENERIC=3],[g:atlas=04]", {"u:alice": 5}),
    values.WORDS: (["host", "vnode"], "vnode"),
    values.ACCESS: (["root@*", "adam@*"], "+root@*"),
    values.DURATION: (90, "0:02:00"),
    values.SIZE: ("1024kb", "2MB"),
}
PAIRS_PER_RESOURCE: dict[values.Kind, dict[str, Pair]] = {
    attributes.PER_RESOURCE: {"ncpus": (2, "03"), "mem": ("1GB", "1025mb"), "walltime": ("90:00", 60)},
    attributes.LIMIT_PER_RESOURCE: {"ncpus": ("[u:PBS_GENERIC=3]", {"g:atlas": 4}), "mem": ({"o:PBS_ALL": "1gb"}, "")},
}
# What does not take just any value of its kind.
SPECIAL: dict[str, dict[str, Pair]] = {
    "server": {
        "acl_hosts": (["*"], ["*", "*.example.org"]),
        "default_queue": ("workq", "workq"),
        "job_sort_formula": ("ncpus * 2", "walltime"),
        "max_job_sequence_id": (10000000, 99999999),
        "pbs_license_max": (700, "0800"),
        "resources_default.ncpus": (2, 1),
        "restrict_res_to_release_on_suspend": ("ncpus,mem", ["mem"]),
    },
    "queue": {
        "acl_hosts": (["*.example.org", "a.example.com"], "b.example.org"),
        "acl_users": (["zed", "+bob", "-eve"], "adam"),
        "acl_groups": ("users, atlas", ["wheel"]),
        "partition": ("p1", "p2"),
        "queue_type": ("e", "Execution"),
    },
    "node": {
        "Mom": (NOWHERE, NOWHERE),
        "Port": (15502, "15502"),
        "vnode_pool": (3, 3),
        "resources_available.aoe": ("a,b", ["b"]),
        "current_aoe": ("a", "b"),
        "partition": ("p1", "p2"),
    },
    "sched": {
        "job_run_wait": ("execjob_hook", "none"),
        "job_sort_formula_threshold": ("1.50", 2),
        "opt_backfill_fuzzy": ("high", "low"),
        "partition": ("p1", "p2"),
        "preempt_order": ("SCR 80 SC 50 S", "S"),
        "preempt_prio": ("express_queue, normal_jobs", "fairshare, normal_jobs"),
        "preempt_sort": ("min_time_since_start", "min_time_since_start"),
        "sched_host": ("localhost", "localhost"),
        "sched_log": ("/var/spool/elsewhere", "/var/spool/there"),
        "sched_priv": ("/var/spool/elsewhere", "/var/spool/there"),
        "sched_user": ("daemon", "daemon"),
    },
}
OLD_LIMITS = "max_running max_user_run max_group_run max_user_run_soft max_group_run_soft max_user_res max_group_res "
OLD_LIMITS += "max_user_res_soft max_group_res_soft max_queuable"
ROUTES = "alt_router route_destinations route_held_jobs route_lifetime route_retry_time route_waiting_jobs"
# What OpenPBS 23.06 as its own sources build it refuses, whatever the value, or spoils.
LEFT_OUT: dict[str, set[str]] = {
    "server": {
        *("require_cred", "cred_renew_period", "cred_renew_cache_period", "resources_cost"),
        "pbs_license_info",  # stops all scheduling until the server is started anew: among the breakdowns
    },
    "queue": {"require_cred"},
    "node": {"queue"},  # only of a queue that is there: below
    # Two words for one thing, and what the server writes into the scheduler's directory: below.
    "sched": {"throughput_mode", "job_run_wait", "job_sort_formula"},
}


def everything(kind: Type, leave_out: t.Collection[str] = ()) -> dict[str, Pair]:
    """All that the table of attributes knows and that can be set, with two values each."""
    special = SPECIAL[kind.word]
    found: dict[str, Pair] = {}
    for name, of in kind.kinds.items():
        if name in kind.computed or name in LEFT_OUT[kind.word] or name in leave_out:
            continue
        if of in PAIRS_PER_RESOURCE:
            per_resource = {f"{name}.{resource}": pair for resource, pair in PAIRS_PER_RESOURCE[of].items()}
            per_resource.pop("default_chunk.walltime", None)  # time is of a whole job
            found.update({each: special.get(each, pair) for each, pair in per_resource.items()})
        else:
            found[name] = special[name] if name in special else PAIRS[of]
    return {**{name: pair for name, pair in special.items() if "." in name}, **found}


def only(kind: Type, names: str) -> dict[str, Pair]:
    chosen = set(names.split())
    return {name: pair for name, pair in everything(kind).items() if name.partition(".")[0] in chosen}


QUEUE_TYPE = {"queue_type": ("Execution", "e")}
ROUTE_TYPE = {"queue_type": ("Route", "r"), "route_destinations": ("workq,elsewhere", ["workq"])}
CASES: dict[str, tuple[Type, dict[str, Pair]]] = {
    "server": (attributes.SERVER, everything(attributes.SERVER, OLD_LIMITS.split())),
    "server, limits of old": (attributes.SERVER, only(attributes.SERVER, OLD_LIMITS)),
    "queue": (attributes.QUEUE, everything(attributes.QUEUE, [*OLD_LIMITS.split(), *ROUTES.split()])),
    "queue, limits of old": (attributes.QUEUE, {**QUEUE_TYPE, **only(attributes.QUEUE, OLD_LIMITS)}),
    "routing queue": (attributes.QUEUE, {**only(attributes.QUEUE, ROUTES), **ROUTE_TYPE}),
    "node": (attributes.NODE, everything(attributes.NODE)),
    "scheduler": (attributes.SCHED, everything(attributes.SCHED)),
    "scheduler that waits for hooks": (attributes.SCHED, {"job_run_wait": SPECIAL["sched"]["job_run_wait"]}),
    "scheduler of throughput": (attributes.SCHED, {"throughput_mode": (True, False)}),
}


@pytest.mark.parametrize("title", CASES)
def test_the_ladder_of_everything(world: World, title: str) -> None:
    kind, pairs = CASES[title]
    name = "" if kind is attributes.SERVER else world.name("x")
    before = dict(next(iter(world.listed(kind).values()))) if not name else {}
    first, second = ({attribute: pair[rung] for attribute, pair in pairs.items()} for rung in (0, 1))
    lasting = {*kind.fixed, *kind.given_back, "queue_type", "default_queue", "max_job_sequence_id", "vnode_pool"}
    try:
        assert both(world, kind, {"name": name, "attributes": first})["changed"]
        assert both(world, kind, {"name": name, "attributes": second})["changed"]
        gone = {attribute: None for attribute in second if attribute not in lasting}
        assert both(world, kind, {"name": name, "attributes": gone})["changed"]
        if name:
            assert both(world, kind, {"name": name, "present": False})["changed"]
    finally:
        if not name:
            world.by_hand(*put_back(world, kind, pairs, before))
    if not name:
        after = next(iter(world.listed(kind).values()))
        # The server's interval may be missing from the start: any scheduler's that was unset takes it away.
        assert {attribute: after.get(attribute) for attribute in pairs} == {
            attribute: before.get(attribute, kind.defaults.get(attribute)) for attribute in pairs
        }


def put_back(world: World, kind: Type, pairs: t.Iterable[str], before: t.Mapping[str, str]) -> list[str]:
    lines = [f"unset {kind.word} {attribute}" for attribute in pairs if attribute not in before]
    return lines + [f"set {kind.word} {name} = '{before[name]}'" for name in pairs if name in before]


def test_a_node_is_bound_to_a_queue_and_freed(world: World) -> None:
    queue, node = world.name("q"), world.name("n")
    world.run(attributes.QUEUE, {"name": queue, "attributes": {"queue_type": "e"}})
    world.runner.writes.clear()
    bound = {"Mom": NOWHERE, "queue": queue}
    assert both(world, attributes.NODE, {"name": node, "attributes": bound})["changed"]
    assert both(world, attributes.NODE, {"name": node, "attributes": {"queue": None}})["changed"]


def test_the_ladder_of_a_schedulers_formula(world: World, tmp_path: Path) -> None:
    name = world.name("s")
    for formula in ("ncpus * 2", "walltime"):
        wish = {"name": name, "attributes": {"sched_priv": str(tmp_path), "job_sort_formula": formula}}
        assert both(world, attributes.SCHED, wish)["changed"]
    assert both(world, attributes.SCHED, {"name": name, "attributes": {"job_sort_formula": None}})["changed"]


COUNTED, UNCOUNTED = ("long", "float", "size"), ("boolean", "string", "string_array")
FLAGS = {
    **dict.fromkeys(UNCOUNTED, ("", "h", "hr", "i", "r")),
    **dict.fromkeys(COUNTED, ("", "h", "nh", "fh", "hr", "i", "r")),
}


def test_the_ladder_of_every_resource(world: World) -> None:
    """All at once: each process costs ports."""
    wishes = [
        {"name": world.name(f"{form}-{flag}"), "attributes": {"type": form, "flag": flag}}
        for form, flags in FLAGS.items()
        for flag in flags
    ]
    assert both(world, attributes.RESOURCE, *wishes)["changed"]
    assert both(world, attributes.RESOURCE, *({"name": wish["name"], "present": False} for wish in wishes))["changed"]


EVENTS = "queuejob modifyjob movejob runjob periodic execjob_begin execjob_prologue execjob_epilogue execjob_end "
EVENTS += "execjob_preterm execjob_launch exechost_periodic exechost_startup"


def test_the_ladder_of_every_event_of_a_hook(world: World) -> None:
    name = world.name("h")
    for event in EVENTS.split():
        more = {"freq": 33} if "periodic" in event else {}
        wish = {"name": name, "attributes": {"event": [event], "enabled": False, "content": "pass\n", **more}}
        assert both(world, attributes.HOOK, wish)["changed"]
    on_failure = {
        "event": ["execjob_begin", "exechost_startup"],
        "fail_action": ["offline_vnodes", "clear_vnodes_upon_recovery"],
    }
    assert both(world, attributes.HOOK, {"name": name, "attributes": on_failure})["changed"]
    as_user = {"event": ["execjob_prologue"], "fail_action": None, "user": "pbsuser"}
    assert both(world, attributes.HOOK, {"name": name, "attributes": as_user})["changed"]
    assert both(world, attributes.HOOK, {"name": name, "present": False})["changed"]
