# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.egee.box.plugins.modules import memory_info


def test_this_host_tells_of_its_memory(call: t.Callable[..., dict[str, t.Any]]) -> None:
    result = call(memory_info)
    assert 0 < result["memory"]["used"] <= result["memory"]["total"]
    assert not result.get("changed")
