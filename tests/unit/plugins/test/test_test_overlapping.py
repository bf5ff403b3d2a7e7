# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.egee.box.plugins.test.overlapping import overlapping


@pytest.mark.parametrize(
    ("network", "others", "expected"),
    [
        ("10.77.0.0/24", ["10.77.0.0/24"], True),
        ("10.0.0.0/8", ["192.0.2.0/24", "10.77.0.0/24"], True),
        ("10.77.0.9", ["10.77.0.0/24"], True),
        ("10.77.1.0/24", ["10.77.0.0/24"], False),
        ("fd77::/64", ["10.77.0.0/24", "fd77::/48"], True),
        ("10.77.0.0/24", [], False),
    ],
)
def test_overlapping(network: str, others: list[str], expected: bool) -> None:
    assert overlapping(network, others) is expected


def test_what_is_no_network_is_named() -> None:
    with pytest.raises(AnsibleFilterError, match="nonsense"):
        overlapping("nonsense", [])
