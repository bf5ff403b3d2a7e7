# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets attributes of a VO, and who does not while banned."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from acting import ALICE, User
from testinfra.host import Host

At = Callable[[str], Host]
Play = Callable[..., Any]

PROXY = "voms-proxy-init -quiet -voms voce:/voce/Role=SoftwareManager -out /tmp/unbanned"
VOMS = ("services.yml", "--tags", "voms")


def test_the_banned_get_no_attributes_until_they_are_let_in_again(at: At, play: Play) -> None:
    alice = User(at("ui"), "alice")
    alice(PROXY)
    try:
        play(*VOMS, "--extra-vars", json.dumps({"site_banned_dns": [ALICE]}))
        refused = alice.attempt(PROXY)
        assert refused.rc != 0
        assert "User unknown to this VO" in refused.stdout + refused.stderr
    finally:
        play(*VOMS)
    # With all that she had.
    alice(PROXY)
