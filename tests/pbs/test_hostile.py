# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand hostile names and values: each is refused, or is stored as it is; none does anything else."""

from __future__ import annotations

import random
import typing as t

import pytest
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, plan
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.tests.pbs.world import World
from ansible_collections.egee.box.tests.unit.standin_pbs import StandInPbs

COUNT = 10_000
SEED = 20261122
# What has a meaning to qmgr, to a shell, to PBS's lists, or to whoever reads them.
PIECES = [
    *"\"'`;#,&=@\\$|<>(){}[]!*?~^%:.+-/ \t",
    *("\n", "\r", "\0", "\x0b", "\x1b[2J", "\u2028", "é", "✓", "\udcff"),
    *("delete queue workq", "delete node @default", "set server managers = eve@*", "create hook h", "quit", "exit"),
    *("@default", "@active", "workq", "queue", "+=", "-=", " = ", '""', "''", '" ', "' ", "\\\n", ";\n", "# ", " #"),
    *("import hook h application/x-python default -", "[u:PBS_GENERIC=1]", "],[", "null", "a" * 50, "%s%n", "../x"),
]


def hostile(source: random.Random) -> str:
    return "".join(source.choice(PIECES) for _piece in range(source.randint(0, 8)))


def check_name(kind: attributes.Type, name: str) -> bool:
    """Whether a name is taken; one that is taken must be one word that means nothing else."""
    try:
        plan.wishes(kind, [{"name": name}], {}, lambda warning: None)
    except BoxError as error:
        assert repr(name) in error.message or name in error.message
        return False
    assert name.isascii()
    assert not set(name) & set(" \t\n\r;,@#=\"'\\&")
    return True


@pytest.mark.parametrize(
    "kind", [attributes.QUEUE, attributes.NODE, attributes.RESOURCE, attributes.HOOK, attributes.SCHED]
)
def test_a_hostile_name_is_refused_or_harmless(kind: attributes.Type) -> None:
    source = random.Random(SEED)
    taken = {name for name in (hostile(source) for _name in range(COUNT)) if check_name(kind, name)}
    assert taken, "the fuzz must also find names that are fine"
    pbs = StandInPbs()
    for name in sorted(taken):
        change = plan.Change(name, "create", moves={})
        for directive in plan.directives(kind, [change], []):
            before = len(pbs.asked)
            pbs.qmgr([], f"{directive.line}\n")
            assert [(asked.verb, asked.kind, asked.name) for asked in pbs.asked[before:]] == [
                ("create", kind.word, name)
            ]


def test_a_hostile_attribute_is_refused_or_harmless() -> None:
    source = random.Random(SEED)
    for _name in range(COUNT):
        name = hostile(source)
        try:
            found = attributes.attribute(attributes.QUEUE, name, attributes.RESOURCES).name
        except ValueError:
            continue
        assert found.isascii()
        assert not set(found) & set(" \t\n\r;,@#=\"'\\&")


def test_a_hostile_value_is_refused_or_stored_as_it_is(world: World) -> None:
    """In rounds of a hundred queues, each with a value of its own; afterwards everything else is as it was."""
    source = random.Random(SEED)
    queues = [world.name(f"q{number}") for number in range(100)]
    world.run(attributes.QUEUE, *({"name": name, "attributes": {"queue_type": "e"}} for name in queues))
    others = rest(world, queues)
    for _round in range(COUNT // len(queues)):
        wanted: dict[str, str] = {}
        for name in queues:
            value = hostile(source)
            try:
                plan.wishes(
                    attributes.QUEUE, [{"name": name, "attributes": {"comment": value}}], {}, lambda warning: None
                )
            except BoxError:
                continue
            wanted[name] = value
        before = len(world.runner.pbs.asked) if not world.real else 0
        result = world.run(attributes.QUEUE, *({"name": n, "attributes": {"comment": v}} for n, v in wanted.items()))
        assert {n: has.get("comment", "") for n, has in result["queues"].items()} == wanted
        if not world.real:
            asked = world.runner.pbs.asked[before:]
            assert {(one.verb, one.kind, *(pair[0] for pair in one.pairs)) for one in asked} <= {
                ("set", "queue", "comment")
            }
    assert rest(world, queues) == others


def rest(world: World, queues: t.Sequence[str]) -> dict[str, t.Any]:
    """All that a hostile value could have touched."""
    kinds = (
        attributes.SERVER,
        attributes.QUEUE,
        attributes.NODE,
        attributes.RESOURCE,
        attributes.HOOK,
        attributes.SCHED,
    )
    counted = {"state_count", "total_jobs", "state", "last_state_change_time", "license_count"}
    return {
        f"{kind.word} {name}": {attribute: value for attribute, value in has.items() if attribute not in counted}
        for kind in kinds
        for name, has in world.listed(kind).items()
        if name not in queues
    }
