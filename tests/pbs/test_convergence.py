# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From any state, by any drift, one run brings what is wanted, as predicted; a second one writes nothing."""

from __future__ import annotations

import os
import string
import typing as t

import pytest
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, values
from ansible_collections.egee.box.plugins.module_utils._pbs.attributes import Type
from ansible_collections.egee.box.tests.pbs.world import NOWHERE, World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# All that can be said to qmgr, hostile as it may be; both quotation marks at once cannot.
SAYABLE = "".join(sorted(set(string.printable) - set("\n\r\v\f&")))
TEXT = st.one_of(
    st.text(SAYABLE.replace('"', ""), min_size=1, max_size=120),
    st.text(SAYABLE.replace("'", ""), min_size=1, max_size=120),
)
WORD = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=8)
BOOLEAN = st.sampled_from([True, False, "t", "F", "y", "0", "True", "false"])
SIZE = st.one_of(
    st.integers(0, 2**40),
    st.builds(
        lambda number, unit: f"{number}{unit}", st.integers(0, 9999), st.sampled_from(["b", "KB", "mb", "gb", "gw"])
    ),
)
DURATION = st.one_of(
    st.integers(0, 10**6),
    st.builds(lambda h, m, s: f"{h}:{m}:{s}", st.integers(0, 200), st.integers(0, 90), st.integers(0, 90)),
    st.builds(lambda s, f: f"{s}.{f}", st.integers(0, 1000), st.integers(0, 999)),
)
ENTITY = st.builds(lambda kind, name: f"{kind}:{name}", st.sampled_from("ugp"), st.one_of(WORD, st.just("PBS_GENERIC")))
LIMIT = st.dictionaries(ENTITY, st.integers(0, 999), min_size=1, max_size=4)
SIZE_LIMIT = st.dictionaries(ENTITY, SIZE, min_size=1, max_size=3)
USERS = st.lists(
    st.builds(lambda sign, name: sign + name, st.sampled_from(["", "+", "-"]), WORD), min_size=1, max_size=6
)
PRIORITY = st.integers(-1024, 1023)
KINDS: dict[values.Kind, st.SearchStrategy[t.Any]] = {
    values.STRING: TEXT,
    values.BOOLEAN: BOOLEAN,
    values.DURATION: DURATION,
    values.SIZE: SIZE,
    values.INTEGER: PRIORITY,
    values.LIMIT: LIMIT,
    values.ACCESS: USERS,
    values.HOOK_BOOLEAN: BOOLEAN,
}
RESOURCES = {"ncpus": st.integers(0, 999), "mem": SIZE, "walltime": DURATION, "software": TEXT, "site": TEXT}


def resources(*bases: str) -> dict[str, st.SearchStrategy[t.Any]]:
    return {f"{base}.{name}": value for base in bases for name, value in RESOURCES.items()}


HOSTS = st.lists(st.sampled_from(["a.example.org", "*.b.example.org", "c", "*.example.com"]), min_size=1, unique=True)
POSSIBLE: dict[str, dict[str, st.SearchStrategy[t.Any]]] = {
    "queue": {
        **dict.fromkeys(("enabled", "started", "acl_user_enable", "acl_group_enable"), BOOLEAN),
        **dict.fromkeys(("acl_users", "acl_groups"), USERS),
        "acl_hosts": HOSTS,
        "comment": TEXT,
        "Priority": PRIORITY,
        "kill_delay": st.integers(0, 99),
        **dict.fromkeys(("max_run", "max_queued", "max_run_res.ncpus"), LIMIT),
        "max_run_res.mem": SIZE_LIMIT,
        **resources("resources_max", "resources_default"),
        "default_chunk.ncpus": st.integers(1, 9),
    },
    "node": {
        "comment": TEXT,
        "Priority": PRIORITY,
        "max_running": st.integers(0, 99),
        "no_multinode_jobs": BOOLEAN,
        "resv_enable": BOOLEAN,
        "partition": WORD,
        "resources_available.ncpus": RESOURCES["ncpus"],
        # What begins with @ names another node.
        **{f"resources_available.{name}": TEXT.filter(lambda text: text[0] != "@") for name in ("software", "site")},
    },
    "server": {
        "comment": TEXT,
        "flatuid": BOOLEAN,
        "mail_from": WORD,
        "job_history_duration": st.integers(1, 10**6),
        "resend_term_delay": st.integers(0, 99),
        "jobscript_max_size": st.sampled_from(["10mb", "1GB", 4096]),
        **dict.fromkeys(("acl_users", "acl_roots"), USERS),
        **dict.fromkeys(("max_run", "max_queued"), LIMIT),
        "resources_max.mem": SIZE,
        "resources_max.walltime": DURATION,
    },
    "hook": {
        "event": st.lists(st.sampled_from(["queuejob", "runjob", "modifyjob", "movejob"]), max_size=3, unique=True),
        "enabled": st.just(False),
        "order": st.integers(1, 1000),
        "alarm": st.integers(1, 1000),
        "debug": BOOLEAN,
        "config": st.text(string.printable.replace("\r", "").replace("\x0b", ""), max_size=200),
        "content": st.sampled_from(["", "import pbs\n", "pass", "# é\nquit = 1\n\n", "list = 1\nexit\n"]),
    },
    "sched": {
        "scheduler_iteration": st.integers(1, 9999),
        "sched_cycle_length": st.integers(1, 9999),
        "preempt_queue_prio": st.integers(1, 999),
        "server_dyn_res_alarm": st.integers(0, 99),
        "comment": TEXT,
    },
}
TYPES = {kind.word: kind for kind in attributes.TYPES.values()}
# Of these, PBS may list after an unset what no table knows, so that `exact` is for queues, nodes and the server.
EXACT = ("queue", "node", "server")


@st.composite
def cases(draw: st.DrawFn) -> dict[str, t.Any]:
    """What is wanted at first, how it drifts, and what is wanted then."""
    word = draw(st.sampled_from(sorted(POSSIBLE)))
    lasting = TYPES[word].given_back
    possible = {
        name: value if name in lasting else st.one_of(st.none(), value) for name, value in POSSIBLE[word].items()
    }
    wanted = st.fixed_dictionaries({}, optional=possible)
    names = ["a", "b", "c"] if word != "server" else [""]
    once = st.fixed_dictionaries(dict.fromkeys(names, wanted))
    gone = st.lists(st.sampled_from(names), unique=True, max_size=1 if word != "server" else 0)
    return {
        "word": word,
        "first": draw(once),
        "drift": draw(st.dictionaries(st.sampled_from(names), st.lists(st.sampled_from(sorted(possible)), max_size=4))),
        "lost": draw(gone),
        "then": draw(once),
        "absent": draw(gone),
        "exact": word in EXACT and draw(st.booleans()),
    }


def wishes(world: World, kind: Type, wanted: dict[str, t.Any], absent: t.Sequence[str] = ()) -> list[dict[str, t.Any]]:
    found = []
    for name, has in wanted.items():
        extra = {"Mom": f"{NOWHERE}{ord(name) % 10}"} if kind is attributes.NODE else {}
        extra = {"queue_type": "Execution"} if kind is attributes.QUEUE else extra
        whole = world.name(name) if name else ""
        found.append({"name": whole, "attributes": {**extra, **has}, "present": name not in absent})
    return found


def drift(world: World, kind: Type, case: dict[str, t.Any]) -> None:
    """What somebody does by hand: unset this, overwrite that, delete a third."""
    lines = []
    for name, touched in case["drift"].items():
        target = f"{kind.word} {world.name(name)}" if name else kind.word
        for attribute in touched:
            lines.append(f"unset {target} {attribute}")
            if attribute == "comment":
                lines.append(f'set {target} comment = "by hand; {name} # and more,  of  it"')
    lines += [f"delete {kind.word} {world.name(name)}" for name in case["lost"]]
    world.by_hand(*lines)


def converges(world: World, case: dict[str, t.Any]) -> None:
    kind = TYPES[case["word"]]
    world.run(kind, *wishes(world, kind, case["first"]))
    drift(world, kind, case)
    wanted = wishes(world, kind, case["then"], case["absent"])
    predicted = world.run(kind, *wanted, check=True, exact=case["exact"])
    world.runner.writes.clear()
    real = world.run(kind, *wanted, exact=case["exact"])
    assert len(world.runner.writes) == bool(real["changed"]), "more than one process wrote"
    assert real == predicted
    world.runner.writes.clear()
    again = world.run(kind, *wanted, exact=case["exact"])
    assert (again["changed"], again["directives"], world.runner.writes) == (False, [], [])


CHECKS = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@pytest.fixture
def kept(world: World) -> t.Iterator[World]:
    """Puts the attributes of the server back, which is there to stay."""
    yield world
    world.by_hand(
        *(f"unset server {attribute}" for attribute in POSSIBLE["server"]),
        "set server default_queue = workq, node_fail_requeue = 310, resend_term_delay = 5",
    )


def test_one_run_converges(kept: World) -> None:
    # A real server gets fewer: each of its clients costs ports for a minute.
    count = int(os.environ.get("EGEE_BOX_PBS_CASES", "30")) if kept.real else 100

    @settings(CHECKS, max_examples=count)
    @given(cases())
    def check(case: dict[str, t.Any]) -> None:
        converges(kept, case)

    check()
