# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job as the WMS knows it: what its user described, how far it has come, and what that makes of it.

Everything here is plain data: what HTCondor's event log and queue say goes in, what is to be done comes out.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import asdict, dataclass, field
from typing import Any

# A file of a job lies in its directory under a plain name; those with our prefix are the WMS's own.
FILE = re.compile(r"(?!wms-)[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")
NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
WRAPPER = "wms-job"

LIVE = ("waiting", "ready", "scheduled", "running")
OVER = ("done", "aborted", "cancelled", "cleared")


class BadDescription(ValueError):
    """A job description that cannot be run; the message names the key and what it may be."""


@dataclass(frozen=True)
class Description:
    """What the user wants to run."""

    executable: str
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    stdout: str = "stdout"
    stderr: str = "stderr"
    # The VO that it is for, the CEs and the queue that it may go to; any that the proxy opens by default.
    vo: str = ""
    ce: list[str] = field(default_factory=list)
    queue: str = ""
    cpus: int = 1
    # MiB; as the CE says by default.
    memory: int = 0
    # The name of the credential in MyProxy that the proxy is renewed with.
    renewal: str = ""


def described(given: Any) -> Description:
    """A sound description, of what a user sent."""
    if not isinstance(given, dict):
        raise BadDescription("the description must be a table of keys and values")
    default = asdict(Description(executable=""))
    for key, value in given.items():
        if key not in default:
            raise BadDescription(f"'{key}' is no key of a job description; there are {', '.join(default)}")
        if type(value) is not type(default[key]):
            raise BadDescription(f"'{key}' is {value!r}; it must be of the type of {default[key]!r}")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise BadDescription(f"'{key}' is {value!r}; it must be a list of strings")
    job = Description(**{**default, **given})
    if not job.executable or "\0" in job.executable or not (job.executable[0] == "/" or FILE.fullmatch(job.executable)):
        raise BadDescription(f"executable is {job.executable!r}; give the name of an input file or an absolute path")
    files = {"inputs": job.inputs, "outputs": job.outputs, "stdout": [job.stdout], "stderr": [job.stderr]}
    for key, names in files.items():
        for name in names:
            if not FILE.fullmatch(name):
                raise BadDescription(f"{key} has {name!r}; name files by letters, figures and . _ + - only")
    if job.executable[0] != "/" and job.executable not in job.inputs:
        raise BadDescription(f"executable {job.executable} is not among the inputs")
    written = [job.stdout, job.stderr, *job.outputs]
    if len(set(written)) < len(written) or set(written) & set(job.inputs):
        raise BadDescription("outputs, stdout, stderr and inputs must all have different names")
    for key, values in {"vo": [job.vo], "queue": [job.queue], "ce": job.ce, "renewal": [job.renewal]}.items():
        for value in values:
            if value and not NAME.fullmatch(value):
                raise BadDescription(f"{key} has {value!r}; names have letters, figures and . _ - only")
    for name, value in job.environment.items():
        if not VARIABLE.fullmatch(name) or not isinstance(value, str) or "\0" in value:
            raise BadDescription(f"environment has {name!r} = {value!r}; it holds strings by names of variables")
    if any("\0" in argument for argument in job.arguments):
        raise BadDescription("arguments cannot hold zero bytes")
    if not 1 <= job.cpus <= 1024 or not 0 <= job.memory <= 1 << 22:
        raise BadDescription(f"cpus is {job.cpus}, at least 1; memory is {job.memory}, in MiB")
    return job


@dataclass
class Job:
    """A job, as it is kept in its directory."""

    id: str
    owner: str
    description: Description
    created: float
    vo: str = ""
    fqans: list[str] = field(default_factory=list)
    state: str = "registered"
    # When the state began.
    since: float = 0
    attempt: int = 1
    # In HTCondor's queue: the user's job, and what the router made of it for the CE.
    cluster: int = 0
    routed: int = 0
    ce: str = ""
    # The job at the CE: the URL of its interface, and its name there.
    ce_url: str = ""
    ce_job: str = ""
    # CEs that failed it.
    avoided: list[str] = field(default_factory=list)
    exit_code: int | None = None
    # Why it ended otherwise than by itself, or why it began anew.
    reason: str = ""
    expires: float = 0
    # Jobs at CEs that nobody could be told yet to end: URL and name.
    orphans: list[tuple[str, str]] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        fields = json.loads(text)
        fields["description"] = Description(**fields["description"])
        fields["orphans"] = [tuple(orphan) for orphan in fields["orphans"]]
        return cls(**fields)

    def shown(self) -> dict[str, Any]:
        """What its owner is told of it."""
        keys = ("id", "vo", "state", "since", "attempt", "ce", "exit_code", "reason", "created", "expires")
        return {key: getattr(self, key) for key in keys}


# On the worker node, beside a job whose proxy is renewed: what the CE gave it is a copy, so the WMS is asked for a new
# one when the old one nears its end. The key is made there and stays there.
KEEP_PROXY = """\
cp "$X509_USER_PROXY" wms-proxy && chmod 600 wms-proxy && export X509_USER_PROXY="$PWD/wms-proxy"
renewed() {{
    umask 077
    openssl req -new -newkey rsa:2048 -nodes -subj /CN=proxy -keyout wms-key -out wms-asked 2>/dev/null &&
        curl --silent --fail --max-time 120 --capath "${{X509_CERT_DIR:-/etc/grid-security/certificates}}" \\
            --cert wms-proxy --key wms-proxy --data-binary @wms-asked --output wms-chain {url}/jobs/{id}/proxy &&
        {{ sed '/END/q' wms-chain; cat wms-key; sed '1,/END/d' wms-chain; }} > wms-new && mv wms-new wms-proxy
}}
while sleep {interval}; do
    openssl x509 -in wms-proxy -noout -checkend {before} >/dev/null || renewed
done </dev/null >/dev/null 2>&1 &
keeper=$!
"""


def wrapper(job: Job, service: str = "", interval: int = 60, before: int = 0) -> str:
    """The script that runs at the CE: nothing of what the user wrote passes through any other language."""
    wanted = job.description
    lines = ["#!/bin/sh", f"export EGEE_JOBID={job.id} EGEE_ATTEMPT={job.attempt} EGEE_VO={job.vo}"]
    if wanted.renewal:
        lines.append(KEEP_PROXY.format(url=service, id=job.id, interval=interval, before=before))
    lines += [f"export {name}={shlex.quote(value)}" for name, value in wanted.environment.items()]
    command = wanted.executable
    if command[0] != "/":
        lines.append(f"chmod +x {command}")
        command = f"./{command}"
    run = shlex.join([command, *wanted.arguments])
    if wanted.renewal:
        lines += [
            run,
            "code=$?",
            "kill $keeper 2>/dev/null",
            "rm -f wms-proxy wms-key wms-asked wms-chain",
            "exit $code",
        ]
    else:
        lines.append(f"exec {run}")
    return "\n".join(lines) + "\n"


def submit_file(job: Job) -> str:
    """The job for condor_submit, in its directory. All that stands here has been checked to be a plain name."""
    wanted = job.description
    custom = {"EgeeJobId": job.id, "VirtualOrganisation": job.vo, "ArcRte": "ENV/PROXY"}
    custom |= {"WantedCE": ",".join(wanted.ce)} if wanted.ce else {}
    custom |= {"WantedQueue": wanted.queue} if wanted.queue else {}
    lines = {
        "universe": "vanilla",
        "executable": WRAPPER,
        "transfer_input_files": ",".join(wanted.inputs),
        "transfer_output_files": ",".join(wanted.outputs),
        "output": wanted.stdout,
        "error": wanted.stderr,
        "should_transfer_files": "YES",
        "when_to_transfer_output": "ON_EXIT",
        "x509userproxy": "../proxy",
        "notification": "never",
        "request_cpus": str(wanted.cpus),
        **({"request_memory": str(wanted.memory)} if wanted.memory else {}),
        **{f"+{key}": json.dumps(value) for key, value in custom.items()},
    }
    return "".join(f"{key} = {value}\n" for key, value in lines.items() if value) + "queue\n"


@dataclass(frozen=True)
class Happened:
    """What is to be told of a job: the type of the event, and what belongs to it."""

    type: str
    details: dict[str, Any]
    # The state that the job is in from then on, if another.
    state: str = ""


def follow(job: Job, event: dict[str, Any]) -> Happened | None:
    """Bring the job up to date with an event of HTCondor's log; what there is to tell of it, if anything.

    The log tells of two jobs: the user's, and the one that the router makes of it for a CE.
    """
    trigger, cluster = event.get("TriggerEventTypeName"), event.get("Cluster")
    routed = event.get("RoutedFromJobId") is not None
    if job.state in OVER or (routed and event["RoutedFromJobId"] != f"{job.cluster}.0"):
        return None
    if routed and trigger == "ULOG_SUBMIT":
        job.routed, job.ce, job.ce_job = int(str(cluster)), event.get("MatchedCE", ""), ""
        return Happened("Matched", {"ce": job.ce}, "ready")
    if routed and cluster != job.routed:
        return None
    if routed and trigger == "ULOG_GRID_SUBMIT":
        _arc, job.ce_url, job.ce_job = event["GridJobId"].split()
        return Happened("Transferred", {"ce": job.ce, "ce_job": job.ce_job}, "scheduled")
    if routed and trigger == "ULOG_EXECUTE":
        return Happened("Running", {"ce": job.ce, "ce_job": job.ce_job}, "running")
    if not routed and cluster == job.cluster and trigger == "ULOG_JOB_TERMINATED":
        job.exit_code = event.get("ReturnValue")
        return Happened("Done", {"exit_code": job.exit_code}, "done")
    return None


@dataclass(frozen=True)
class Limits:
    """What the administrator allows."""

    attempts: int = 3
    # Seconds that a CE may be out of reach before its jobs go elsewhere.
    unreachable: int = 300
    # Seconds that a job may wait for a CE that takes it.
    match: int = 86400
    # Seconds that a job waits for another CE before those that failed it are given another chance.
    avoidance: int = 180
    # Seconds that a removed job is left to HTCondor, which asks the CE.
    removal: int = 60


@dataclass(frozen=True)
class Verdict:
    """What is to become of a job: abort, resubmit, force (give up at the CE what is removed already), forgive the
    CEs that failed it, or nothing."""

    action: str = ""
    reason: str = ""


HELD, REMOVED = 5, 3


def judge(job: Job, queue: dict[int, dict[str, Any]], now: float, limits: Limits) -> Verdict:
    """What is to become of a live job, from what HTCondor's queue says of it and of its part at the CE."""
    mine, part = queue.get(job.cluster), queue.get(job.routed)
    if mine is None:
        # Just submitted, or ended in this moment: its event is on the way.
        return Verdict("abort", "HTCondor lost the job") if now > job.since + limits.match else Verdict()
    if job.expires <= now:
        return Verdict("abort", "the proxy has expired")
    if part is None:
        waited = now - job.since if job.state == "waiting" else 0
        if waited > limits.match:
            return Verdict("abort", f"no CE has taken it in {limits.match} s")
        return Verdict("forgive") if job.avoided and waited > limits.avoidance else Verdict()
    since = part.get("EnteredCurrentStatus", now)
    if part.get("JobStatus") == REMOVED:
        return Verdict("force") if now > since + limits.removal else Verdict()
    reason = ""
    if part.get("JobStatus") == HELD:
        reason = part.get("HoldReason", "held for an unknown reason")
    elif now > part.get("GridResourceUnavailableTime", now) + limits.unreachable:
        reason = f"{job.ce} is out of reach"
    if not reason:
        return Verdict()
    if job.attempt >= limits.attempts:
        return Verdict("abort", f"attempt {job.attempt} of {limits.attempts}: {reason}")
    return Verdict("resubmit", reason)


def begin_anew(job: Job) -> None:
    """Forget the attempt that failed, but not what may still run there."""
    if job.ce_job:
        job.orphans.append((job.ce_url, job.ce_job))
    host = job.ce.partition("/")[0]
    if host and host not in job.avoided:
        job.avoided.append(host)
    job.attempt, job.routed, job.ce, job.ce_url, job.ce_job = job.attempt + 1, 0, "", "", ""


def parse_events(text: str) -> tuple[list[dict[str, Any]], int]:
    """The events at the beginning of HTCondor's log, JSON objects one after another, and how much they took."""
    decoder = json.JSONDecoder()
    events: list[dict[str, Any]] = []
    at = 0
    while True:
        begin = at
        while begin < len(text) and text[begin].isspace():
            begin += 1
        if begin == len(text):
            return events, at
        try:
            event, at = decoder.raw_decode(text, begin)
        except json.JSONDecodeError:
            # Not yet written to its end.
            return events, at
        events.append(event)
