# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides say of plans, states, ports, variables and files is so."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.egee.box.plugins.filter.plan import plan_of
from ansible_collections.egee.box.plugins.module_utils._plan_text import table
from ansible_collections.egee.box.plugins.module_utils._services import COMMON, SERVICES

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("roles/*/README.md")])
SOURCES = ("inventories", "playbooks", "plugins", "roles", "molecule", "tests/inventories")


def pages(test: Any) -> Any:
    return pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))(test)


def spans(page: Path) -> list[str]:
    """What stands in a page as code within a line."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose)


@cache
def plan_of_inventory(name: str) -> Any:
    loader = DataLoader()
    inventory = InventoryManager(loader, [str(ROOT / "inventories" / name)])
    return plan_of(HostVars(inventory, VariableManager(loader, inventory), loader), inventory.get_groups_dict())


@cache
def words() -> frozenset[str]:
    """All words of the source."""
    files = [path for place in SOURCES for path in (ROOT / place).rglob("*") if path.suffix in {".yml", ".py", ".j2"}]
    return frozenset(re.findall(r"[a-z0-9_]+", " ".join(path.read_text() for path in files)))


def test_the_numbers_of_the_memory_guide_are_those_of_the_plans() -> None:
    checked, plan, machine = 0, None, ""
    for line in (DOCS / "memory.md").read_text().splitlines():
        if named := re.fullmatch(r"<!-- plan of (\w+): (\S+) -->", line):
            plan, machine = plan_of_inventory(named[1]), named[2]
        elif plan and line.startswith("    "):
            shown = next(part for part in table(plan).split("\n\n") if part.startswith(f"{machine}: "))
            assert line.strip() in shown.splitlines()
            checked += 1
        elif plan and (row := re.fullmatch(r"\| (\d+) \| (.+) \|", line)):
            given = {domain["short"]: domain["memory"] for domain in plan["domains"].values()}
            given["dom0"] = plan["machines"][machine]["memory"]["dom0"]
            for name in re.findall(r"[a-z0-9]+", row[2]):
                assert given[name] == int(row[1]), name
                checked += 1
    # Seven blocks of one to four lines, and every share of two sites of twelve.
    assert checked > 30


def test_the_states_that_are_explained_are_those_that_are_published() -> None:
    spec = importlib.util.spec_from_file_location("states", DOCS / "states.py")
    assert spec and spec.loader
    states = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(states)
    explained = re.findall(r"^\| `(\S+)` \|", (DOCS / "magrathea/states.md").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(states.PUBLISHED)
    generated = states.page()
    assert "| `freeze` | `running` | no |" in generated
    assert "| `stop` | every state | yes |" in generated
    assert "every state but `booting`, `down`, `down-bootable`, `frozen`, `shutting-down`" in generated


def test_the_drawing_shows_the_services_in_their_start_order() -> None:
    names = re.findall(r'class="name"[^>]*>([^<]+)<', (DOCS / "drawings/site.svg").read_text())
    assert [name for name in names if name in SERVICES] == list(SERVICES)


def test_the_ports_on_a_jobs_way_are_those_of_the_services() -> None:
    numbers = {int(number) for number in re.findall(r"\b(\d{3,5})\b", (DOCS / "job.md").read_text())}
    assert numbers > {7443, 15000}
    assert numbers <= {port for service in SERVICES.values() for port in service.ports} | set(COMMON.values())


def test_every_playbook_has_its_row_and_every_row_its_playbook() -> None:
    rows = re.findall(r"^\| \[(.+?)\]\(#", (DOCS / "operating.md").read_text(), re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`(\w+\.yml)`", row)}
    # What the others import to ask first.
    assert described == {path.name for path in (ROOT / "playbooks").glob("*.yml")} - {"confirm.yml"}


@pages
def test_files_that_a_page_names_exist(page: Path) -> None:
    places = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"docs"}
    for span in spans(page):
        # But the site that a guide has its reader make.
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?", span) and span != "inventories/mine" and span.split("/")[0] in places:
            where = [ROOT, page.parent, *(ROOT / "roles").iterdir()]
            assert any((place / span).exists() for place in where), span


@pages
def test_variables_that_a_page_names_exist(page: Path) -> None:
    prefixes = "|".join(
        ["machine", "domain", "site", "layout", *sorted(path.name for path in (ROOT / "roles").iterdir())]
    )
    for span in spans(page):
        if re.fullmatch(rf"({prefixes})_[a-z0-9_]+", span):
            assert span in words(), span
