# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to a machine, as plain values: they come from agents, people, the VMM and the clock."""

from __future__ import annotations

from typing import NamedTuple

from .model import NORMAL, Ended, Machine

ALL = -1  # CPUs: all of them


class Event(NamedTuple):
    kind: str
    vm: str = ""
    job: str = ""
    job_kind: str = NORMAL
    cpus: int = 1
    # The name of this request: of a start, to know it again; of a reservation, to use it.
    request: str = ""
    reservation: str = ""
    label: str = ""
    force: bool = False
    present: bool = False
    # From an agent: which of its lives, and the message's number in its outbox.
    session: str = ""
    seq: int = 0
    # What runs in the VM as the agent knows (None: it does not), and what it asked to start and got no answer for.
    jobs: tuple[str, ...] | None = None
    pending: tuple[str, ...] = ()
    # What a VM shall be, for `define`.
    fields: tuple[tuple[str, str | int | bool], ...] = ()


class Outcome(NamedTuple):
    machine: Machine
    refused: bool = False
    # What the asker should know: why it was refused, or that there was nothing to do.
    text: str = ""
    ended: tuple[Ended, ...] = ()
    # Jobs that an agent named and the books do not know.
    unknown: tuple[str, ...] = ()


class Refused(Exception):
    """A request that changes nothing; the text names the object, what was found, and maybe the cure."""
