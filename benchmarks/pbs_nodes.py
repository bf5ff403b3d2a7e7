# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long thousands of nodes take with pbs_node, beside the bare qmgr and the obvious ways.

Needs a real PBS server on this machine, root, and the collection on PYTHONPATH. Makes and deletes its own nodes.

    python benchmarks/pbs_nodes.py --nodes 5000 --sample 100

A process for each node uses up the reserved ports of the machine (two each, for a minute), after which further calls
stall without an error; that is part of what is measured. The obvious ways run on a sample, and are scaled.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, entry, guards
from ansible_collections.egee.box.plugins.module_utils._pbs.client import Access, Pbs
from ansible_collections.egee.box.plugins.module_utils._pbs.flow import Steward, Task
from ansible_collections.egee.box.plugins.module_utils._runner import CommandRunner, Run
from frame import Number, measured, write

PREFIX = "bench"
NUMBERS: list[Number] = []

# Which case of the module each of the obvious ways is to be read beside.
LIKE = {
    "bare stream: one attribute, a line a node": "one attribute, another value on each",
    "bare list: what the module reads": "again, nothing to do",
    "a shell loop of qmgr -c": "one attribute changed on all",
    "an Ansible loop of command tasks": "one attribute changed on all",
    "bare stream: create, the module's own lines": "from nothing to converged",
}


class Counting(CommandRunner):
    """The real runner, which counts processes and the seconds within them."""

    def __init__(self) -> None:
        super().__init__(timeout=3600)
        self.processes = 0
        self.seconds = 0.0

    def read(
        self, argv: t.Sequence[str], *, check: bool = True, data: str | None = None, timeout: float | None = None
    ) -> Run:
        began = time.monotonic()
        return self._counted(began, super().read(argv, check=check, data=data, timeout=timeout))

    def write(
        self, argv: t.Sequence[str], *, check: bool = True, data: str | None = None, timeout: float | None = None
    ) -> Run:
        began = time.monotonic()
        return self._counted(began, super().write(argv, check=check, data=data, timeout=timeout))

    def _counted(self, began: float, run: Run) -> Run:
        self.processes += 1
        self.seconds += time.monotonic() - began
        return run


def node(number: int) -> str:
    return f"{PREFIX}{number:05}"


def host(number: int) -> str:
    """An address of the block that is set apart for benchmarks; no MoM is there."""
    return f"198.18.{number // 250}.{number % 250 + 1}"


def wishes(count: int, comment: str) -> list[dict[str, t.Any]]:
    return [
        {
            "name": node(number),
            "attributes": {
                "Mom": host(number),
                "resources_available": {"ncpus": 16 + number % 4, "mem": f"{64 + number % 3}gb", "site": "prague"},
                "comment": comment,
                "Priority": number % 10,
            },
        }
        for number in range(count)
    ]


def converge(title: str, access: Access, wanted: list[dict[str, t.Any]]) -> list[str]:
    """One call of the module's work, and what it cost."""
    runner = Counting()
    began, worked = time.monotonic(), time.process_time()
    task = Task(attributes.NODE, wanted, guard=guards.nodes, reads=(attributes.RESOURCE,), force=True)
    result = Steward(Pbs(runner, access), task, lambda warning: None).run(check_mode=False)
    seconds, own = time.monotonic() - began, time.process_time() - worked
    lines: list[str] = result["directives"]
    NUMBERS.append(measured(title, seconds))
    print(
        f"{title:<44} {seconds:8.2f} s, of which PBS {runner.seconds:8.2f} s, own cpu {own:.2f} s; "
        f"{runner.processes} qmgr, {len(lines)} directives, {len(result['actions'])} nodes changed"
    )
    return lines


def bare(title: str, access: Access, lines: t.Sequence[str]) -> None:
    began = time.monotonic()
    subprocess.run(
        [f"{access.commands}/qmgr"], input="\n".join([*lines, ""]), text=True, check=True, capture_output=True
    )
    took = time.monotonic() - began
    NUMBERS.append(measured(LIKE.get(title, title), took, way="qmgr, one process"))
    print(f"{title:<44} {took:8.2f} s; 1 qmgr, {len(lines)} directives")


def scaled(title: str, seconds: float, sample: int, count: int) -> None:
    NUMBERS.append(measured(LIKE[title], seconds * count / sample, way=f"{title}, scaled"))
    print(f"{title:<44} {seconds * count / sample:8.0f} s, scaled from {sample} nodes in {seconds:.1f} s")


def shell_loop(access: Access, sample: int) -> float:
    began = time.monotonic()
    for number in range(sample):
        directive = f"set node {node(number)} comment = shell"
        subprocess.run([f"{access.commands}/qmgr", "-c", directive], check=True, capture_output=True)
    return time.monotonic() - began


def ansible_loop(access: Access, sample: int) -> float:
    """An Ansible loop of command tasks, as found in roles."""
    play = [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": [
                {
                    "ansible.builtin.command": {
                        "argv": [f"{access.commands}/qmgr", "-c", "set node {{ item }} comment = loop"]
                    },
                    "changed_when": True,
                    "loop": [node(number) for number in range(sample)],
                }
            ],
        }
    ]
    with tempfile.TemporaryDirectory() as place:
        book = Path(place) / "loop.yml"
        book.write_text(json.dumps(play), encoding="utf-8")
        began = time.monotonic()
        subprocess.run(["ansible-playbook", "-i", "localhost,", book], check=True, capture_output=True)
        return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=5000)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    access = Access(entry.commands(None), timeout=3600)
    count, sample = options.nodes, options.sample
    try:
        lines = converge("from nothing to converged", access, wishes(count, "rack 1, row 2"))
        converge("again, nothing to do", access, wishes(count, "rack 1, row 2"))
        converge("one attribute changed on all", access, wishes(count, "rack 3, row 4"))
        varied = [{"name": node(n), "attributes": {"comment": f"slot {n}"}} for n in range(count)]
        converge("one attribute, another value on each", access, varied)
        bare(
            "bare stream: one attribute, a line a node",
            access,
            [f"set node {node(n)} comment = s{n}" for n in range(count)],
        )
        bare("bare list: what the module reads", access, ["list server", "list node @default", "list resource"])
        scaled("a shell loop of qmgr -c", shell_loop(access, sample), sample, count)
        scaled("an Ansible loop of command tasks", ansible_loop(access, sample), sample, count)
    finally:
        gone = [{"name": node(number), "present": False} for number in range(count)]
        converge("all gone", access, gone)
    bare("bare stream: create, the module's own lines", access, lines)
    converge("all gone", access, gone)
    write(options.json, NUMBERS)


if __name__ == "__main__":
    main()
