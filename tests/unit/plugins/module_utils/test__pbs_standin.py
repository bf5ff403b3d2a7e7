# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in answers as the recorded server did, wherever a recording is nothing but a qmgr command."""

from __future__ import annotations

import pytest
from ansible_collections.egee.box.plugins.module_utils._pbs import text
from ansible_collections.egee.box.tests.unit.standin_pbs import StandInPbs

# What was given to qmgr one by one, on a fresh server with these two queues, and the errors it gave.
REFUSALS: dict[str, tuple[str, int]] = {
    "set queue nosuch priority = 1": ("Unknown queue", 170),
    "set node nosuch comment = x": ("Unknown node", 214),
    "delete resource nosuch": ("Unknown resource", 187),
    "delete hook nosuch": ("hook not found", 32),
    "create queue q1": ("Queue already exists", 177),
    "set queue q1 nosuchattr = 1": ("Undefined attribute", 154),
    "set queue q1 resources_max.nosuchres = 1": ("Unknown resource resources_max.nosuchres", 187),
    "set queue q1 priority = high": ("Illegal attribute or resource value Priority", 166),
    "set queue q1 enabled = maybe": ("Illegal attribute or resource value enabled", 166),
    "set queue q1 total_jobs = 1": ("read only or insufficient permission  total_jobs", 155),
    "set server default_queue = nosuch": ("Unknown queue", 170),
    "create queue averyveryverylongqueuename": ("PBS error 15028", 180),
    "create queue bad.name": ("PBS error 15172", 68),
    "create node nosuchhost1": ("Unknown node", 214),
    "unset queue q1 queue_type": ("Queue type must be set", 33),
    "set queue q1 acl_users": ("does not understand", 4),
    "set queue q1": ("does not understand", 4),
    "set queue q1 priority 5": ("does not understand", 4),
    "set queue q1 comment = two words": ("does not understand", 4),
    "set queue q1 comment = a,b": ("does not understand", 4),
    'set queue q1 comment = "unterminated': ("does not understand", 4),
    'set queue q1 comment = "mixed \' and \\" q"': ("does not understand", 4),
    'set queue q1 comment = "this & that"': ("does not understand", 4),
    "set server bogus_attr = 1": ("does not understand", 4),
    "create queue 1bad queue_type=e": ("does not understand", 3),
    "create queue enabled": ("does not understand", 4),
    "frobnicate queue q1": ("Illegal operation: frobnicate", 1),
    "list frob": ("Illegal object type: frob", 2),
    "import hook nosuch application/x-python base64 -": ("nosuch does not exist!", 32),
}


@pytest.mark.parametrize("directive", REFUSALS)
def test_it_refuses_what_the_server_refused(directive: str) -> None:
    said, status = REFUSALS[directive]
    pbs = StandInPbs()
    pbs.qmgr([], "create queue q1 queue_type=e")
    run = pbs.qmgr(["-c", directive], None)
    assert said in text.complaints(run.stderr)[0].text
    assert run.rc == status


def test_a_stream_has_the_status_of_its_last_directive_and_goes_on_after_an_error() -> None:
    pbs = StandInPbs()
    run = pbs.qmgr([], "set queue nosuch enabled = True\nset server scheduler_iteration = 150\nlist server\n")
    assert run.rc == 0
    assert "scheduler_iteration = 150" in run.stdout
    assert "Unknown queue" in run.stderr


def test_a_semicolon_divides_directives_unless_it_is_quoted() -> None:
    pbs = StandInPbs()
    pbs.qmgr([], 'create queue a; create queue b comment = "x; create queue c" # create queue d\n')
    assert list(pbs.objects["queue"]) == ["workq", "a", "b"]
