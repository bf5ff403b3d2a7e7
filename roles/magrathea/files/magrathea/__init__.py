# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Magrathea: several virtual machines share a node, and the batch system knows.

The core (model, books, words, events, rules, core) is pure; everything around it is thin.
Standard library only, and nothing of Ansible: between the two stands the written protocol.
"""

from __future__ import annotations

__version__ = "0.1.0"
