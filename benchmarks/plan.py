# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan of a large site takes: production's layer, the twelve, and 140 worker nodes on 70 shared machines.

    .venv/bin/python benchmarks/plan.py --nodes 140

Needs the collection where Ansible finds it, as `make` lays it. Seconds are of the CPU, on an idle machine also those of
the clock. Reading is Ansible's part, which works out some ten templates a host; planning is the plan's own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.egee.box.plugins.filter.plan import variables_of
from ansible_collections.egee.box.plugins.module_utils._plan import plan
from ansible_collections.egee.box.plugins.module_utils._plan_changes import changes, read_record, remember
from ansible_collections.egee.box.plugins.module_utils._plan_text import table
from frame import Number, measured, write

PRODUCTION = Path(__file__).parents[1] / "inventories/production"
T = TypeVar("T")
NUMBERS: list[Number] = []


def site(place: Path, nodes: int) -> Path:
    """Production with another number of machines for priority jobs, two worker nodes each, and no other cluster."""
    shutil.copytree(PRODUCTION, place, symlinks=False)
    hosts = (place / "hosts.yml").read_text().splitlines()
    kept = [line for line in hosts if not any(name in line for name in ("node[", "metacenter", "egee["))]
    (place / "hosts.yml").write_text("\n".join(kept).replace("[01:40]", f"[01:{nodes // 2}]"))
    return place


def timed(what: str, work: Callable[[], T]) -> T:
    start = time.process_time()
    result = work()
    took = time.process_time() - start
    NUMBERS.append(measured(what, took))
    print(f"{what:<10} {took:6.3f} s")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=140)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    nodes = given.nodes
    with tempfile.TemporaryDirectory() as place:
        loader = DataLoader()
        inventory = InventoryManager(loader, [str(site(Path(place) / "site", nodes))])
        groups = inventory.get_groups_dict()
        hostvars = HostVars(inventory, VariableManager(loader, inventory), loader)
        hosts = timed("reading", lambda: variables_of(hostvars, groups))
    found = timed("planning", lambda: plan(hosts, groups, lambda _path: True))
    assert not found["faults"], found["faults"]
    text = timed("printing", lambda: table(found))
    record = json.dumps(remember(None, found, hosts))
    assert timed("comparing", lambda: changes(read_record(record), found)) == []
    print(f"{len(found['machines'])} machines, {len(found['domains'])} domains, {len(text.splitlines())} lines")
    write(given.json, NUMBERS)


if __name__ == "__main__":
    main()
