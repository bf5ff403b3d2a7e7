# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command that a page shows is one that the program takes, or the block says that no test runs it.

Of Ansible's programs its own parsers decide; what options name (playbooks, inventories, hosts, tags, variables) must
be there.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ansible.cli.doc import DocCLI
from ansible.cli.playbook import PlaybookCLI
from ansible.cli.vault import VaultCLI
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.utils.yaml import from_yaml

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("roles/*/README.md")])
NOT_RUN = "# not run by a test: "
# The site that a guide has its reader make as a copy of another.
COPIES = {"inventories/mine": "inventories/pps"}


class Command(NamedTuple):
    page: str
    text: str


def commands() -> Iterator[Command]:
    for page in PAGES:
        name, text = str(page.relative_to(ROOT)), page.read_text()
        for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            if not block.startswith(NOT_RUN):
                yield from (Command(name, line) for line in block.splitlines())
        prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        for found in re.findall(r"`([^`\n]+)`", prose) + re.findall(r"^    (\S.*)$", prose, re.MULTILINE):
            # Of what stands in a line, or in a block of no language, these are commands to be typed here.
            if re.match(r"(make|ansible-(playbook|doc|vault))\b", found):
                yield Command(name, found.removesuffix("\\").strip())


def check(text: str) -> None:
    """Fails with what is wrong."""
    argv = shlex.split(text, comments=True)
    given = dict(word.split("=", 1) for word in argv if re.match(r"[A-Z_]+=", word))
    program, *arguments = argv[len(given) :]
    if program == "python3":
        run = subprocess.run(
            [sys.executable, *arguments], env=os.environ | given, cwd=ROOT, capture_output=True, check=False
        )
        assert run.returncode == 0, run.stderr.decode()
    else:
        assert program in CHECKS, f"{program}: nothing here knows whether that is right"
        CHECKS[program](arguments)


def _make(targets: list[str]) -> None:
    known = re.findall(r"^([a-z][a-z0-9-]*)(?: [a-z0-9- ]+)?:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(targets) <= set(known)


def _playbook(arguments: list[str]) -> None:
    given = _parsed(PlaybookCLI, arguments)
    for playbook in given.args:
        assert (ROOT / playbook).is_file(), playbook
    for source in given.inventory or []:
        assert (ROOT / COPIES.get(source, source) / "hosts.yml").is_file(), source
    if given.subset:
        hosts = InventoryManager(DataLoader(), [str(ROOT / source) for source in given.inventory]).get_hosts(
            given.subset
        )
        assert hosts, f"--limit {given.subset}"
    told = [_told(ROOT / playbook) for playbook in given.args]
    for tag in ",".join(given.tags + given.skip_tags).split(","):
        assert not tag or any(tag in tags for tags, _text in told), f"--tags {tag}"
    for variable in _variables(given.extra_vars):
        assert any(re.search(rf"\b{variable}\b", text) for _tags, text in told), f"-e {variable}"


def _parsed(program: Any, arguments: list[str]) -> Any:
    cli = program([program.name, *arguments])
    cli.init_parser()
    return cli.parser.parse_args(arguments)


def _variables(given: list[str]) -> Iterator[str]:
    for text in given:
        yield from from_yaml(text) if text.startswith("{") else [text.partition("=")[0]]


@cache
def _told(playbook: Path) -> tuple[frozenset[str], str]:
    """The tags of a playbook, of what it imports and of the roles that it plays, and all their text."""
    text = playbook.read_text()
    for imported in re.findall(r"import_playbook: (\S+)", text):
        text += _told(playbook.parent / imported)[1]
    for role in set(re.findall(r"egee\.box\.(\w+)", text)):
        # Not every name of the collection is a role's.
        text += "".join(path.read_text() for path in (ROOT / "roles" / role).glob("[dt]*/*.yml"))
    tags = re.findall(r"tags: (?:&\w+ )?(.+)", text)
    return frozenset(word for tag in tags for word in re.findall(r"\w+", tag)), text


def _doc(arguments: list[str]) -> None:
    given = _parsed(DocCLI, arguments)
    for name in given.args:
        assert "<" in name or (ROOT / f"{given.type}s" / name.rpartition(".")[2]).is_dir(), name


def _vault(arguments: list[str]) -> None:
    _parsed(VaultCLI, arguments)


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "make": _make,
    "ansible-playbook": _playbook,
    "ansible-doc": _doc,
    "ansible-vault": _vault,
}
SHOWN = sorted(set(commands()))


@pytest.mark.parametrize("command", SHOWN, ids=lambda command: f"{command.page}: {command.text}")
def test_a_command_that_is_shown_is_right(command: Command) -> None:
    check(command.text)


def test_the_commands_are_found() -> None:
    programs = {command.text.split()[0] for command in SHOWN}
    assert {"make", "ansible-playbook", "ansible-doc", "ansible-vault", "PYTHONPATH=roles/magrathea/files"} == programs
    assert len(SHOWN) > 50


@pytest.mark.parametrize(
    "text",
    [
        "make tea",
        "ansible-playbook playbooks/none.yml",
        "ansible-playbook -i inventories/none playbooks/plan.yml",
        "ansible-playbook -i inventories/production playbooks/site.yml --limit nobody.prague.example",
        "ansible-playbook -i inventories/production playbooks/site.yml --tags none",
        "ansible-playbook -i inventories/production playbooks/site.yml --none",
        "ansible-playbook -i inventories/production playbooks/site.yml -e no_such_variable=1",
        "ansible-doc -t role egee.box.none",
        "python3 -m magrathea",
        "rm -rf /",
    ],
)
def test_a_wrong_one_is_found(text: str) -> None:
    with pytest.raises((AssertionError, SystemExit)):
        check(text)


def test_blocks_that_no_test_runs_say_why() -> None:
    marks = [line for page in PAGES for line in page.read_text().splitlines() if line.startswith("# not run")]
    assert marks and all(line.startswith(NOT_RUN) and len(line) > len(NOT_RUN) + 5 for line in marks)
