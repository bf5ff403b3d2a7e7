# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: overlapping
short_description: Whether an IP network has addresses in common with any of others
version_added: 0.1.0
author: egee.box contributors (@egee-box)
description:
  - Tells whether a network overlaps with any of the others. Networks of different IP versions never do.
positional: _input, others
options:
  _input:
    description: A network in CIDR notation, or an address, which stands for itself.
    type: str
    required: true
  others:
    description: The other networks.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse a network that is in use
  ansible.builtin.assert:
    that: networks_in_use | select('egee.box.overlapping', ['10.77.0.0/24']) | length == 0
"""

RETURN = r"""
_value:
  description: True if they overlap.
  type: bool
"""

from collections.abc import Callable, Sequence
from ipaddress import ip_network

from ansible.errors import AnsibleFilterError


def overlapping(network: str, others: Sequence[str]) -> bool:
    try:
        mine, *theirs = (ip_network(each, strict=False) for each in (network, *others))
    except ValueError as error:
        raise AnsibleFilterError(f"egee.box.overlapping: {error}") from error
    return any(mine.version == other.version and mine.overlaps(other) for other in theirs)


class TestModule:
    def tests(self) -> dict[str, Callable[[str, Sequence[str]], bool]]:
        return {"overlapping": overlapping}
