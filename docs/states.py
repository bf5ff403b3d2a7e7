# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Magrathea's table of transitions as a page: what may be asked of a VM in which state, as the program decides."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "roles/magrathea/files"))

from magrathea.publish import OCCUPIED_BOOTING, RUNNING_PRIORITY  # noqa: E402
from magrathea.rules import ANY_WORD, RULES, WHY  # noqa: E402

WHILE_BOOTING = {"yes": "yes", "own": "the VM that boots", "no": "no"}
# All that is published: the words of the table, and those that stand for one of them meanwhile.
PUBLISHED = ANY_WORD | {OCCUPIED_BOOTING, RUNNING_PRIORITY}


def page() -> str:
    rows = [
        f"| `{name}` | {_states(rule.words)} | {WHILE_BOOTING[rule.while_booting]} |" for name, rule in RULES.items()
    ]
    reasons = [f"| `{word}` | {why} |" for word, why in sorted(WHY.items())]
    return "\n".join(
        [
            "| event | allowed in | while a VM boots |",
            "| --- | --- | --- |",
            *rows,
            "",
            "In any other state the answer is `refused`, with one of these reasons, or else the state's name:",
            "",
            "| state | why |",
            "| --- | --- |",
            *reasons,
            "",
        ]
    )


def _states(words: frozenset[str]) -> str:
    """A few by name; of nearly all, those that are missing."""
    missing = ANY_WORD - words
    if not missing:
        return "every state"
    if len(missing) < len(words):
        return f"every state but {_named(missing)}"
    return _named(words)


def _named(words: frozenset[str]) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words))


if __name__ == "__main__":
    print(page(), end="")
