# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one shape in which benchmarks tell their numbers: a list of what one way took in one case.

A benchmark takes `--json FILE`, prints for people, and writes there what programs are to read. Of a case that several
ways were measured in, the report gives the ratio of each to OURS.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

OURS = "egee.box"


class Number(TypedDict):
    case: str
    way: str
    value: float
    unit: str


def measured(case: str, value: float, unit: str = "s", way: str = OURS) -> Number:
    return {"case": case, "way": way, "value": round(value, 4), "unit": unit}


def write(path: Path | None, numbers: Iterable[Number]) -> None:
    if path:
        path.write_text(json.dumps(list(numbers), indent=2) + "\n", encoding="utf-8")
