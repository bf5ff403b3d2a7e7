# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test double for a PBS server and its qmgr: a stand-in that begins where the transcripts of a real one begin.

It reads qmgr's language by qmgr's own rules, with none of the modules' code, and keeps what it was really asked for:
so a value that becomes a directive is seen. Its answers are compared with the transcripts, and with a real server
where there is one.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import sys
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.egee.box.plugins.module_utils._runner import CommandError, Run

FIXTURES = Path(__file__).parent / "fixtures" / "pbs"
WORDS = {"server": "Server", "queue": "Queue", "node": "Node", "resource": "Resource", "hook": "Hook", "sched": "Sched"}
READ_ONLY = {
    "server": "server_state server_host total_jobs state_count resources_assigned license_count pbs_version "
    "has_runjob_hook power_provisioning",
    "queue": "total_jobs state_count hasnodes resources_assigned",
    "node": "pbs_version ntype pcpus jobs resv resources_assigned sharing license last_state_change_time "
    "last_used_time maintenance_jobs Mom Port vnode_pool",
    "resource": "",
    "hook": "",
    "sched": "state",
}
COUNT = "Transit:0 Queued:0 Held:0 Waiting:0 Running:0 Exiting:0 Begun:0 "
HOOK = {
    "type": "site",
    "enabled": "true",
    "event": '""',
    "user": "pbsadmin",
    "alarm": "30",
    "order": "1",
    "debug": "false",
    "fail_action": "none",
}
TYPES = {"boolean", "long", "float", "size", "string", "string_array"}
BUILT_IN = {
    "ncpus": "long",
    "mem": "size",
    "vmem": "size",
    "walltime": "time",
    "cput": "time",
    "arch": "string",
    "host": "string",
    "vnode": "string",
    "select": "string",
    "place": "string",
    "software": "string",
    "site": "string",
    "aoe": "string_array",
}
_LIMITS = "max_run max_queued max_run_soft queued_jobs_threshold"
_RESOURCE_LIMITS = "max_run_res max_queued_res max_run_res_soft queued_jobs_threshold_res"
_OLD_LIMITS = "max_running max_user_run max_group_run max_user_run_soft max_group_run_soft"
_OLD_RESOURCE_LIMITS = "max_user_res max_group_res max_user_res_soft max_group_res_soft"
ATTRIBUTES: dict[str, dict[str, str]] = {
    "server": {
        "string": "default_queue mailer mail_from comment default_node default_qsub_arguments default_qdel_arguments "
        "job_sort_formula pbs_license_info cred_renew_tool",
        "boolean": "scheduling flatuid query_other_jobs resv_enable job_history_enable eligible_time_enable "
        "acl_host_enable acl_user_enable acl_resv_host_enable node_group_enable clear_topjob_estimates_enable "
        "acl_host_moms_enable acl_resv_group_enable acl_resv_user_enable node_pack require_cred_enable "
        "show_hidden_attribs acl_krb_realm_enable cred_renew_enable",
        "long": "log_events scheduler_iteration node_fail_requeue max_array_size resend_term_delay "
        "pbs_license_min pbs_license_max pbs_license_linger_time max_concurrent_provision backfill_depth "
        "max_job_sequence_id system_cost rpp_retry rpp_highwater rpp_max_pkt_check reserve_retry_time "
        "reserve_retry_init python_restart_max_hooks python_restart_max_objects sync_mom_hookfiles_timeout "
        f"{_OLD_LIMITS}",
        "time": "job_history_duration job_requeue_timeout resv_post_processing_time python_restart_min_interval",
        "size": "jobscript_max_size",
        "string_array": "pnames node_group_key restrict_res_to_release_on_suspend",
        "acl": "managers operators acl_users acl_resv_users acl_roots acl_resv_groups acl_krb_realms "
        "acl_krb_submit_realms",
        "hosts": "acl_hosts acl_resv_hosts",
        "limit": _LIMITS,
        "resource": f"resources_default default_chunk resources_max resources_available {_OLD_RESOURCE_LIMITS}",
        "limit_resource": _RESOURCE_LIMITS,
    },
    "queue": {
        "string": "comment partition",
        "queue_type": "queue_type",
        "long": "Priority max_array_size kill_delay backfill_depth checkpoint_min route_retry_time route_lifetime "
        f"max_queuable rendezvous_retry reserved_expedite reserved_sync {_OLD_LIMITS}",
        "boolean": "enabled started acl_user_enable acl_group_enable acl_host_enable from_route_only "
        "route_held_jobs route_waiting_jobs alt_router require_cred_enable",
        "acl": "acl_users acl_groups",
        "hosts": "acl_hosts",
        "string_array": "route_destinations node_group_key",
        "limit": _LIMITS,
        "resource": "resources_max resources_min resources_default default_chunk resources_available "
        f"{_OLD_RESOURCE_LIMITS}",
        "limit_resource": _RESOURCE_LIMITS,
    },
    "node": {
        "string": "queue comment partition current_aoe current_eoe",
        "string_array": "pnames",
        "long": "Priority max_running max_user_run max_group_run in_multivnode_host",
        "boolean": "resv_enable no_multinode_jobs no_tasks provision_enable power_provisioning poweroff_eligible",
        "state": "state",
        "resource": "resources_available",
    },
    "resource": {"type": "type", "flag": "flag"},
    "hook": {
        "hook_boolean": "enabled debug",
        "long": "alarm order freq",
        "string": "user",
        "events": "event",
        "string_array": "fail_action",
    },
    "sched": {
        "string": "preempt_order preempt_prio preempt_sort sched_host sched_priv sched_log partition job_run_wait "
        "comment opt_backfill_fuzzy sched_user job_sort_formula",
        "boolean": "throughput_mode scheduling do_not_span_psets only_explicit_psets "
        "sched_preempt_enforce_resumption preempt_targets_enable",
        "float": "job_sort_formula_threshold",
        "long": "scheduler_iteration preempt_queue_prio log_events server_dyn_res_alarm attr_update_period",
        "time": "sched_cycle_length",
    },
}
EVENTS = list(
    ("queuejob", "postqueuejob", "modifyjob", "modifyvnode", "management", "resvsub", "modifyresv", "movejob")
    + ("jobobit", "runjob", "provision", "periodic", "resv_confirm", "resv_begin", "resv_end")
    + ("execjob_begin", "execjob_prologue", "execjob_epilogue", "execjob_preterm", "execjob_end", "execjob_launch")
    + ("execjob_attach", "execjob_resize", "execjob_abort", "execjob_postsuspend", "execjob_preresume")
    + ("exechost_periodic", "exechost_startup")
)


class Refused(Exception):
    """An error of the server, by its number. Those of hooks have none."""

    def __init__(self, number: int, text: str = "", hook: bool = False) -> None:
        super().__init__(text)
        self.number = number
        self.text = text
        self.hook = hook


@dataclass(frozen=True)
class Asked:
    """One request that reached the server."""

    verb: str
    kind: str
    name: str
    pairs: tuple[tuple[str, str, str], ...] = ()


@dataclass
class StandInPbs:
    """The server: objects by type and name, and every request that changed or tried to change one."""

    objects: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    defaults: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    jobs: dict[str, str] = field(default_factory=dict)  # the queue of each job

    def __post_init__(self) -> None:
        fresh = transcript("00-first-start")
        self.objects = {word: {} for word in WORDS}
        self.objects["server"] = _first(fresh, "list server")
        self.objects["queue"]["workq"] = {
            "queue_type": "Execution",
            "total_jobs": "0",
            "state_count": COUNT,
            "enabled": "True",
            "started": "True",
        }
        self.objects["sched"] = _first(transcript("01-qmgr-objects"), "list sched")
        server = next(iter(self.objects["server"].values()))
        gone = {"default_queue", "node_fail_requeue", "default_chunk.ncpus", "resend_term_delay", "max_job_sequence_id"}
        gone |= set(READ_ONLY["server"].split())
        self.defaults["server"] = {name: value for name, value in server.items() if name not in gone}
        fixed = {"sched_host", "sched_priv", "sched_log", "partition", "state"}
        sched = self.objects["sched"]["default"]
        self.defaults["sched"] = {name: value for name, value in sched.items() if name not in fixed}
        self.defaults["hook"] = {name: value for name, value in HOOK.items() if name != "type"}

    # qmgr, by its rules -------------------------------------------------------------------------------------------

    def qmgr(self, argv: t.Sequence[str], data: str | None) -> Run:
        """One qmgr process: `-c` or a stream of directives."""
        single = argv[1] if len(argv) > 1 and argv[0] == "-c" else None
        lines = iter([single] if single is not None else (data or "").split("\n"))
        out = [] if single is not None else ["Max open servers: 49"]
        err: list[str] = []
        status = 0
        for line in lines:
            for request in [line] if single is not None else _requests(line, lines):
                status = self._request(request, lines, out, err)
        return Run(("qmgr", *argv), status, _text(out), _text(err))

    def _request(self, request: str, lines: t.Iterator[str], out: list[str], err: list[str]) -> int:
        words = re.match(r"\s*(\S*)\s*(\S*)\s*((?:(?!\+=|-=|=)\S)*)", request)
        assert words
        verb = next((verb for verb in _VERBS if words[1] and verb.startswith(words[1])), "")
        if not verb:
            err += [f"qmgr: Illegal operation: {words[1]}", "Try 'help' if you are having trouble."]
            return 1
        kind = next((kind for kind in WORDS if words[2] and kind.startswith(words[2])), "")
        if not kind:
            err += [f"qmgr: Illegal object type: {words[2]}."]
            return 2
        names, rest = words[3], request[words.end() :]
        head = re.split(r"[.,]", names)[0].lower()
        if kind not in ("hook", "resource") and any(head in _attributes(other) for other in _WITH_ATTRIBUTES):
            names, rest = "", request[words.start(3) :]
        fault = _bad_names(names, kind)
        if fault:
            err += ["qmgr: Syntax error", request, " " * (words.start(3) + fault - 1) + "^"]
            return 3
        if verb == "import":
            content = "".join(iter(lambda: next(lines, ""), ""))
            return self._each(verb, kind, names, [("content", "=", rest.strip()), ("body", "=", content)], out, err)
        try:
            pairs = _pairs(rest, verb)
        except SyntaxError:
            err += ["qmgr: Syntax error", request, "^"]
            return 4
        if kind == "server" and any(name.partition(".")[0].lower() not in _attributes(kind) for name, _op, _v in pairs):
            err += ["qmgr: Syntax error", request, "^"]
            return 4
        return self._each(verb, kind, names, pairs, out, err)

    def _each(
        self, verb: str, kind: str, names: str, pairs: list[tuple[str, str, str]], out: list[str], err: list[str]
    ) -> int:
        status = 0
        targets = [name.partition("@")[0] for name in names.split(",")] if names else [""]
        if kind in ("queue", "node") and not names:
            err.append(f"No Active {kind.title()}s, nothing done.")
            return 0
        if verb == "list" and kind == "resource" and targets == [""] and self.objects["resource"]:
            out += ["#", "# Create resources and set their properties.", "#"]
        for name in targets:
            if verb not in ("list", "print"):
                self.asked.append(Asked(verb, kind, name, tuple(pairs)))
            try:
                getattr(self, f"_{verb}")(kind, name, pairs, out)
            except Refused as refused:
                status = _complain(refused, kind, name, verb, err)
        return status

    # what the server does -----------------------------------------------------------------------------------------

    def _named(self, kind: str, name: str) -> list[str]:
        there = self.objects[kind]
        if kind == "server":
            return list(there)
        if name:
            if name not in there:
                raise Refused(*_UNKNOWN[kind], hook=kind == "hook")
            return [name]
        if kind == "sched":
            return ["default"]
        if kind == "node" and not there:
            raise Refused(15064, "Server has no node list")
        return list(there)

    def _list(self, kind: str, name: str, pairs: list[tuple[str, str, str]], out: list[str]) -> None:
        chosen = list(self.objects[kind]) if kind == "sched" and not name else self._named(kind, name)
        wanted = {attribute.partition(".")[0].lower() for attribute, _op, _value in pairs}
        if kind in _WITH_ATTRIBUTES and not wanted <= set(_attributes(kind)):
            raise Refused(15002, "Undefined attribute ")
        for one in chosen:
            out.append(f"{WORDS[kind]} {one}")
            for attribute, value in self.objects[kind][one].items():
                if attribute in ("content", "config") or (wanted and attribute.partition(".")[0].lower() not in wanted):
                    continue
                entries = value.replace("],[", "]\0[").split("\0") if value.startswith("[") else [value]
                for entry in entries:
                    out += _folded(attribute, entry)
            out.append("")

    def _print(self, kind: str, name: str, pairs: list[tuple[str, str, str]], out: list[str]) -> None:
        for one in self._named(kind, name):
            owner = "" if kind == "server" or (kind == "sched" and one == "default") else f"{one} "
            for attribute, value in self.objects[kind][one].items():
                if attribute not in ("content", "config"):
                    mark = '"' if re.search(r"[' ,]", value) else ""
                    mark = "'" if '"' in value else mark
                    out.append(f"set {kind} {owner}{attribute} = {mark}{value}{mark}")
            if kind == "hook":
                for what, form in (("content", "python"), ("config", "config")):
                    body = self.objects[kind][one].get(what, "").encode(errors="surrogateescape")
                    out += [f"import hook {one} application/x-{form} base64 -"]
                    pieces = (body[start : start + 512] for start in range(0, len(body), 512))
                    out += [*(base64.b64encode(piece).decode() for piece in pieces), ""]

    def _create(self, kind: str, name: str, pairs: list[tuple[str, str, str]], out: list[str]) -> None:
        there = self.objects[kind]
        if name in there or (kind == "resource" and name in BUILT_IN):
            raise Refused(*_EXISTS[kind], hook=kind == "hook")
        if kind == "queue" and len(name) > 15:
            raise Refused(15028)
        if kind == "queue" and "." in name:
            raise Refused(15172)
        if kind == "node" and ("nosuch" in name or "invalid" in name) and not any(pair[0] == "Mom" for pair in pairs):
            raise Refused(15062, "Unknown node ")
        there[name] = _fresh(kind, name)
        if kind == "sched":
            there[name] = {**self.defaults["sched"], "scheduling": "False", "state": "down"}
        try:
            self._assign(kind, name, pairs, creating=True)
        except Refused:
            del there[name]
            raise

    def _set(self, kind: str, name: str, pairs: list[tuple[str, str, str]], out: list[str]) -> None:
        for one in self._named(kind, name):
            before = dict(self.objects[kind][one])
            try:
                self._assign(kind, one, pairs)
            except Refused:
                self.objects[kind][one] = before
                raise

    def _assign(self, kind: str, name: str, pairs: list[tuple[str, str, str]], creating: bool = False) -> None:
        has = self.objects[kind][name]
        for given, operator, value in pairs:
            attribute = _spelled(kind, given)
            base, _dot, resource = attribute.partition(".")
            if creating and kind == "node" and base in ("Mom", "Port", "vnode_pool"):
                has[base] = value
                has["resources_available.host"] = has["Mom"]
                continue
            if base in READ_ONLY[kind].split() or attribute in (
                "resources_available.host",
                "resources_available.vnode",
            ):
                raise Refused(15003, f"Cannot set attribute, read only or insufficient permission  {attribute}")
            if attribute == "state" and kind == "node":
                _set_state(has, operator, value)
                continue
            if attribute in ("managers", "operators") and not all("@" in entry for entry in value.split(",") if entry):
                raise Refused(15008, "Access from host not allowed, or unknown host")
            stored = self._stored(kind, attribute, base, resource, _combined(has.get(attribute, ""), operator, value))
            if attribute in ("default_queue", "queue") and stored and stored not in self.objects["queue"]:
                raise Refused(15018, "Unknown queue")
            if stored:
                has[attribute] = stored
            elif kind == "hook" and attribute == "event":
                has[attribute] = '""'
            else:
                has.pop(attribute, None)
        if kind == "hook":
            periodic = {"periodic", "exechost_periodic"} & set(has["event"].split(","))
            if "freq" in has and not periodic:
                has.pop("freq")
            elif periodic:
                has.setdefault("freq", "120")

    def _stored(self, kind: str, attribute: str, base: str, resource: str, value: str) -> str:
        form = _attributes(kind).get(base.lower())
        if form is None:
            raise Refused(
                15002, "Undefined attribute " + (f" - {attribute}" if kind == "hook" else ""), hook=kind == "hook"
            )
        if form in ("resource", "limit_resource"):
            known = {**BUILT_IN, **{name: has["type"] for name, has in self.objects["resource"].items()}}
            if resource not in known:
                raise Refused(15035, f"Unknown resource {attribute}")
            amount = known[resource]
            if kind == "node" and value.startswith("@"):
                if resource in BUILT_IN and amount != "string":
                    raise Refused(15014, f"Illegal attribute or resource value {attribute}")
                if value[1:] not in self.objects["node"]:
                    raise Refused(15062, "Unknown node ")
                return value
            form = f"limit {amount}" if form == "limit_resource" else amount
            if not value and form in ("long", "float", "size", "boolean"):
                raise Refused(15014, f"Illegal attribute or resource value {attribute}")
        if not value:
            return ""
        try:
            return _normal(form, value)
        except ValueError:
            raise Refused(15014, f"Illegal attribute or resource value {attribute}") from None

    def _unset(self, kind: str, name: str, pairs: list[tuple[str, str, str]], out: list[str]) -> None:
        for one in self._named(kind, name):
            has = self.objects[kind][one]
            for given, _operator, _value in pairs:
                attribute = _spelled(kind, given)
                base, _dot, resource = attribute.partition(".")
                if base.lower() not in _attributes(kind):
                    raise Refused(
                        15002, "Undefined attribute " + (f" - {given}" if kind == "hook" else ""), kind == "hook"
                    )
                if base in READ_ONLY[kind].split():
                    raise Refused(15003, f"Cannot set attribute, read only or insufficient permission  {attribute}")
                if kind == "queue" and attribute == "queue_type":
                    raise Refused(15137, "Queue type must be set")
                if kind == "resource" and attribute == "type":
                    raise Refused(15004, "Invalid request")
                if attribute in self.defaults.get(kind, {}):
                    has[attribute] = self.defaults[kind][attribute]
                elif not resource and _attributes(kind).get(base.lower()) in ("resource", "limit_resource"):
                    for listed in [listed for listed in has if listed.startswith(f"{attribute}.")]:
                        del has[listed]
                elif kind == "hook" and attribute == "freq" and "freq" in has:
                    has["freq"] = "120"
                else:
                    has.pop(attribute, None)

    def _delete(self, kind: str, name: str, pairs: list[tuple[str, str, str]], out: list[str]) -> None:
        for one in self._named(kind, name):
            has = self.objects[kind][one]
            bound = any(node.get("queue") == one for node in self.objects["node"].values())
            mates = [node for node, other in self.objects["node"].items() if other["Mom"] == has.get("Mom")]
            first = len(mates) > 1 and mates[0] == one
            busy = (
                has["total_jobs"] != "0" or bound if kind == "queue" else kind == "node" and (has.get("jobs") or first)
            )
            if busy:
                raise Refused(15027, "Cannot delete busy object")
            del self.objects[kind][one]
            if kind == "resource":
                for owners in self.objects.values():
                    for owner in owners.values():
                        for attribute in [attribute for attribute in owner if attribute.partition(".")[2] == one]:
                            del owner[attribute]

    def _import(self, kind: str, name: str, pairs: list[tuple[str, str, str]], out: list[str]) -> None:
        if name not in self.objects["hook"]:
            raise Refused(0, f"{name} does not exist!", hook=True)
        what = "content" if "x-python" in pairs[0][2] else "config"
        body = base64.b64decode(pairs[1][2]).decode(errors="surrogateescape")
        if what == "content":
            try:
                compile(body, name, "exec")
            except (SyntaxError, ValueError):
                raise Refused(
                    0, f"Failed to compile script, hook '{name}' contents not overwritten", hook=True
                ) from None
        self.objects["hook"][name][what] = body


class StandInRunner:
    """Runs PBS's commands against the stand-in, and counts them."""

    def __init__(self, pbs: StandInPbs, check_mode: bool = False) -> None:
        self.pbs = pbs
        self.check_mode = check_mode
        self.last: Run | None = None
        self.writes: list[tuple[str, ...]] = []
        self.reads: list[tuple[str, ...]] = []
        self.slept = 0.0

    def read(
        self, argv: t.Sequence[str], *, check: bool = True, data: str | None = None, timeout: float | None = None
    ) -> Run:
        self.reads.append(tuple(argv))
        before = len(self.pbs.asked)
        run = self._run(argv, data, check)
        assert len(self.pbs.asked) == before, "what is called reading writes"
        return run

    def write(
        self, argv: t.Sequence[str], *, check: bool = True, data: str | None = None, timeout: float | None = None
    ) -> Run:
        assert not self.check_mode, "a write in check mode"
        self.writes.append(tuple(argv))
        return self._run(argv, data, check)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def _run(self, argv: t.Sequence[str], data: str | None, check: bool) -> Run:
        command, *arguments = argv
        run = getattr(self, f"_{Path(command).name}")(arguments, data)
        self.last = run
        if check and run.rc:
            raise CommandError(f"{command}: ended with {run.rc}", run)
        return t.cast(Run, run)

    def _qmgr(self, arguments: list[str], data: str | None) -> Run:
        return self.pbs.qmgr(arguments, data)

    def _qselect(self, arguments: list[str], data: str | None) -> Run:
        jobs = [job for job, queue in self.pbs.jobs.items() if queue == arguments[-1]]
        return Run(("qselect",), 0, _text(jobs))

    def _qdel(self, arguments: list[str], data: str | None) -> Run:
        for job in arguments[2:]:
            queue = self.pbs.objects["queue"][self.pbs.jobs.pop(job)]
            queue["total_jobs"] = str(int(queue["total_jobs"]) - 1)
        return Run(("qdel",))

    def _qrerun(self, arguments: list[str], data: str | None) -> Run:
        for node in self.pbs.objects["node"].values():
            left = [job for job in node.pop("jobs", "").split(", ") if job and job.split("/")[0] not in arguments[2:]]
            node.update({"jobs": ", ".join(left)} if left else {})
        return Run(("qrerun",))

    def _pbsnodes(self, arguments: list[str], data: str | None) -> Run:
        assert arguments[0] == "-C"
        err = []
        for name in arguments[2:]:
            if name in self.pbs.objects["node"]:
                self.pbs.asked.append(Asked("comment", "node", name, (("comment", "=", arguments[1]),)))
                self.pbs.objects["node"][name]["comment"] = arguments[1]
            else:
                err.append(f"Error marking node {name} - Unknown node ")
        return Run(("pbsnodes",), 1 if err else 0, "", _text(err))


# PBS's commands, as files that one can run ---------------------------------------------------------------------------

_COMMANDS = ("qmgr", "pbsnodes", "qselect", "qdel", "qrerun")
_SCRIPT = """#!{python}
import sys
sys.path[:0] = {path!r}
from ansible_collections.egee.box.tests.unit.standin_pbs import command
sys.exit(command({name!r}, {state!r}, sys.argv[1:]))
"""


def install(directory: Path) -> Path:
    """A directory of commands that speak to one stand-in, whose state is kept in a file beside them."""
    state = directory / "state.json"
    _keep(StandInPbs(), state)
    for name in _COMMANDS:
        script = directory / name
        script.write_text(_SCRIPT.format(python=sys.executable, path=sys.path, name=name, state=str(state)))
        script.chmod(0o755)
    return directory


def command(name: str, state: str, arguments: list[str]) -> int:
    """What such a command does: take the state up, answer, and put it down again."""
    kept = json.loads(Path(state).read_text(encoding="utf-8"))
    pbs = StandInPbs()
    pbs.objects, pbs.jobs = kept["objects"], kept["jobs"]
    data = sys.stdin.read() if name == "qmgr" and "-c" not in arguments else None
    run = getattr(StandInRunner(pbs), f"_{name}")(arguments, data)
    _keep(pbs, Path(state))
    sys.stdout.write(run.stdout)
    sys.stderr.write(run.stderr)
    return t.cast(int, run.rc)


def _keep(pbs: StandInPbs, state: Path) -> None:
    state.write_text(json.dumps({"objects": pbs.objects, "jobs": pbs.jobs}), encoding="utf-8")


# qmgr's grammar -----------------------------------------------------------------------------------------------------

_WITH_ATTRIBUTES = ("server", "queue", "node", "sched")
_VERBS = ("create", "delete", "set", "unset", "list", "print", "import")
_UNKNOWN = {
    "queue": (15018, "Unknown queue"),
    "node": (15062, "Unknown node "),
    "resource": (15035, "Unknown resource"),
    "hook": (0, "hook not found"),
    "sched": (15213, "Unknown Scheduler"),
}
_EXISTS = {
    "queue": (15025, "Queue already exists"),
    "node": (15066, "Node name already exists"),
    "resource": (15055, "Duplicate entry in list "),
    "hook": (0, "hook name already registered, try another name"),
    "sched": (15211, "Scheduler already exists"),
}


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _complain(refused: Refused, kind: str, name: str, verb: str, err: list[str]) -> int:
    if refused.number == 15003 and kind == "node" and verb == "set":
        return 155  # a real qmgr says nothing of this one either
    if refused.text:
        err.append(f"qmgr obj={name} svr=default: {refused.text}")
    if refused.hook:
        err.append("qmgr: hook error returned from server")
        return 1 if verb in ("list", "print") else 32
    err.append(f"qmgr: Error ({refused.number}) returned from server")
    return 1 if verb in ("list", "print") else refused.number % 256


def _requests(line: str, lines: t.Iterator[str]) -> t.Iterator[str]:
    """A line of a stream: comments away, continued lines joined, semicolons outside quotes divide."""
    if not line.strip() or line.lstrip().startswith("#"):
        return
    while line.endswith("\\"):
        line = line[:-1] + " " + next(lines, "")
    request, quoted = "", ""
    for position, character in enumerate(line):
        if quoted:
            quoted = "" if character == quoted else quoted
        elif character in "\"'":
            quoted = character
        elif character == ";":
            if request.strip():
                yield request
            request = ""
            continue
        elif character == "#" and (position == 0 or line[position - 1].isspace()):
            break
        request += character
    if request.strip():
        yield request


def _bad_names(names: str, kind: str) -> int:
    """The position of a fault in a list of names, from one; 0 where there is none."""
    position = 1
    for name in names.split(",") if names else []:
        first = name[:1]
        fine = first == "@" or (first.isascii() and (first.isalnum() if kind == "node" else first.isalpha()))
        if not fine or name.endswith("@"):
            return position
        position += len(name) + 1
    return 0


def _pairs(text: str, verb: str) -> list[tuple[str, str, str]]:
    """attribute OP value, ... by the rules of qmgr; a value is a word, or quoted by the first mark that is met."""
    found: list[tuple[str, str, str]] = []
    position = 0
    while text[position:].strip():
        match = re.compile(r"\s*([^\s,=+.-][^\s,=]*?)\s*(\+=|-=|=|,|$)").match(text, position)
        if not match:
            raise SyntaxError
        position = match.end()
        name, operator = match.groups()
        if operator in (",", ""):
            if verb in ("create", "set"):
                raise SyntaxError
            found.append((name, "", ""))
            continue
        if verb in ("unset", "list", "print"):
            raise SyntaxError
        value, position = _value(text, position)
        found.append((name, operator, value))
    if verb in ("set", "unset") and not found:
        raise SyntaxError
    return found


def _value(text: str, position: int) -> tuple[str, int]:
    while text[position : position + 1].isspace():
        position += 1
    if position >= len(text):
        raise SyntaxError
    value, mark, quoting = "", "", False
    while position < len(text):
        character = text[position]
        if character == "&" or not (character.isspace() or " " <= character <= "~"):
            raise SyntaxError
        if quoting:
            if character == mark:
                quoting = False
            else:
                value += character
        elif character in "\"'" and mark in ("", character):
            mark, quoting = character, True
        elif character == "," or character.isspace():
            break
        else:
            value += character
        position += 1
    if quoting:
        raise SyntaxError
    rest = text[position:].lstrip()
    if rest and not rest.startswith(","):
        raise SyntaxError
    return value, position + (text[position:].index(",") + 1 if rest else len(text[position:]))


def _folded(attribute: str, value: str) -> list[str]:
    """`list` breaks a line after a comma when it grows long, and loses the blanks there."""
    length = len(attribute) + 11
    text, first = f"    {attribute} = ", True
    pieces = value.split(",")
    for index, piece in enumerate(pieces):
        length += len(piece) + 1
        if not first and length >= 80:
            text += "\n\t"
            piece = piece.lstrip(" \t")
        text += piece + ("," if index < len(pieces) - 1 else "")
        first = False
    return text.split("\n")


# what the server makes of a value ------------------------------------------------------------------------------------


def _attributes(kind: str) -> dict[str, str]:
    forms = {name.lower(): form for form, names in ATTRIBUTES[kind].items() for name in names.split()}
    return {**{name.lower(): "string" for name in READ_ONLY[kind].split()}, **forms}


def _spelled(kind: str, given: str) -> str:
    base, dot, resource = given.partition(".")
    names = [*" ".join(ATTRIBUTES[kind].values()).split(), *READ_ONLY[kind].split()]
    return next((name for name in names if name.lower() == base.lower()), base) + dot + resource


def _fresh(kind: str, name: str) -> dict[str, str]:
    if kind == "queue":
        return {"total_jobs": "0", "state_count": COUNT}
    if kind == "node":
        return {
            "Mom": name,
            "Port": "15002",
            "pbs_version": "unavailable",
            "ntype": "PBS",
            "state": "state-unknown,down",
            "resources_available.host": name,
            "resources_available.vnode": name,
            "resv_enable": "True",
            "sharing": "default_shared",
        }
    return {"resource": {"type": "string"}, "hook": dict(HOOK), "sched": {}}[kind]


def _combined(has: str, operator: str, value: str) -> str:
    """`+=` and `-=` on lists and texts."""
    if operator == "=" or not has or has == '""':
        return value
    if not value.startswith("["):
        old = has.split(",")
        return ",".join(
            [*old, value] if operator == "+=" else [entry for entry in old if entry not in value.split(",")]
        )
    entity = re.compile(r"\[([^=\]]*)")
    changed = {found[1] for found in entity.finditer(value)}
    kept = [entry for entry in re.findall(r"\[[^\]]*\]", has) if entity.match(entry)[1] not in changed]  # type: ignore[index]
    return ",".join([*kept, *([value] if operator == "+=" else [])])


def _set_state(has: dict[str, str], operator: str, value: str) -> None:
    if value not in ("offline", "free"):
        raise Refused(15067, "Illegal value for node state")
    words = [word for word in has["state"].split(",") if word not in ("offline", "free")]
    has["state"] = ",".join([*words, *(["offline"] if value == "offline" and operator != "-=" else [])]) or "free"


def _normal(form: str, value: str) -> str:
    if form.startswith("limit"):
        amount = form.partition(" ")[2] or "long"
        entries = re.findall(r"\[\s*([ugpo]):([^=\]]+)=([^\]]+)\]", value)
        if len(re.sub(r"[\s,\[\]]", "", value)) != len(
            re.sub(r"\s", "", "".join(f"{k}:{e}={a}" for k, e, a in entries))
        ):
            raise ValueError(value)
        kept = {(kind, entity): _normal(amount, number) for kind, entity, number in entries}
        return ",".join(f"[{kind}:{entity}={number}]" for (kind, entity), number in sorted(kept.items()))
    return t.cast(str, _NORMAL[form](value))


def _boolean(value: str) -> str:
    if value.lower() in ("true", "t", "y", "1"):
        return "True"
    if value.lower() in ("false", "f", "n", "0"):
        return "False"
    raise ValueError(value)


def _long(value: str) -> str:
    if not re.fullmatch(r"[+-]?\d+", value):
        raise ValueError(value)
    return str(min(int(value), 2**63 - 1))


def _size(value: str) -> str:
    match = re.fullmatch(r"(\d+)([kmgtp]?)([bw]?)", value.lower())
    if not match:
        raise ValueError(value)
    return f"{int(match[1])}{match[2]}{match[3] or 'b'}"


def _time(value: str) -> str:
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", value):
        raise ValueError(value)
    whole, _dot, fraction = value.partition(".")
    seconds = 0
    for part in whole.split(":"):
        seconds = seconds * 60 + int(part)
    seconds += 1 if fraction and fraction[0] >= "5" else 0
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"


def _acl(value: str) -> str:
    entries = [entry.strip() for entry in value.split(",") if entry.strip()]
    if len(set(entries)) != len(entries):
        raise Refused(15055, "Duplicate entry in list ")
    return ",".join(sorted(entries, key=lambda entry: entry.lstrip("+-")))


def _events(value: str) -> str:
    entries = set(value.split(","))
    if not entries <= set(EVENTS):
        raise Refused(
            0, f"invalid argument ({value}) to event. Should be one or more of: {','.join(EVENTS)}", hook=True
        )
    return ",".join(event for event in EVENTS if event in entries)


def _one_of(choices: dict[str, str]) -> t.Callable[[str], str]:
    def normal(value: str) -> str:
        found = [full for start, full in choices.items() if value.lower() and start.startswith(value.lower())]
        if len(found) != 1:
            raise ValueError(value)
        return found[0]

    return normal


def _type(value: str) -> str:
    if value not in TYPES:
        raise ValueError(value)
    return value


_NORMAL: dict[str, t.Callable[[str], str]] = {
    "string": str,
    "boolean": _boolean,
    "hook_boolean": lambda value: _boolean(value).lower(),
    "long": _long,
    "float": lambda value: f"{float(value):.4f}".rstrip("0").rstrip("."),
    "size": _size,
    "time": _time,
    "acl": _acl,
    "hosts": _acl,
    "string_array": lambda value: ",".join(entry.strip() for entry in value.split(",")),
    "queue_type": _one_of({"execution": "Execution", "route": "Route"}),
    "events": _events,
    "type": _type,
    "flag": lambda value: "".join(sorted(value, key="hqnfirm".index)),  # an unknown letter is a ValueError
}


# the transcripts -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """A command that a real PBS was given, and what it said."""

    command: str
    stdout: str
    stderr: str
    status: int

    @property
    def directives(self) -> list[str]:
        """The directives of a command line that is nothing but `qmgr -c` after `qmgr -c`; else none."""
        found = []
        command = re.sub(r";\s*echo (?:rc=\$\?|---)", "", self.command)
        for part in re.split(r"\s*(?:;|&&)\s*(?=qmgr)", command):
            try:
                words = shlex.split(part)
            except ValueError:
                return []
            if len(words) != 3 or words[:2] != ["qmgr", "-c"] or "$" in words[2]:
                return []
            found.append(words[2])
        return found


def transcript(name: str) -> list[Recorded]:
    """The commands of a transcript in order."""
    text = (FIXTURES / f"{name}.txt").read_text(encoding="utf-8")
    found = []
    for block in re.split(r"^\[\w+@pbs1\]# ", text, flags=re.MULTILINE)[1:]:
        match = re.match(r"(.*?)\n(?:stdout>\n(.*?))?(?:stderr>\n(.*?))?exit> (\d+)", block, re.DOTALL)
        if match:
            found.append(Recorded(match[1], match[2] or "", match[3] or "", int(match[4])))
    return found


def _first(recorded: list[Recorded], directive: str) -> dict[str, dict[str, str]]:
    """The objects of the first such list in a transcript."""
    shown = next(record for record in recorded if record.directives == [directive])
    found: dict[str, dict[str, str]] = {}
    for line in shown.stdout.split("\n"):
        if heading := re.fullmatch(r"(?:Server|Sched) (\S+)", line):
            has = found.setdefault(heading[1], {})
        elif " = " in line:
            attribute, _equals, value = line.strip(" ").partition(" = ")
            has[attribute] = value + (" " if line.endswith(" ") else "")
    return found
