# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the Magrathea modules find the master. Private to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  socket:
    description: The socket of the master.
    type: path
    default: /run/magrathea/master.socket
  timeout:
    description: How many seconds the master may take to answer, which a boot or a shutdown is part of.
    type: int
    default: 330
"""
