# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hard the property tests look: enough to find what is wrong, and never red because the machine is busy."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("box", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("box")
