# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module for PBS takes and says. Private to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  server:
    description:
      - The PBS server to talk to.
      - Empty means the one that C(/etc/pbs.conf) names.
    type: str
    default: ""
  bin_dir:
    description:
      - Where C(qmgr), C(pbsnodes) and C(qstat) are.
      - If left out, it is C(bin) below the C(PBS_EXEC) of C(/etc/pbs.conf), else C(/opt/pbs/bin).
    type: path
  timeout:
    description:
      - Seconds that PBS has for an answer. Writing gets a tenth of a second more for each object.
      - A server that hangs ends the task with an error after that time.
    type: int
    default: 60
  connect_timeout:
    description: Seconds to go on trying while the server refuses connections, as it does just after its start.
    type: int
    default: 10
requirements:
  - OpenPBS or PBS Professional, its commands on the host that the task runs on
notes:
  - Tried with OpenPBS 23.06. TORQUE, whose commands have the same names and another dialect, is refused by name.
  - PBS's text output is no stable interface; the modules read what they need from it as this version writes it.
  - C(qmgr) takes no ampersand, no control character and nothing but ASCII in a value, and no value that holds both
    kinds of quotation marks. Such values are refused before anything is done. Only a node's comment may hold them.
  - All reading is one C(qmgr) process and all writing another, however many objects there are.
"""

    # For the modules that set attributes.
    ATTRIBUTES = r"""
options:
  attributes:
    description:
      - Attributes by PBS's own names, upper and lower case alike.
      - The attributes of resources are written V(resources_max.walltime) or as a dictionary under V(resources_max).
      - Values are compared as PBS understands them, so that V(1024mb) is V(1gb) and V(3600) is V(01:00:00).
      - Lists may be lists of YAML or text with commas. Access lists are sets, other lists are kept in order.
      - Limits are entries such as V([u:PBS_GENERIC=2]), as text, as a list, or as a dictionary of V(u:PBS_GENERIC) to
        V(2).
      - V(null) unsets an attribute, which brings its default back. An empty text or list makes it empty, which is
        another thing where there is a default.
      - Attributes that are not named are left alone unless O(exact=true).
    type: dict
    default: {}
  exact:
    description:
      - Also unset every attribute that is set and not named.
      - Attributes that PBS or a MoM would set again by itself are left alone.
      - B(All that was set by hand and is not in the task is lost.)
    type: bool
    default: false
"""
