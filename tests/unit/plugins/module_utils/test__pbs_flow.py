# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a task: few directives, refusals with what is in the way, failures object by object. On the stand-in."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._pbs import alive, attributes, drain, entry, guards
from ansible_collections.egee.box.plugins.module_utils._pbs.client import Access, Pbs
from ansible_collections.egee.box.plugins.module_utils._pbs.flow import Steward, Task
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.tests.unit.scripted_runner import Expected, ScriptedRunner
from ansible_collections.egee.box.tests.unit.standin_pbs import StandInPbs, StandInRunner

GUARDS = {"queue": guards.queues, "node": guards.nodes, "resource": guards.resources}
EVERYTHING = (attributes.QUEUE, attributes.NODE, attributes.RESOURCE)


class Site:
    """A stand-in server with some things on it."""

    def __init__(self, *directives: str) -> None:
        self.pbs = StandInPbs()
        run = self.pbs.qmgr([], "\n".join([*directives, ""]))
        assert not run.stderr
        self.pbs.asked.clear()
        self.runner = StandInRunner(self.pbs)
        self.warnings: list[str] = []

    def run(
        self, kind: attributes.Type, *wanted: t.Mapping[str, t.Any], check: bool = False, **more: t.Any
    ) -> dict[str, t.Any]:
        task = Task(kind, wanted, guard=GUARDS.get(kind.word, guards.nothing), reads=EVERYTHING, **more)
        return Steward(Pbs(self.runner, Access()), task, self.warnings.append).run(check)

    def fails(self, kind: attributes.Type, *wanted: t.Mapping[str, t.Any], **more: t.Any) -> BoxError:
        with pytest.raises(BoxError) as caught:
            self.run(kind, *wanted, **more)
        return caught.value


def nodes(*names: str, **attributes_: t.Any) -> list[dict[str, t.Any]]:
    return [{"name": name, "attributes": attributes_} for name in names]


def test_objects_that_need_the_same_share_a_directive() -> None:
    site = Site("create node a,b,c")
    result = site.run(attributes.NODE, *nodes("a", "b", comment="x y"))
    assert result["directives"] == ['set node a,b comment = "x y"']
    assert (len(site.runner.reads), len(site.runner.writes)) == (1, 1)


def test_all_nodes_share_a_short_directive() -> None:
    site = Site("create node a,b,c")
    assert site.run(attributes.NODE, *nodes("a", "b", "c", Priority=3))["directives"] == [
        "set node @default Priority = 3"
    ]
    assert site.run(attributes.NODE, *nodes("c", "a", "b", Priority=None))["directives"] == [
        "unset node @default Priority"
    ]


def test_no_short_directive_where_others_would_be_hit() -> None:
    site = Site("create node a,b")
    wanted = [*nodes("a", "b", Priority=3), {"name": "c", "attributes": {"Priority": 3}}]
    assert site.run(attributes.NODE, *wanted)["directives"] == [
        "create node c Priority = 3",
        "set node a,b Priority = 3",
    ]


def test_a_thousand_nodes_are_few_directives_and_two_processes() -> None:
    site = Site()
    result = site.run(attributes.NODE, *nodes(*(f"n{number}" for number in range(1000)), Priority=1))
    assert len(result["directives"]) == 10
    assert (len(site.runner.reads), len(site.runner.writes)) == (1, 1)


def test_unset_is_told_from_empty() -> None:
    site = Site()
    assert site.run(attributes.SERVER, {"name": "", "attributes": {"mail_from": ""}})["directives"] == [
        'set server mail_from = ""'
    ]
    assert not site.run(attributes.SERVER, {"name": "", "attributes": {"mail_from": ""}})["changed"]
    result = site.run(attributes.SERVER, {"name": "", "attributes": {"mail_from": None}})
    assert result["directives"] == ["unset server mail_from"]
    assert result["servers"] == {"pbs1": {"mail_from": "adm"}}


def test_exact_removes_what_is_not_named_and_only_that() -> None:
    site = Site('create queue q queue_type=e, Priority=3, comment="x", resources_max.ncpus=4, enabled=True')
    result = site.run(attributes.QUEUE, {"name": "q", "attributes": {"Priority": 3}}, exact=True)
    assert result["directives"] == ["unset queue q comment, resources_max.ncpus, enabled"]
    assert not site.run(attributes.QUEUE, {"name": "q", "attributes": {"Priority": 3}}, exact=True)["changed"]


def test_exact_leaves_what_a_mom_or_the_server_would_put_back() -> None:
    site = Site("create node a resources_available.ncpus=4, resources_available.mem=1gb, Priority=2")
    site.pbs.objects["node"]["a"]["comment"] = "node down: communication closed"
    assert site.run(attributes.NODE, *nodes("a"), exact=True)["directives"] == ["unset node a Priority"]


def test_exact_knows_the_defaults_of_the_server() -> None:
    site = Site("set server flatuid = True", "set server log_events = 2047")
    result = site.run(attributes.SERVER, {"name": "", "attributes": {"default_queue": "workq"}}, exact=True)
    assert result["directives"] == ["unset server log_events, flatuid"]


def test_a_long_text_is_compared_whole_though_list_folds_it() -> None:
    long = "a, b,  c, " * 20
    site = Site(f'create queue q queue_type=e, comment="{long}"')
    assert not site.run(attributes.QUEUE, {"name": "q", "attributes": {"comment": long}})["changed"]
    assert len(site.runner.reads) == 2
    assert site.run(attributes.QUEUE, {"name": "q", "attributes": {"comment": long.replace("  ", " ")}})["changed"]


def test_offline_and_online_keep_the_comment() -> None:
    site = Site('create node a,b comment="bad disk"')
    offline = [{"name": name, "offline": True} for name in ("a", "b")]
    assert site.run(attributes.NODE, *offline)["directives"] == ["set node @default state += offline"]
    assert not site.run(attributes.NODE, *offline)["changed"]
    result = site.run(attributes.NODE, {"name": "a", "offline": False})
    assert result["directives"] == ["set node a state -= offline"]
    assert site.pbs.objects["node"]["a"]["comment"] == "bad disk"
    assert site.pbs.objects["node"]["b"]["state"].endswith("offline")


def test_a_comment_that_qmgr_cannot_be_told_goes_by_pbsnodes() -> None:
    site = Site("create node a,b,c")
    result = site.run(attributes.NODE, *nodes("a", "b", comment="naïve & 'both\" ✓", Priority=1))
    assert result["directives"] == ["set node a,b Priority = 1"]
    assert [argv[0] for argv in site.runner.writes] == ["/opt/pbs/bin/qmgr", "/opt/pbs/bin/pbsnodes"]
    assert not site.run(attributes.NODE, *nodes("a", "b", comment="naïve & 'both\" ✓"))["changed"]


def test_draining_waits_for_the_last_job() -> None:
    site = Site("create node a,b")
    site.pbs.objects["node"]["a"]["jobs"] = "1.pbs1/0"

    def sleep(seconds: float) -> None:
        site.runner.slept += seconds
        if site.runner.slept >= 15:
            del site.pbs.objects["node"]["a"]["jobs"]

    site.runner.sleep = sleep  # type: ignore[method-assign]
    drain.waiting(["a", "b"], timeout=60)(Pbs(site.runner, Access()), {})
    assert site.runner.slept == 15


def test_draining_ends_with_an_error_that_names_the_jobs() -> None:
    site = Site("create node a")
    site.pbs.objects["node"]["a"]["jobs"] = "1.pbs1/0, 1.pbs1/1"
    with pytest.raises(
        BoxError, match=r"1 nodes still work after 10 s: node a: 1\.pbs1/0, 1\.pbs1/1; they stay offline"
    ):
        drain.waiting(["a"], timeout=10)(Pbs(site.runner, Access()), {"changed": True})


def test_a_scheduler_that_is_down_is_waited_for_and_then_an_error() -> None:
    site = Site()
    sched = site.pbs.objects["sched"]["default"]
    sched["state"] = "down"
    pbs = Pbs(site.runner, Access())
    pbs.read(attributes.SCHED)
    with pytest.raises(
        BoxError, match=r"sched default: .*no job starts; start pbs_sched, .*\(waited for 3 s\)"
    ) as caught:
        alive.scheduling(["default"], 3)(pbs, {"changed": True})
    assert caught.value.details == {"changed": True}
    sched["state"] = "idle"
    alive.scheduling(["default"], 3)(pbs, {})
    assert site.runner.slept == 4


def test_a_scheduler_that_shall_not_schedule_may_be_down() -> None:
    site = Site("set sched default scheduling = False")
    site.pbs.objects["sched"]["default"]["state"] = "down"
    pbs = Pbs(site.runner, Access())
    pbs.read(attributes.SCHED)
    alive.scheduling(["default"], 3)(pbs, {})


# What is in the way -------------------------------------------------------------------------------------------------


def crowded() -> Site:
    """Jobs in a queue and on a node, a node bound to a queue, a route with one way, a resource in use."""
    site = Site(
        "create queue q,solo queue_type=e, enabled=True, started=True",
        "create queue r queue_type=r, route_destinations=solo, enabled=True, started=True",
        "create resource fast type=long, flag=h",
        "create node a,b",
        "set node a resources_available.fast = 3",
        "set queue q default_chunk.fast = 1",
        "set node b queue = q",
    )
    site.pbs.jobs = {"1.pbs1": "q", "2.pbs1": "q"}
    site.pbs.objects["queue"]["q"]["total_jobs"] = "2"
    site.pbs.objects["node"]["a"]["jobs"] = "1.pbs1/0, 1.pbs1/1"
    site.pbs.asked.clear()
    return site


OBSTACLES: dict[str, tuple[attributes.Type, dict[str, t.Any], str]] = {
    "a queue with jobs": (
        attributes.QUEUE,
        {"name": "q", "present": False},
        "queue q: it holds 2 jobs: 1.pbs1, 2.pbs1",
    ),
    "a queue with nodes": (attributes.QUEUE, {"name": "q", "present": False}, "queue q: nodes are bound to it: b"),
    "the default queue": (
        attributes.QUEUE,
        {"name": "workq", "present": False},
        "queue workq: it is the server's default",
    ),
    "the default queue, disabled": (
        attributes.QUEUE,
        {"name": "workq", "attributes": {"enabled": False}},
        "queue workq: it is the server's default",
    ),
    "the last route, deleted": (
        attributes.QUEUE,
        {"name": "solo", "present": False},
        r"queue r: no enabled destination would be left to it \(now: solo\)",
    ),
    "the last route, disabled": (
        attributes.QUEUE,
        {"name": "solo", "attributes": {"enabled": None}},
        "queue r: no enabled destination would be left",
    ),
    "the last route, taken away": (
        attributes.QUEUE,
        {"name": "r", "attributes": {"route_destinations": ["nowhere"]}},
        "queue r: no enabled destination would be left",
    ),
    "a node at work": (attributes.NODE, {"name": "a", "present": False}, "node a: it runs 1.pbs1;"),
    "a resource in use": (
        attributes.RESOURCE,
        {"name": "fast", "present": False},
        r"resource fast: it has values: queue q default_chunk\.fast, node a resources_available\.fast",
    ),
    "a resource in use, of another type": (
        attributes.RESOURCE,
        {"name": "fast", "attributes": {"type": "size"}},
        "resource fast: it has values",
    ),
}


@pytest.mark.parametrize("title", OBSTACLES)
def test_what_is_in_the_way_is_named_and_nothing_is_done(title: str) -> None:
    kind, wish, said = OBSTACLES[title]
    site = crowded()
    for check in (True, False):
        with pytest.raises(BoxError, match=said) as caught:
            site.run(kind, wish, check=check)
        assert "clear the way first, or use force" in caught.value.message
    assert not site.pbs.asked


@pytest.mark.parametrize("title", OBSTACLES)
def test_force_does_what_it_says(title: str) -> None:
    kind, wish, _said = OBSTACLES[title]
    site = crowded()
    assert site.run(kind, wish, check=True, force=True)["changed"]
    assert not site.pbs.asked
    assert site.run(kind, wish, force=True)["changed"]
    assert not site.run(kind, wish, force=True)["changed"]


def test_force_says_what_it_did_to_jobs() -> None:
    site = crowded()
    assert site.run(attributes.QUEUE, {"name": "q", "present": False}, force=True)["actions"] == [
        "removed job 1.pbs1",
        "removed job 2.pbs1",
        "deleted queue q",
    ]
    assert not site.pbs.jobs
    assert "queue" not in site.pbs.objects["node"]["b"]
    result = site.run(attributes.NODE, {"name": "a", "present": False}, force=True)
    assert result["directives"] == ["set node a state += offline", "delete node a"]
    assert result["actions"] == ["requeued job 1.pbs1", "deleted node a"]


def test_a_route_with_another_way_is_not_the_last() -> None:
    site = crowded()
    site.run(attributes.QUEUE, {"name": "r", "attributes": {"route_destinations": ["solo", "far@elsewhere"]}})
    assert site.run(attributes.QUEUE, {"name": "solo", "present": False})["changed"]


# Failures ------------------------------------------------------------------------------------------------------------


def test_a_partly_failed_batch_says_what_was_done_and_what_not_and_a_second_run_finishes_it() -> None:
    site = Site("create node a")
    wanted = [
        {"name": "a", "attributes": {"Priority": 1}},
        {"name": "nosuch", "attributes": {"Priority": 1}},
        {"name": "c", "attributes": {"queue": "later"}},
    ]
    failure = site.fails(attributes.NODE, *wanted)
    assert failure.message.startswith(
        "2 of 3 changes failed: node nosuch: not created (Priority = '1'): Unknown node; let"
    )
    assert "node c: not created (queue = 'later'): Unknown queue; create the queue first" in failure.message
    assert failure.details["changed"]
    assert failure.details["actions"] == ["changed node a"]
    assert set(failure.details["failures"]) == {"nosuch", "c"}
    assert failure.details["diff"] == [{"before": {"a": {}}, "after": {"a": {"Priority": "1"}}}]
    site.pbs.qmgr([], "create queue later\n")
    result = site.run(attributes.NODE, wanted[0], wanted[2])
    assert result["actions"] == ["created node c"]


def test_a_body_that_does_not_compile_fails_alone() -> None:
    site = Site()
    failure = site.fails(
        attributes.HOOK,
        {"name": "good", "attributes": {"content": "pass\n", "event": ["runjob"]}},
        {"name": "bad", "attributes": {"content": "def broken(:\n", "event": ["runjob"]}},
    )
    assert "hook bad: not created (event = 'runjob'): Failed to compile script" in failure.message
    assert failure.details["actions"] == ["created hook good"]


def refused(said: str, kind: attributes.Type, wish: dict[str, t.Any]) -> None:
    site = Site("create queue q queue_type=e", "create node a Mom=host")
    failure = site.fails(kind, wish)
    assert said in failure.message
    assert not site.pbs.asked


REFUSED: dict[str, tuple[str, attributes.Type, dict[str, t.Any]]] = {
    "a name with a directive": ("this is no name of a queue", attributes.QUEUE, {"name": "q; delete queue workq"}),
    "a name with a line": ("this is no name of a node", attributes.NODE, {"name": "a\ndelete node b"}),
    "a list as a name": ("this is no name of a node", attributes.NODE, {"name": "a,b"}),
    "all as a name": ("this is no name of a queue", attributes.QUEUE, {"name": "@default"}),
    "an empty name": ("this is no name of a queue", attributes.QUEUE, {"name": ""}),
    "a host that qmgr takes for an attribute": (
        "node mom.example.org: qmgr takes this for the attribute Mom; use another name",
        attributes.NODE,
        {"name": "mom.example.org"},
    ),
    "a reserved hook": ("and not beginning with PBS", attributes.HOOK, {"name": "PBS_power"}),
    "a computed attribute": (
        "queue q: total_jobs = 3: is PBS's own and cannot be set; leave it out",
        attributes.QUEUE,
        {"name": "q", "attributes": {"total_jobs": 3}},
    ),
    "a computed resource": (
        "is PBS's own",
        attributes.SERVER,
        {"name": "", "attributes": {"resources_assigned": {"ncpus": 3}}},
    ),
    "the state of a node": (
        "the option `state` says offline, online or drained",
        attributes.NODE,
        {"name": "a", "attributes": {"state": "offline"}},
    ),
    "a Mom that cannot change": (
        "node a: Mom is host and cannot become other while it exists; delete the node and create it again",
        attributes.NODE,
        {"name": "a", "attributes": {"Mom": "other"}},
    ),
    "what a MoM sets again": (
        "PBS or a MoM sets it again at once",
        attributes.NODE,
        {"name": "a", "attributes": {"resources_available.ncpus": None}},
    ),
    "a wrong value": (
        "is no size; PBS takes",
        attributes.QUEUE,
        {"name": "q", "attributes": {"resources_max.mem": "1.5gb"}},
    ),
    "an empty number": (
        "an empty value is no integer; null unsets it",
        attributes.QUEUE,
        {"name": "q", "attributes": {"Priority": ""}},
    ),
    "an attribute in two spellings": (
        "is there twice",
        attributes.QUEUE,
        {"name": "q", "attributes": {"priority": 1, "Priority": 2}},
    ),
    "an attribute with a directive": (
        "is no name of an attribute",
        attributes.QUEUE,
        {"name": "q", "attributes": {"enabled = True\ndelete queue workq": 1}},
    ),
    "a value with a line": (
        "qmgr takes no",
        attributes.QUEUE,
        {"name": "q", "attributes": {"comment": "x\ndelete queue q"}},
    ),
    "a value with both marks": (
        "both kinds of quotation marks",
        attributes.SERVER,
        {"name": "", "attributes": {"comment": "'\""}},
    ),
}


@pytest.mark.parametrize("title", REFUSED)
def test_what_cannot_be_is_refused_before_anything_is_done(title: str) -> None:
    refused(*REFUSED[title])


def test_a_name_twice_is_refused() -> None:
    assert "named twice" in Site().fails(attributes.QUEUE, {"name": "q"}, {"name": "q"}).message


def test_an_unknown_attribute_is_passed_on_with_a_warning() -> None:
    site = Site("create queue q queue_type=e")
    failure = site.fails(attributes.QUEUE, {"name": "q", "attributes": {"brand_new": 1}})
    assert "Undefined attribute" in failure.message
    assert site.warnings == [
        "queue q: brand_new is not known to this collection or not yet to PBS; it is compared as text"
    ]


QMGR = "/opt/pbs/bin/qmgr"
SERVER = "Server pbs1\n    server_state = Active\n    pbs_version = {}\n\n"
UNREACHED = "Connection refused\nqmgr: cannot connect to server \n"
READINGS: dict[str, tuple[list[Expected], str]] = {
    "a server that is down": (
        [Expected(QMGR, rc=3, stderr=UNREACHED)] * 11,
        "PBS server of /etc/pbs.conf: Connection refused / qmgr: cannot connect to server; see that pbs_server runs",
    ),
    "a host that is unknown": (
        [Expected(QMGR, rc=3, stderr="Unknown Host.\nqmgr: cannot connect to server x\n")],
        "Unknown Host. / qmgr: cannot connect to server x",
    ),
    "no configuration": (
        [Expected(QMGR, rc=2, stderr="Failed to load pbs.conf file\n")],
        "Failed to load pbs.conf file",
    ),
    "TORQUE": ([Expected(QMGR, SERVER.format("6.1.2"))], "PBS server pbs1: this is TORQUE 6.1.2"),
    "hooks that are not ours to see": (
        [
            Expected(
                QMGR,
                SERVER.format("23.06.06"),
                stderr="adm@pbs1 is unauthorized to access hooks data from server pbs1\n",
            )
        ],
        "hooks: adm@pbs1 is unauthorized to access hooks data from server pbs1; become root on the server's host",
    ),
    "a data service that is dead": (
        [Expected(QMGR, SERVER.format("23.06.06"), stderr="qmgr obj= svr=default: PBS data service error\n")],
        "PBS: PBS data service error; without this answer nothing is changed",
    ),
}


@pytest.mark.parametrize("title", READINGS)
def test_without_a_sound_answer_nothing_is_changed(title: str) -> None:
    script, said = READINGS[title]
    runner = ScriptedRunner(*script)
    with pytest.raises(BoxError) as caught:
        Pbs(runner, Access()).read(attributes.HOOK)
    assert said in caught.value.message
    runner.finish()


def test_a_server_that_comes_up_is_waited_for() -> None:
    refusing = [Expected(QMGR, rc=3, stderr=UNREACHED)] * 3
    runner = ScriptedRunner(*refusing, Expected(QMGR, SERVER.format("23.06.06")))
    assert Pbs(runner, Access()).read().server_name == "pbs1"
    assert runner.slept == 3


def test_a_server_that_goes_away_while_it_is_written_to_leaves_no_doubt_about_the_doubt() -> None:
    listed = SERVER.format("23.06.06") + "Queue q\n    total_jobs = 0\n\n"
    gone = "qmgr: Protocol error, server disconnected\n"
    script = [Expected(QMGR, listed), Expected(QMGR, rc=1, stderr=gone), *[Expected(QMGR, rc=3, stderr=UNREACHED)] * 11]
    task = Task(attributes.QUEUE, [{"name": "q", "attributes": {"Priority": 1}}])
    steward = Steward(Pbs(ScriptedRunner(*script), Access()), task, lambda warning: None)
    with pytest.raises(BoxError, match="it is not known which of the 1 directives were carried out") as caught:
        steward.run(check_mode=False)
    assert caught.value.details["directives"] == ["set queue q Priority = 1"]
    assert caught.value.details["changed"]


def test_no_is_what_an_absent_boolean_means_only_where_pbs_takes_it_so() -> None:
    """A reservation may come to a node that says nothing of it; no_tasks has to be said."""
    site = Site("create node a")
    site.pbs.qmgr([], "unset node a resv_enable\n")
    assert site.run(attributes.NODE, *nodes("a", no_tasks=False))["directives"] == []
    assert site.run(attributes.NODE, *nodes("a", resv_enable=False))["directives"] == ["set node a resv_enable = False"]


def test_a_host_has_one_name_however_it_is_written() -> None:
    site = Site("create node a Mom=Host.Example.org")
    assert site.run(attributes.NODE, *nodes("a", Mom="host.example.ORG"))["changed"] is False


@pytest.mark.parametrize(
    ("configuration", "given", "expected"),
    [
        pytest.param("PBS_SERVER=x\nPBS_EXEC=/usr/pbs\n", None, "/usr/pbs/bin", id="as PBS's own configuration says"),
        pytest.param("PBS_EXEC=/usr/pbs\n", "/own/bin", "/own/bin", id="the option goes before it"),
        pytest.param("PBS_SERVER=x\n", None, "/opt/pbs/bin", id="else where the packages put them"),
        pytest.param(None, None, "/opt/pbs/bin", id="where there is no configuration too"),
    ],
)
def test_where_the_commands_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configuration: str | None, given: str | None, expected: str
) -> None:
    path = tmp_path / "pbs.conf"
    if configuration is not None:
        path.write_text(configuration)
    monkeypatch.setenv("PBS_CONF_FILE", str(path))
    assert entry.commands(given) == expected


@pytest.mark.parametrize(
    ("server", "argv"), [(None, "/pbs/qstat -f -F json"), ("pbs.egee.test", "/pbs/qstat -f -F json @pbs.egee.test")]
)
def test_an_answer_that_is_no_json_is_named(server: str | None, argv: str) -> None:
    pbs = Pbs(ScriptedRunner(Expected(argv, stdout='{"Jobs": {"1.x": {"job_state": "R"}}}')), Access("/pbs", server))
    assert pbs.jobs() == {"1.x": {"job_state": "R"}}
    pbs = Pbs(ScriptedRunner(Expected(argv, stdout="{")), Access("/pbs", server))
    with pytest.raises(BoxError, match="^qstat: its answer is no JSON; see stdout$"):
        pbs.jobs()
