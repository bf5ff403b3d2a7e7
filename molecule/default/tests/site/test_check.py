# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run would change on the deployed site: nothing."""

from __future__ import annotations

from collections.abc import Callable

Play = Callable[..., dict[str, dict[str, int]]]


def test_check_mode_finds_nothing_to_do(play: Play) -> None:
    changed = {host: counts["changed"] for host, counts in play("site.yml", "--check", "--diff").items()}
    assert set(changed.values()) == {0}, changed


def test_check_mode_reports_a_change_of_memory(play: Play) -> None:
    less = '{"domain_memory": 120}'
    counts = play("domains.yml", "--check", "--limit=bdii.egee.test", f"--extra-vars={less}")
    assert counts["bdii.egee.test"]["changed"] == 1, counts
