# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts' variables as plain data. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.egee.box.plugins.module_utils._plan_read import Unreadable
from jinja2 import UndefinedError


def read(variables: Mapping[str, Any], name: str) -> Any:
    """The variable, worked out, or why it cannot be."""
    try:
        return plain(variables[name])
    except (AnsibleError, UndefinedError) as error:
        return Unreadable(str(error))


def plain(value: Any) -> Any:
    """A copy of a value in plain data; one that cannot be worked out, or has such a one in it, raises its error."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str | int | float | None):
        return value
    # Text of a date, say; and what a failing template leaves behind where templates are nested raises here.
    return str(value)
