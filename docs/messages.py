# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error message of ours, gathered from the source: `python docs/messages.py` prints them, with where each stands.

What is filled in when a message is shown stands as an ellipsis. tests/unit/docs compares them with troubleshooting.md.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
FILLED = "\N{HORIZONTAL ELLIPSIS}"
# Errors of these libraries are ours where we raise them with words of our own.
OTHERS = {"AnsibleFilterError", "AnsibleLookupError"}
# Calls that say what is wrong, and the argument that does.
CALLS: dict[str, tuple[int | str, ...]] = {"fault_of": (3,), "fault": (2,), "fail_json": ("msg",)}
# Modules of tasks that fail with a message of ours.
FAILING = ("ansible.builtin.fail", "ansible.builtin.wait_for")
# A simulator's own assertions, which no site ever sees.
LEFT_OUT = ("roles/magrathea/files/magrathea/sim",)


class Message(NamedTuple):
    text: str
    where: str


def gather(root: Path = ROOT) -> list[Message]:
    found = [Message(text, where) for where, text in [*_of_python(root), *_of_yaml(root)] if _says_something(text)]
    return sorted(set(found))


def _of_python(root: Path) -> Iterator[tuple[str, str]]:
    trees = {
        str(path.relative_to(root)): ast.parse(path.read_text())
        for place in ("plugins", "roles")
        for path in (root / place).rglob("*.py")
    }
    errors = _own_errors(trees.values()) | OTHERS
    answers = _answers(trees.values())
    for where, tree in trees.items():
        if where.startswith(LEFT_OUT):
            continue
        yield from ((where, text) for text in _kept(tree))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                known = _assigned(function)
                for telling in _telling(function, errors):
                    yield from ((where, text) for text in _texts(telling, known, answers))


def _kept(tree: ast.Module) -> Iterator[str]:
    """Sentences that a module keeps for its errors, known by our messages' form: what was found; what to do."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            for node in ast.walk(statement):
                if isinstance(node, ast.Constant) and re.fullmatch(r"[a-z][^\n]+; [^\n]+", str(node.value)):
                    yield re.sub(r"\{\w+\}", FILLED, str(node.value))


def _own_errors(trees: Iterable[ast.Module]) -> set[str]:
    """The names of all classes of exceptions that are defined here."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    own: set[str] = set()
    while new := {
        name
        for name, of in bases.items()
        if name not in own and any(base in own or base.endswith(("Error", "Exception")) for base in of)
    }:
        own |= new
    return own


def _nodes(function: ast.AST) -> Iterator[ast.AST]:
    """All of a function but what is in functions within."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from _nodes(node)


def _assigned(function: ast.AST) -> dict[str, list[ast.expr]]:
    """What a function's variables are set to."""
    known: dict[str, list[ast.expr]] = {}
    for node in _nodes(function):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.NamedExpr) else []
        )
        for target in targets:
            if isinstance(target, ast.Name):
                known.setdefault(target.id, []).append(node.value)
    return known


def _answers(trees: Iterable[ast.Module]) -> dict[str, list[ast.expr]]:
    """What each function returns, by its name."""
    answers: dict[str, list[ast.expr]] = {}
    for tree in trees:
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                returned = [node.value for node in _nodes(function) if isinstance(node, ast.Return) and node.value]
                answers.setdefault(function.name, []).extend(returned)
    return answers


def _telling(function: ast.FunctionDef | ast.AsyncFunctionDef, errors: set[str]) -> Iterator[ast.expr]:
    """What in a function may be a message: of an error that is made or raised, of one fault among several."""
    for node in _nodes(function):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from node.exc.args
        elif isinstance(node, ast.Yield | ast.Return) and node.value and _judges(function):
            yield node.value
        elif isinstance(node, ast.Call):
            of = _name(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            name = _name(node.func)
            if name in errors or (name == "append" and of.endswith("faults")):
                yield from node.args
            for place in CALLS.get(name, ()):
                if isinstance(place, int):
                    yield from node.args[place : place + 1]
                yield from (keyword.value for keyword in node.keywords if keyword.arg == place)


def _judges(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it yields faults, or returns one if there is one."""
    returns = ast.unparse(function.returns) if function.returns else ""
    return function.name.endswith("faults") or (function.name.endswith("fault") and returns.endswith("| None"))


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _texts(node: ast.expr, known: dict[str, list[ast.expr]], answers: dict[str, list[ast.expr]]) -> list[str]:
    """What an expression can come to. A choice between words is part of a message, all else is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        parts = [_texts(part, known, answers) for part in node.values]
        return ["".join(words) for words in itertools.product(*parts)]
    if isinstance(node, ast.FormattedValue):
        return _texts(node.value, {}, {}) if isinstance(node.value, ast.IfExp) else [FILLED]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        pairs = itertools.product(_texts(node.left, known, answers), _texts(node.right, known, answers))
        return ["".join(pair) for pair in pairs]
    if isinstance(node, ast.IfExp):
        return _texts(node.body, known, answers) + _texts(node.orelse, known, answers)
    if isinstance(node, ast.Name):
        return [text for value in known.get(node.id, []) for text in _texts(value, {}, answers)] or [FILLED]
    if isinstance(node, ast.Call):
        return [text for value in answers.get(_name(node.func), []) for text in _texts(value, {}, {})] or [FILLED]
    return [FILLED]


def _of_yaml(root: Path) -> Iterator[tuple[str, str]]:
    for place in ("playbooks", "roles"):
        for path in (root / place).rglob("*.yml"):
            for value in _failures(yaml.safe_load(path.read_text())):
                text = re.sub(r"\{%-? .*? -?%\}", "", value, flags=re.DOTALL)
                text = re.sub(r"\{\{.*?\}\}", FILLED, text, flags=re.DOTALL)
                yield str(path.relative_to(root)), text.strip()


def _failures(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _failures(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "fail_msg" or key.endswith("_fault"):
                yield value
            elif key in FAILING and "msg" in value:
                yield value["msg"]
            else:
                yield from _failures(value)


def _says_something(text: str) -> bool:
    """Not where a message is only handed on, at most with a name before it."""
    return bool(re.search(r"[a-z]", re.sub(rf"^\S+: {FILLED}$", "", text)))


if __name__ == "__main__":
    for message in gather():
        print(f"{message.where}\n    {message.text}")
