# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before anything is deployed."""

from __future__ import annotations

from collections.abc import Callable

Play = Callable[..., dict[str, dict[str, int]]]


def test_check_mode_of_the_whole_site_does_not_fail(play: Play) -> None:
    assert play("site.yml", "--check")
