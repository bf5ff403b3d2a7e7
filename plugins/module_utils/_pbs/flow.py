# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of every PBS module: read, compare, guard, maybe write, look again, report. Private to the collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, guards, plan, text, values
from ansible_collections.egee.box.plugins.module_utils._pbs.attributes import Type
from ansible_collections.egee.box.plugins.module_utils._pbs.client import Pbs, Snapshot
from ansible_collections.egee.box.plugins.module_utils._pbs.plan import Change
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError

_PAST = {"create": "created", "change": "changed", "delete": "deleted"}
_DENIED = "become root on the server's host, or have the server's managers name you"
_CURES = {
    15003: _DENIED,
    15007: _DENIED,
    15018: "create the queue first",
    15027: "free it of jobs, reservations, nodes bound to it and other vnodes of its host",
    15035: "create the resource first, with egee.box.pbs_resource",
    15062: "let the name resolve on the server's host, or correct it",
    15174: "free the resource where it is in use, or use force",
}


@dataclass(frozen=True)
class Task:
    """What a module was asked for."""

    of: Type
    wanted: t.Sequence[t.Mapping[str, t.Any]]
    exact: bool = False
    force: bool = False
    guard: guards.Guard = guards.nothing
    reads: tuple[Type, ...] = ()  # what the guard and the kinds of resources need beside the objects themselves

    @property
    def types(self) -> tuple[Type, ...]:
        return (self.of, *self.reads)

    @property
    def hooks(self) -> list[str]:
        """The hooks whose bodies are to be compared."""
        if self.of is not attributes.HOOK:
            return []
        return [
            str(entry["name"]) for entry in self.wanted if {"content", "config"} & set(entry.get("attributes") or {})
        ]


class Steward:
    """Brings one type of PBS's objects to what a task asks for."""

    def __init__(self, pbs: Pbs, task: Task, warn: t.Callable[[str], None]) -> None:
        self.pbs = pbs
        self.task = task
        self.warn = warn
        # Names are checked before the first of them is in any directive, even one that only reads.
        plan.wishes(task.of, [{"name": entry["name"]} for entry in task.wanted], {}, warn)
        self.before = pbs.read(*task.types, hooks=task.hooks)
        self.resources = self.before.resources
        self.wishes = plan.wishes(task.of, task.wanted, self.resources, warn)
        if task.of is attributes.SERVER:
            self.wishes = [plan.Wish(self.before.server_name, attributes=wish.attributes) for wish in self.wishes]
        self.there = self.objects(self.before)
        self.changes = plan.changes(task.of, self.wishes, self.there, self.resources, task.exact)
        self.obstacles = list(task.guard(self.changes, self.before, pbs))

    def objects(self, snapshot: Snapshot) -> dict[str, dict[str, str]]:
        """The objects that the task names, as far as they are there, in the form of wishes."""
        listed = snapshot.of(self.task.of)
        return {
            wish.name: plan.normalised(self.task.of, listed[wish.name], self.resources)
            for wish in self.wishes
            if wish.name in listed
        }

    def directives(self) -> list[plan.Directive]:
        first = [line for obstacle in self.obstacles for line in obstacle.first]
        named = [self._directed(change) for change in self.changes]
        return [*first, *plan.directives(self.task.of, named, self.before.of(self.task.of))]

    def _directed(self, change: Change) -> Change:
        """The server and its directives have no name for each other."""
        if self.task.of is not attributes.SERVER:
            return change
        return Change("", change.action, change.before, change.after, change.moves)

    def run(self, check_mode: bool) -> dict[str, t.Any]:
        """Make the changes, or in check mode say what they would be."""
        self.refuse()
        lines = [directive.line for directive in self.directives()]
        if check_mode or not self.changes:
            return self.report(lines, self.predicted(), self.changes)
        after, complaints = self.write()
        real = self.objects(after)
        failed = {change.name: self.why(change, complaints) for change in self.changes if not self.made(change, real)}
        made = [change for change in self.changes if change.name not in failed]
        result = self.report(lines, real, made)
        if failed:
            some = "; ".join(list(failed.values())[:5]) + (f"; and {len(failed) - 5} more" if len(failed) > 5 else "")
            raise BoxError(f"{len(failed)} of {len(self.changes)} changes failed: {some}", failures=failed, **result)
        return result

    def refuse(self) -> None:
        if not self.obstacles or self.task.force:
            return
        word = self.task.of.word
        said = "; ".join(f"{word} {obstacle.object}: {obstacle.text}" for obstacle in self.obstacles)
        raise BoxError(f"{said}; clear the way first, or use force, whose price is in the documentation")

    def write(self) -> tuple[Snapshot, list[text.Complaint]]:
        first = [line for obstacle in self.obstacles for line in obstacle.first]
        deeds = [obstacle.deed for obstacle in self.obstacles if obstacle.deed]
        directives = self.directives()
        try:
            if deeds:
                self.pbs.write(first, {})
                directives = directives[len(first) :]
            for deed in deeds:
                deed(self.pbs)
            comments = plan.spoken(self.task.of, self.changes)
            return self.pbs.write(directives, comments, *self.task.types, hooks=self.task.hooks)
        except BoxError as error:
            lines = [directive.line for directive in directives]
            raise BoxError(
                f"{error.message}; it is not known which of the {len(lines)} directives were carried out: "
                "run the task again once PBS answers",
                **{**error.details, "directives": lines, "changed": True},
            ) from error

    def made(self, change: Change, real: plan.Objects) -> bool:
        now = real.get(change.name)
        if change.action == "delete" or now is None:
            return (now is None) == (change.action == "delete")
        return all(plan.same(self.task.of, name, value, now, self.resources) for name, value in change.moves.items())

    def why(self, change: Change, complaints: t.Sequence[text.Complaint]) -> str:
        who = f"{self.task.of.word} {change.name}"
        wanted = ", ".join(
            f"{name} = {value!r}" for name, value in change.moves.items() if name not in ("content", "config")
        )
        own = [complaint for complaint in complaints if complaint.object == change.name]
        said = own or [complaint for complaint in complaints if not complaint.object]
        reason = " / ".join(dict.fromkeys(complaint.text for complaint in said)) or (
            "PBS said nothing, and it is not so afterwards: a read-only attribute, or another who changes it"
        )
        cures = [_CURES[complaint.number] for complaint in said if complaint.number in _CURES]
        if "pending delete" in reason:
            cures = ["wait until its hosts have confirmed, and see that none of them is down"]
        return "; ".join([f"{who}: not {_PAST[change.action]} ({wanted}): {reason}", *dict.fromkeys(cures)])

    def predicted(self) -> dict[str, dict[str, str]]:
        """What will be there, if all goes well."""
        found = {name: dict(has) for name, has in self.there.items()}
        for change in self.changes:
            if change.action == "delete":
                del found[change.name]
                continue
            has = found.setdefault(change.name, {})
            for name in change.moves:
                has.pop(name, None)
            has.update(change.after)
        return found

    def report(self, lines: list[str], after: plan.Objects, made: t.Sequence[Change]) -> dict[str, t.Any]:
        word = self.task.of.word
        forced = [done for obstacle in self.obstacles for done in obstacle.done] if made else []
        return {
            "changed": bool(made),
            "directives": lines,
            "actions": [*forced, *(f"{_PAST[change.action]} {word} {change.name}" for change in made)],
            f"{word}s": {wish.name: self.given_back(wish, after.get(wish.name)) for wish in self.wishes},
            "diff": self.diff(after, made),
        }

    def given_back(self, wish: plan.Wish, has: t.Mapping[str, str] | None) -> dict[str, t.Any] | None:
        """The attributes that the task names, as values of YAML; nothing for what is not there."""
        if has is None:
            return None
        return {name: typed(self.task.of, name, has[name], self.resources) for name in wish.attributes if has.get(name)}

    def diff(self, after: plan.Objects, made: t.Sequence[Change]) -> list[dict[str, t.Any]]:
        """Before and after from the list of changes; afterwards is what is truly there."""
        before = {change.name: _short(change.before) for change in made if change.action != "create"}
        now = {
            change.name: _short({name: after[change.name][name] for name in change.moves if name in after[change.name]})
            for change in made
            if change.name in after
        }
        found: list[dict[str, t.Any]] = [{"before": before, "after": now}] if made else []
        for change in made:
            for name in plan.values_of_hook(change):
                header = f"{name} of hook {change.name}"
                found.append(
                    {
                        "before_header": header,
                        "after_header": header,
                        "before": change.before.get(name, ""),
                        "after": after[change.name].get(name, ""),
                    }
                )
        return found


def _short(has: t.Mapping[str, str]) -> dict[str, str]:
    """A hook's body has a diff of its own."""
    return {name: value for name, value in has.items() if name not in ("content", "config")}


def given_all(of: Type, snapshot: Snapshot) -> dict[str, dict[str, t.Any]]:
    """All that there is of a type, as values of YAML."""
    found = {}
    for name, listed in snapshot.of(of).items():
        has = plan.normalised(of, listed, snapshot.resources)
        found[name] = {attribute: typed(of, attribute, value, snapshot.resources) for attribute, value in has.items()}
    return found


def typed(of: Type, name: str, value: str, resources: t.Mapping[str, values.Kind]) -> t.Any:
    """PBS's text as a value of YAML."""
    if name == plan.OFFLINE:
        return value == "True"
    try:
        return attributes.attribute(of, name, resources).kind.typed(value)
    except ValueError:
        return value
