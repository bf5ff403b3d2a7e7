# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPBS, on each host of a job: the machine is asked before the job begins, and told when it has ended.

Speaks the protocol of the agent's socket. A host without an agent is no VM of a shared machine, and takes what comes.
Runs in PBS's own Python.
"""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pbs

SOCKET = "/run/magrathea/agent.socket"


def ask(**message):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(110)
        connection.connect(SOCKET)
        connection.sendall(json.dumps({"v": 1, "id": 1, **message}).encode() + b"\n")
        return json.loads(connection.makefile("rb").readline() or b'{"ok": false, "text": "the agent went away"}')


def cpus_here(job):
    """The CPUs that the job gets on this host: (host:ncpus=2:...)+(...)."""
    here = pbs.get_local_nodename().partition(".")[0]
    cpus = 0
    for chunk in re.findall(r"\(([^)]*)\)", str(job.exec_vnode)):
        for part in chunk.split("+"):
            if part.partition(":")[0].partition(".")[0].partition("[")[0] == here:
                cpus += sum(int(number) for number in re.findall(r"\bncpus=(\d+)", part))
    return max(cpus, 1)


event = pbs.event()
if Path(SOCKET).exists():
    if event.type == pbs.EXECJOB_BEGIN:
        words = re.findall(r"mag_accept=(\w+)", str(event.job.schedselect))
        kind = "preemptible" if words and words[0] == "preemptible" else "normal"
        try:
            reply = ask(op="start", job=event.job.id, kind=kind, cpus=cpus_here(event.job))
        except OSError as error:
            reply = {"ok": False, "text": f"agent: {error}"}
        if not reply["ok"]:
            # Rejected: PBS puts the job back into its queue.
            event.reject(f"magrathea: {reply.get('text', 'refused')}")
    elif event.type == pbs.EXECHOST_PERIODIC:
        ask(op="list", jobs=list(event.job_list.keys()))
    else:
        ask(op="stop", job=event.job.id)
event.accept()
