# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that roles lay on hosts import each other by name, as they do where they lie together."""

from __future__ import annotations

import sys
from pathlib import Path

ROLES = Path(__file__).parents[3] / "roles"
WITH_PROGRAMS = ("bdii", "ce", "lb", "mon", "mon_client", "se", "ui", "verify", "wms")
sys.path[:0] = [str(ROLES / role / "files") for role in WITH_PROGRAMS]
