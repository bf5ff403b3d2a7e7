# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one class that speaks to PBS: to qmgr above all, and to pbsnodes, qstat and their kin. Private to the collection.

Each call of a PBS command uses up reserved ports for a minute; after some five hundred of them further calls stall. So
all reading of a task is one qmgr process, and all writing, with the reading that proves it, another.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, plan, text, values
from ansible_collections.egee.box.plugins.module_utils._pbs.attributes import Type
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError, CommandError, Run, Runner

NO_NODES = 15064  # "Server has no node list": the answer to a list of all nodes where there is none
UNKNOWN = {15018, 15062, 15035}  # queue, node, resource: asked for by name, and not there
PER_DIRECTIVE = 0.1  # seconds that a directive may take for each of its objects, on top of the time limit

_JOB = re.compile(r"[0-9][\w.\[\]-]*")
_QUESTIONS = {
    "server": "list server",
    "queue": "list queue @default",
    "node": "list node @default",
    "resource": "list resource",
    "hook": "list hook",
    "sched": "list sched",
}


@dataclass
class Snapshot:
    """What PBS said at one moment: attributes as text by type and name, and the kinds of its resources."""

    objects: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    resources: dict[str, values.Kind] = field(default_factory=lambda: dict(attributes.RESOURCES))

    def of(self, kind: Type) -> dict[str, dict[str, str]]:
        return self.objects.setdefault(kind.word, {})

    @property
    def server(self) -> dict[str, str]:
        return next(iter(self.of(attributes.SERVER).values()), {})

    @property
    def server_name(self) -> str:
        return next(iter(self.of(attributes.SERVER)), "")


@dataclass(frozen=True)
class Access:
    """Which PBS, and how patiently."""

    commands: str = "/opt/pbs/bin"
    server: str = ""
    patience: float = 10
    timeout: float = 60


class Pbs:
    """A PBS server, by way of the commands on this host."""

    def __init__(self, runner: Runner, access: Access) -> None:
        self.runner = runner
        self.access = access
        self.last = Snapshot()  # what PBS said when it was last asked

    def read(self, *types: Type, hooks: t.Sequence[str] = ()) -> Snapshot:
        """What there is of these types, in one process; of these hooks, also their bodies."""
        run = self._patiently(self._qmgr(), self._questions(types, hooks))
        return self._understood(run)

    def write(
        self,
        directives: t.Sequence[plan.Directive],
        comments: t.Mapping[str, t.Sequence[str]],
        *types: Type,
        hooks: t.Sequence[str] = (),
    ) -> tuple[Snapshot, list[text.Complaint]]:
        """Carry the directives out, and see what came of it: one process, unless a comment needs pbsnodes."""
        questions = [] if comments else self._questions(types, hooks)
        lines = [line for directive in directives for line in (directive.line, *directive.data)]
        limit = self.access.timeout + PER_DIRECTIVE * sum(len(directive.names) for directive in directives)
        run = None
        found: list[text.Complaint] = []
        if lines:
            data = "\n".join([*lines, *questions, ""])
            run = self.runner.write(self._qmgr(), check=False, data=data, timeout=limit)
            self._reached(run)
            found = text.complaints(run.stderr)
        for comment, nodes in comments.items():
            found += self._comment(comment, nodes)
        after = self._understood(run, complain=False) if run and questions else Snapshot()
        # No answer to the questions: comments came last, or the server went away on the way.
        return (after if after.server else self.read(*types, hooks=hooks)), found

    def jobs_in(self, queue: str) -> list[str]:
        """The jobs of a queue."""
        run = self.runner.read(
            [self._command("qselect"), "-q", f"{queue}@{self.access.server}" if self.access.server else queue]
        )
        return run.stdout.split()

    def jobs(self) -> dict[str, t.Any]:
        """All jobs, as qstat describes them."""
        argv = [self._command("qstat"), "-f", "-F", "json", *([f"@{self.access.server}"] if self.access.server else [])]
        run = self.runner.read(argv)
        try:
            found: dict[str, t.Any] = json.loads(run.stdout).get("Jobs", {})
        except ValueError:
            raise CommandError("qstat: its answer is no JSON; see stdout", run) from None
        return found

    def remove_jobs(self, jobs: t.Sequence[str]) -> None:
        self.runner.write([self._command("qdel"), "-W", "force", *filter(_JOB.fullmatch, jobs)])

    def requeue_jobs(self, jobs: t.Sequence[str]) -> None:
        self.runner.write([self._command("qrerun"), "-W", "force", *filter(_JOB.fullmatch, jobs)])

    def _comment(self, comment: str, nodes: t.Sequence[str]) -> list[text.Complaint]:
        server = ["-s", self.access.server] if self.access.server else []
        run = self.runner.write([self._command("pbsnodes"), *server, "-C", comment, *nodes], check=False)
        return [text.Complaint("", line) for line in run.stderr.splitlines() if line.strip()]

    def _command(self, name: str) -> str:
        return f"{self.access.commands}/{name}"

    def _qmgr(self) -> list[str]:
        return [self._command("qmgr"), *([self.access.server] if self.access.server else [])]

    def _questions(self, types: t.Sequence[Type], hooks: t.Sequence[str]) -> list[str]:
        words = [_QUESTIONS[word] for word in dict.fromkeys(["server", *(kind.word for kind in types)])]
        return [*words, *([f"print hook {','.join(hooks)}"] if hooks else [])]

    def _patiently(self, argv: list[str], lines: t.Sequence[str]) -> Run:
        """A server that has just been started refuses connections for some seconds."""
        waited = 0.0
        while True:
            run = self.runner.read(argv, check=False, data="\n".join([*lines, ""]), timeout=self.access.timeout)
            if "Connection refused" not in run.stderr or waited >= self.access.patience:
                self._reached(run)
                return run
            self.runner.sleep(1)
            waited += 1

    def _reached(self, run: Run) -> None:
        """qmgr that reached no server has done nothing and says so with its status, whatever the directives."""
        if "cannot connect to server" not in run.stderr and "load pbs.conf" not in run.stderr:
            return
        where = self.access.server or "of /etc/pbs.conf"
        raise CommandError(
            f"PBS server {where}: {run.last_words}; see that pbs_server runs there and its data service with it, "
            f"or name another host with `server` (tried for {self.access.patience:g} s)",
            run,
        )

    def _understood(self, run: Run, complain: bool = True) -> Snapshot:
        snapshot = Snapshot()
        listed = text.listing(run.stdout)
        for found in listed:
            kind = attributes.TYPES[found.kind]
            # A line break in a comment may feign an object; what is no name must never get into a directive.
            if kind is not attributes.SERVER and not re.fullmatch(kind.names, found.name):
                continue
            snapshot.of(kind).setdefault(found.name, {}).update(found.attributes)
        _refuse_torque(snapshot, run)
        if complain:
            self._refuse_unread(run)
        for name, resource in snapshot.of(attributes.RESOURCE).items():
            snapshot.resources[name] = values.RESOURCE_KINDS.get(resource.get("type", ""), values.STRING)
        for name, body in text.bodies(run.stdout).items():
            snapshot.of(attributes.HOOK).setdefault(name, {}).update({"content": "", "config": "", **body})
        self._unfold(snapshot, listed)
        self.last = snapshot
        return snapshot

    def _unfold(self, snapshot: Snapshot, listed: t.Sequence[text.Listed]) -> None:
        """A long text with commas is only whole in a `print`: ask for one, but just when there is such a text."""
        for word in dict.fromkeys(found.kind for found in listed):
            kind = attributes.TYPES[word]
            lost = [found for found in listed if found.kind == word and self._texts(kind, found, snapshot)]
            if not lost:
                continue
            server = kind is attributes.SERVER
            names = [""] if server else [found.name for found in lost]
            lines = [f"print {kind.word} {plan.called(kind, name)}".strip() for name in names]
            run = self.runner.read(self._qmgr(), check=False, data="\n".join([*lines, ""]), timeout=self.access.timeout)
            whole = text.printed(run.stdout)
            for found in lost:
                for name in self._texts(kind, found, snapshot):
                    key = ("" if server or found.name == "default" else found.name, name)
                    snapshot.of(kind)[found.name][name] = whole.get(key, found.attributes[name])

    @staticmethod
    def _texts(kind: Type, found: text.Listed, snapshot: Snapshot) -> list[str]:
        return [
            name
            for name in found.folded
            if name.partition(".")[0] not in kind.computed
            and attributes.attribute(kind, name, snapshot.resources).kind is values.STRING
        ]

    @staticmethod
    def _refuse_unread(run: Run) -> None:
        for complaint in text.complaints(run.stderr):
            if complaint.number == NO_NODES or complaint.number in UNKNOWN or complaint.text == "hook not found":
                continue
            if "unauthorized to access hooks" in complaint.text:
                raise CommandError(f"hooks: {complaint.text}; become root on the server's host", run)
            raise CommandError(f"PBS: {complaint.text}; without this answer nothing is changed", run)


def _refuse_torque(snapshot: Snapshot, run: Run) -> None:
    """TORQUE's qmgr looks the same and means other things: no resources, no hooks, `np` and `note` of its own."""
    version = snapshot.server.get("pbs_version", "")
    major = version.split(".")[0]
    if (major.isdigit() and int(major) < 10) or "Illegal object type" in run.stderr:
        raise BoxError(
            f"PBS server {snapshot.server_name}: this is TORQUE {version}, whose qmgr and pbsnodes are of another "
            "dialect; these modules manage OpenPBS and PBS Professional"
        )
