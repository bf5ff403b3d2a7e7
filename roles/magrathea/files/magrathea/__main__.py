# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python3 -m magrathea`: what /usr/bin/magrathea and the units call."""

from __future__ import annotations

import sys

from .cli import main

sys.exit(main())
