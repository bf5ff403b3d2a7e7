# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PBS makes of a value, row by row as it was recorded from a real server."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, values

# The attribute's kind, what is written, and what is read back; an error where PBS refuses.
NORMALISED: list[tuple[values.Kind, t.Any, str]] = [
    *((values.BOOLEAN, word, "True") for word in (True, "True", "true", "TRUE", "t", "T", "y", "Y", "1", 1)),
    *((values.BOOLEAN, word, "False") for word in (False, "False", "false", "f", "n", "N", "0", 0)),
    (values.INTEGER, "010", "10"),
    (values.INTEGER, "+5", "5"),
    (values.INTEGER, -3, "-3"),
    (values.INTEGER, "99999999999999999999", "9223372036854775807"),
    (values.SIZE, 1024, "1024b"),
    (values.SIZE, "1GB", "1gb"),
    (values.SIZE, "1k", "1kb"),
    (values.SIZE, "00012GW", "12gw"),
    (values.SIZE, "0", "0b"),
    (values.DURATION, 3600, "01:00:00"),
    (values.DURATION, "90:00", "01:30:00"),
    (values.DURATION, "1:2:3", "01:02:03"),
    (values.DURATION, "100:00:00", "100:00:00"),
    (values.DURATION, "86400", "24:00:00"),
    (values.DURATION, "1.5", "00:00:02"),
    (values.DURATION, "1.4", "00:00:01"),
    (values.DURATION, "01:00:00.5", "01:00:01"),
    (values.FLOAT, "1.50", "1.5"),
    (values.FLOAT, "1e3", "1000"),
    (values.FLOAT, ".5", "0.5"),
    (values.FLOAT, 0.123456789012, "0.1235"),
    (values.FLOAT, "1e20", "100000002004087734272"),
    (values.FLOAT, -0.00001, "-0"),
    (values.WORDS, " x , y ", "x,y"),
    (values.WORDS, ["b", "a", "a"], "b,a,a"),
    (values.WORDS, [], ""),
    (values.ACCESS, "zed,adam,+bob,-eve", "adam,+bob,-eve,zed"),
    (values.ACCESS, ["zed", "zed", "adam"], "adam,zed"),
    (values.LIMIT, "[u:PBS_GENERIC=2],[o:PBS_ALL=10]", "[o:PBS_ALL=10],[u:PBS_GENERIC=2]"),
    (values.LIMIT, {"u:PBS_GENERIC": 2, "g:atlas": "03"}, "[g:atlas=3],[u:PBS_GENERIC=2]"),
    (values.LIMIT, ["[u:alice=5]", " [ u:bob = 6 ] "], "[u:alice=5],[u:bob=6]"),
    (values.LIMIT, '[u:"a user"=3]', '[u:"a user"=3]'),
    (values.limit_of(values.SIZE), "[u:alice=1024],[u:bob=3GB]", "[u:alice=1024b],[u:bob=3gb]"),
    (values.QUEUE_TYPE, "e", "Execution"),
    (values.QUEUE_TYPE, "route", "Route"),
    (values.FLAGS, "nh", "hn"),
    (values.HOOK_BOOLEAN, True, "true"),
    (values.HOOK_WORDS, "runjob,queuejob", "queuejob,runjob"),
    (values.HOOK_WORDS, '""', ""),
]
REFUSED: list[tuple[values.Kind, t.Any, str]] = [
    *((values.BOOLEAN, word, "is no boolean") for word in ("yes", "no", "on", "off", "2", "")),
    *((values.INTEGER, word, "is no whole number") for word in ("1e3", "5.0", "abc", 5.0, True, "", "0x10")),
    *((values.SIZE, word, "is no size") for word in ("1.5gb", "1 gb", "gb", "1bb", True, -1)),
    *((values.DURATION, word, "is no duration") for word in ("1d", "-1", "", "1:2:3:4", ":30", "5.", True)),
    *((values.FLOAT, word, "is no number") for word in ("x", "nan", "inf", True)),
    (values.WORDS, "a,,b", "has an empty item"),
    (values.WORDS, ["a,b"], "a comma divides items"),
    (values.WORDS, [{}], "is neither text, a number nor a boolean"),
    *((values.LIMIT, word, "is no limit") for word in ("u:alice=5", "[x:alice=5]", "[u:alice=5]]", "[u:alice]", "5")),
    (values.LIMIT, "[u:alice=five]", "is no whole number"),
    (values.QUEUE_TYPE, "zzz", "is no type of queue"),
    (values.STRING, ["a"], "is neither text, a number nor a boolean"),
]


@pytest.mark.parametrize(("kind", "written", "read"), NORMALISED, ids=lambda value: getattr(value, "name", repr(value)))
def test_a_value_becomes_what_pbs_makes_of_it(kind: values.Kind, written: t.Any, read: str) -> None:
    assert kind.normalise(written) == read
    assert kind.normalise(read) == read, "what PBS shows must read as itself"


@pytest.mark.parametrize(("kind", "written", "fault"), REFUSED, ids=lambda value: getattr(value, "name", repr(value)))
def test_a_value_that_pbs_refuses_is_refused_before(kind: values.Kind, written: t.Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault.replace("[", r"\[")):
        kind.normalise(written)


def test_sizes_are_compared_by_what_they_hold() -> None:
    same = ["1gb", "1024mb", "1048576kb", "1073741824b", "128mw"]
    assert len({values.SIZE.key(size) for size in same}) == 1
    limit = values.limit_of(values.SIZE)
    assert limit.key("[g:a=1gb],[u:b=2gb]") == limit.key("[u:b=2048mb],[g:a=1024mb]")
    assert limit.key("[g:a=1gb]") != limit.key("[u:a=1gb]")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("plain", "plain"),
        ("user@*.example.org", "user@*.example.org"),
        ("two words", '"two words"'),
        ("a,b", '"a,b"'),
        ("x; delete queue workq", '"x; delete queue workq"'),
        ("# no comment", '"# no comment"'),
        ("x += y", '"x += y"'),
        ("it's", '"it\'s"'),
        ('say "hi"', "'say \"hi\"'"),
        ("back\\", '"back\\"'),
        (" lead and trail ", '" lead and trail "'),
        ("tab\there", '"tab\there"'),
        ("", '""'),
    ],
)
def test_quoting_survives_everything_that_qmgr_can_be_told(text: str, word: str) -> None:
    assert values.quote(text) == word


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "\0", "\x1b[1m", "naïve", "✓", "this & that", "both ' and \""])
def test_what_qmgr_cannot_be_told_is_refused(text: str) -> None:
    assert values.unsayable(text)
    with pytest.raises(ValueError, match="qmgr"):
        values.quote(text)


@pytest.mark.parametrize(
    ("kind", "written", "name", "known"),
    [
        (attributes.QUEUE, "PRIORITY", "Priority", True),
        (attributes.QUEUE, "resources_max.walltime", "resources_max.walltime", True),
        (attributes.QUEUE, "Resources_Max.fast", "resources_max.fast", False),
        (attributes.SERVER, "some_new_thing", "some_new_thing", False),
        (attributes.NODE, "mom", "Mom", True),
    ],
)
def test_attributes_have_pbs_own_spelling(kind: attributes.Type, written: str, name: str, known: bool) -> None:
    found = attributes.attribute(kind, written, attributes.RESOURCES)
    assert (found.name, found.known) == (name, known)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("", "is no name"),
        ("a b", "is no name"),
        ("enabled=True,started", "is no name"),
        ("x;delete", "is no name"),
        ("resources_max.", "is no name"),
        ("resources_max.a.b", "is no name"),
        ("resources_max", "needs a resource"),
        ("enabled.ncpus", "has no resources"),
    ],
)
def test_what_is_no_attribute_is_refused(written: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        attributes.attribute(attributes.QUEUE, written, attributes.RESOURCES)
