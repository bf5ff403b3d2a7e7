# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users may describe, how a job follows HTCondor's log, and what becomes of it when something fails."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import wms_condor
import wms_jobs as jobs
import wms_proxy
from hypothesis import given
from hypothesis import strategies as st

NOW = 1000.0
LIMITS = jobs.Limits(attempts=2, unreachable=300, match=86400, avoidance=600, removal=60)


def job(**fields: Any) -> jobs.Job:
    start = jobs.Job("name", "/CN=Alice", jobs.Description("/bin/true"), NOW, since=NOW, cluster=2, expires=NOW + 99999)
    return replace(start, **{"vo": "voce", "state": "waiting", **fields})


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        pytest.param([], "table", id="no table"),
        pytest.param({}, "executable", id="nothing to run"),
        pytest.param({"executable": "/x", "universe": "local"}, "no key", id="a key that is none"),
        pytest.param({"executable": "/x", "cpus": "2"}, "type", id="a number as text"),
        pytest.param({"executable": "/x", "cpus": True}, "type", id="a truth as a number"),
        pytest.param({"executable": "/x", "arguments": [1]}, "list of strings", id="a number among texts"),
        pytest.param({"executable": "run.sh"}, "not among the inputs", id="a file that does not come along"),
        pytest.param({"executable": "../run.sh", "inputs": ["../run.sh"]}, "executable", id="a way out"),
        pytest.param({"executable": "/x", "inputs": ["a/b"]}, "name files", id="a directory"),
        pytest.param({"executable": "/x", "inputs": ["wms-job"]}, "name files", id="a name of ours"),
        pytest.param({"executable": "/x", "outputs": ["a\nuniverse=local"]}, "name files", id="two lines"),
        pytest.param({"executable": "/x", "stdout": "o", "stderr": "o"}, "different", id="one file for two"),
        pytest.param({"executable": "/x", "vo": 'v"'}, "vo has", id="a quote"),
        pytest.param({"executable": "/x", "environment": {"A B": "c"}}, "environment", id="no variable"),
        pytest.param({"executable": "/x", "cpus": 0}, "at least 1", id="no processor"),
    ],
)
def test_a_bad_description_is_refused_with_the_reason(given_: Any, said: str) -> None:
    with pytest.raises(jobs.BadDescription, match=said):
        jobs.described(given_)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=4))
def test_arguments_arrive_as_they_were_written(tmp_path_factory: pytest.TempPathFactory, arguments: list[str]) -> None:
    script = tmp_path_factory.mktemp("job") / "script"
    description = jobs.described({"executable": "/usr/bin/printf", "arguments": ["%s\\0", *arguments]})
    script.write_text(jobs.wrapper(job(description=description)), "utf-8")
    done = subprocess.run(["sh", str(script)], capture_output=True, check=True)
    assert done.stdout.decode() == "".join(f"{argument}\0" for argument in arguments or [""])


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.lists(st.text()), st.integers(), st.none())))
def test_what_is_accepted_adds_no_line_to_what_htcondor_reads(fields: dict[str, Any]) -> None:
    try:
        description = jobs.described({"executable": "/x", **fields})
    except jobs.BadDescription:
        return
    assert jobs.submit_file(job(description=description)).count("\n") <= 19


def test_a_job_is_the_same_after_a_restart() -> None:
    before = job(orphans=[("https://a", "1")], avoided=["a"], exit_code=3)
    assert jobs.Job.from_json(before.to_json()) == before


def event(trigger: str, cluster: int, routed: bool = True, **more: Any) -> dict[str, Any]:
    source = {"RoutedFromJobId": "2.0"} if routed else {}
    return {"TriggerEventTypeName": f"ULOG_{trigger}", "Cluster": cluster, "MatchedCE": "ce/q", **source, **more}


GRID = {"GridJobId": "arc https://ce:443/arex/rest/1.0 abc"}


def test_a_job_follows_the_log_to_its_end() -> None:
    one = job()
    seen = []
    for row in (
        event("SUBMIT", 3),
        event("GRID_SUBMIT", 3, **GRID),
        event("EXECUTE", 3),
        event("EXECUTE", 2, routed=False),
        event("JOB_TERMINATED", 3, ReturnValue=4),
        event("JOB_TERMINATED", 2, routed=False, ReturnValue=4),
    ):
        happened = jobs.follow(one, row)
        if happened:
            one.state = happened.state
            seen.append((happened.type, one.state))
    assert seen == [("Matched", "ready"), ("Transferred", "scheduled"), ("Running", "running"), ("Done", "done")]
    assert (one.exit_code, one.ce, one.ce_url, one.ce_job) == (4, "ce/q", "https://ce:443/arex/rest/1.0", "abc")


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(event("EXECUTE", 9), id="an attempt that was given up"),
        pytest.param(event("SUBMIT", 9, RoutedFromJobId="7.0"), id="another job's"),
        pytest.param(event("JOB_HELD", 3), id="a hold, which the queue tells better"),
    ],
)
def test_what_does_not_concern_a_job_leaves_it_alone(row: dict[str, Any]) -> None:
    one = job(routed=3)
    assert jobs.follow(one, row) is None
    assert one == job(routed=3)


def test_a_job_that_is_over_stays_so() -> None:
    one = job(state="cancelled")
    assert jobs.follow(one, event("SUBMIT", 3)) is None


RUNNING = {"JobStatus": 2, "EnteredCurrentStatus": NOW}


@pytest.mark.parametrize(
    ("fields", "part", "after", "action", "said"),
    [
        pytest.param({}, RUNNING, 10, "", "", id="all is well"),
        pytest.param({}, None, 10, "", "", id="not matched yet"),
        pytest.param({}, None, 90000, "abort", "no CE", id="never matched"),
        pytest.param({"avoided": ["ce"]}, None, 601, "forgive", "", id="no other CE came"),
        pytest.param({"expires": NOW + 5}, RUNNING, 10, "abort", "proxy has expired", id="the proxy ended"),
        pytest.param({}, {**RUNNING, "JobStatus": 5, "HoldReason": "full"}, 10, "resubmit", "full", id="the CE failed"),
        pytest.param(
            {"attempt": 2}, {**RUNNING, "JobStatus": 5, "HoldReason": "full"}, 10, "abort", "full", id="again"
        ),
        pytest.param({}, {**RUNNING, "GridResourceUnavailableTime": NOW}, 299, "", "", id="out of reach for a moment"),
        pytest.param({}, {**RUNNING, "GridResourceUnavailableTime": NOW}, 301, "resubmit", "reach", id="out of reach"),
        pytest.param({}, {**RUNNING, "JobStatus": 3}, 30, "", "", id="being removed"),
        pytest.param({}, {**RUNNING, "JobStatus": 3}, 61, "force", "", id="its CE does not let go"),
    ],
)
def test_what_becomes_of_a_job(
    fields: dict[str, Any], part: dict[str, Any] | None, after: float, action: str, said: str
) -> None:
    queue = {2: {"JobStatus": 1}, **({3: part} if part else {})}
    verdict = jobs.judge(job(routed=3, **fields), queue, NOW + after, LIMITS)
    assert verdict.action == action
    assert said in verdict.reason


def test_a_new_attempt_goes_elsewhere_and_leaves_nothing_behind() -> None:
    one = job(routed=3, ce="ce.a/q", ce_url="https://ce.a", ce_job="abc", state="running")
    jobs.begin_anew(one)
    assert (one.attempt, one.avoided, one.orphans) == (2, ["ce.a"], [("https://ce.a", "abc")])
    assert (one.routed, one.ce, one.ce_job) == (0, "", "")


@pytest.mark.parametrize(
    ("module", "call", "failure"),
    [
        pytest.param(wms_condor, wms_condor.condor, wms_condor.CondorError, id="HTCondor's"),
        pytest.param(wms_proxy, lambda *argv: wms_proxy.said([*argv]), wms_proxy.Unusable, id="a credential's"),
    ],
)
def test_a_command_that_does_not_end_has_failed(
    module: Any, call: Any, failure: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    with pytest.raises(failure, match=r"sleep: no end after 0\.1 s"):
        call("sleep", "60")


objects = st.lists(st.dictionaries(st.text(), st.one_of(st.integers(), st.text())), max_size=4)


@given(objects, st.integers(0, 400))
def test_the_log_may_be_read_at_any_moment(rows: list[dict[str, Any]], cut: int) -> None:
    text = "".join(json.dumps(row, indent=2) + "\n" for row in rows)
    first, taken = jobs.parse_events(text[:cut])
    second, _taken = jobs.parse_events(text[taken:])
    assert first + second == rows


def test_the_log_is_read_on_where_it_was_left_and_through_its_rotation(tmp_path: Path) -> None:
    import wms_condor

    log, mark = tmp_path / "EventLog", tmp_path / "mark"
    reader = wms_condor.EventLog(log, mark)
    assert list(reader.new()) == []
    log.write_text('{"n": 1}\n{"n": 2}\n{"n"')
    assert [row["n"] for row in reader.new()] == [1, 2]
    reader.keep()
    log.write_text('{"n": 1}\n{"n": 2}\n{"n": 3}\n')
    log.rename(tmp_path / "EventLog.1")
    log.write_text('{"n": 4}\n')
    again = wms_condor.EventLog(log, mark)
    assert [row["n"] for row in again.new()] == [3, 4]
    again.keep()
    assert list(wms_condor.EventLog(log, mark).new()) == []


def test_a_job_keeps_its_exit_code_beside_the_shell_that_keeps_its_proxy(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("a proxy")
    description = jobs.described(
        {"executable": "/bin/sh", "arguments": ["-c", 'cat "$X509_USER_PROXY"; exit 7'], "renewal": "r"}
    )
    script = jobs.wrapper(job(description=description), "https://wms.test:7443", 60, 7200)
    environment = {"PATH": "/usr/bin:/bin", "X509_USER_PROXY": str(tmp_path / "given")}
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (7, "a proxy")
    assert [file.name for file in tmp_path.iterdir()] == ["given"]
