# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all commands have in common: what they say, what they end with, and where the daemons listen."""

from __future__ import annotations

import sys

RUN = "/run/magrathea"
SOCKETS = {name: f"{RUN}/{name}.socket" for name in ("master", "agent", "cache")}
DONE, REFUSED, MISUSED, NOBODY = 0, 1, 2, 3


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
