# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each error message of the source has one entry in docs/troubleshooting.md, and each entry has a message.

A section names the files whose messages it has. An entry is a message as messages.py prints it, what is filled in being
an ellipsis; three dots stand for the rest of it.
"""

from __future__ import annotations

import importlib.util
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[3]


def _messages() -> Any:
    spec = importlib.util.spec_from_file_location("messages", ROOT / "docs/messages.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MESSAGES = _messages()


class Section(NamedTuple):
    title: str
    files: list[str]
    entries: list[str]


def sections(page: str) -> list[Section]:
    found = []
    for part in re.split(r"^## ", page, flags=re.MULTILINE):
        files = re.search(r"<!-- from: (.*?) -->", part)
        if files:
            cells = re.findall(r"^\| (`.*?) \|", part, re.MULTILINE)
            entries = [entry.strip("`") for cell in cells for entry in cell.split("<br>")]
            found.append(Section(part.partition("\n")[0], files[1].split(), entries))
    return found


def covers(entry: str, text: str) -> bool:
    pattern = ".*".join(map(re.escape, entry.split("...")))
    return re.fullmatch(pattern, " ".join(text.split())) is not None


def faults(page: str, messages: list[Any]) -> list[str]:
    """What is wrong between a page and messages, which should be nothing."""
    found = []
    used = set()
    parts = sections(page)
    for message in messages:
        homes = [part for part in parts if any(fnmatch(message.where, pattern) for pattern in part.files)]
        if len(homes) != 1:
            found.append(f"{message.where} is in {len(homes)} sections")
            continue
        hits = [(homes[0].title, entry) for entry in homes[0].entries if covers(entry, message.text)]
        used.update(hits)
        if len(hits) != 1:
            found.append(f"{homes[0].title}: {len(hits)} entries for {message.text!r} of {message.where}")
    known = [(part.title, entry) for part in parts for entry in part.entries]
    found += [f"{title}: {entry!r} is said by nobody" for title, entry in known if (title, entry) not in used]
    found += [f"{title}: {entry!r} is there twice" for title, entry in set(known) if known.count((title, entry)) > 1]
    return found


@pytest.fixture(scope="module")
def messages() -> Any:
    return MESSAGES.gather()


def test_every_message_has_one_entry_and_every_entry_a_message(messages: list[Any]) -> None:
    assert faults((ROOT / "docs/troubleshooting.md").read_text(), messages) == []


PAGE = """
## One
<!-- from: plugins/* -->
| `VO …: has … members; ...` | why |
| `…: is gone`<br>`…: went ...` | why |
"""


@pytest.mark.parametrize(
    ("texts", "where", "told"),
    [
        (["VO …: has … members; remove them", "…: is gone", "…: went away"], "plugins/a.py", []),
        (["VO …: has … members; remove them", "…: is gone"], "plugins/a.py", ["One: '…: went ...' is said by nobody"]),
        (
            ["VO …: has … members; remove them", "…: is gone", "…: went away", "…: is back"],
            "plugins/a.py",
            ["One: 0 entries for '…: is back' of plugins/a.py"],
        ),
        (["…: is gone"], "roles/a.yml", ["roles/a.yml is in 0 sections"]),
    ],
    ids=["all", "an entry too many", "a message too many", "a file of no section"],
)
def test_the_comparison_finds_what_is_wrong(texts: list[str], where: str, told: list[str]) -> None:
    found = faults(PAGE, [MESSAGES.Message(text, where) for text in texts])
    assert found[: len(told)] == told
    assert bool(found) == bool(told)


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("class E(Exception): ...\ndef f(a):\n    raise E(f'{a}: is gone; look')", {"…: is gone; look"}),
        ("class E(Exception): ...\ndef f(a):\n    return E('a' + f'b {a}')", {"ab …"}),
        ("def f(a):\n    raise ValueError('no ' + ('number' if a else 'size'))", {"no number", "no size"}),
        ("def f(a):\n    why = 'is old' if a else f'is {a}'\n    fault_of(a, a, a, why, a)", {"is old", "is …"}),
        ("def f(a):\n    faults = []\n    faults.append(f'{a} is twice')", {"… is twice"}),
        ("def some_faults(a):\n    yield f'{a} is twice'", {"… is twice"}),
        ("def a_fault(a) -> str | None:\n    return f'{a} is twice' if a else None", {"… is twice"}),
        ("def a_fault(a) -> str:\n    return f'- {a}'", set()),
        ("GONE = 'is gone; look for {it}'\nOTHER = 'Is something else; as it seems'", {"is gone; look for …"}),
        ("def g(a):\n    return f'is {a}'\ndef f(a):\n    if why := g(a):\n        raise ValueError(why)", {"is …"}),
        ("def f(a):\n    try:\n        a()\n    except OSError as e:\n        raise ValueError(f'f: {e}')", set()),
    ],
)  # fmt: skip
def test_messages_are_found_in_python(tmp_path: Path, source: str, texts: set[str]) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/a.py").write_text(source)
    assert {message.text for message in MESSAGES.gather(tmp_path)} == texts


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("- assert: {that: x, fail_msg: '{{ x }} is gone'}", {"… is gone"}),
        ("- ansible.builtin.fail: {msg: 'no {{ x }}'}\n  vars: {x_fault: 'is {{ y }} old'}", {"no …", "is … old"}),
        ("- block: [{ansible.builtin.wait_for: {port: 22, msg: port 22 is shut}}]", {"port 22 is shut"}),
        ("- ansible.builtin.debug: {msg: nothing is wrong}", set()),
    ],
)
def test_messages_are_found_in_yaml(tmp_path: Path, source: str, texts: set[str]) -> None:
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles/a.yml").write_text(source)
    assert {message.text for message in MESSAGES.gather(tmp_path)} == texts


def test_what_everybody_knows_is_among_them(messages: list[Any]) -> None:
    """If the collector went blind, it would miss nothing on the page but what stands there in vain."""
    texts = {message.text for message in messages}
    assert {"xl: not found; install the Xen toolstack (role xen_dom0)", "is … where a whole number belongs"} <= texts
    assert len(messages) > 300
