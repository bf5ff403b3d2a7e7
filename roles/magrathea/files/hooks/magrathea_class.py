# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPBS, on the server: every job asks for the class that it is of, whatever its owner wrote.

A job that may stop others comes from a priority queue; one that may be stopped runs on one host; the rest is normal,
as is whatever asks not to be stopped with the project attribute "normal". Runs in PBS's own Python.
"""

from __future__ import annotations

import json
from pathlib import Path

import pbs

CONFIG = json.loads(Path(pbs.hook_config_filename).read_text())


def chunks_of(job):
    select = job.Resource_List["select"]
    if select is None:
        # What was asked for in the old way: one chunk of it.
        ncpus = job.Resource_List["ncpus"]
        return [f"1:ncpus={int(ncpus) if ncpus is not None else 1}"]
    return str(select).split("+")


def class_of(job, queue, chunks):
    if queue in CONFIG["priority"]:
        return "priority"
    count = sum(int(head) if (head := chunk.partition(":")[0]).isdigit() else 1 for chunk in chunks)
    interactive = bool(job.interactive)
    return "normal" if count > 1 or interactive or str(job.project) == "normal" else "preemptible"


event = pbs.event()
job = event.job
queue = event.src_queue if event.type == pbs.MOVEJOB and job.queue is None else job.queue
name = str(queue.name) if queue else str(pbs.server().default_queue)
# A change that leaves alone what is asked for needs no word.
if event.type != pbs.MODIFYJOB or job.Resource_List["select"] is not None:
    chunks = chunks_of(job)
    kind = class_of(job, name, chunks)
    clean = [":".join(p for p in chunk.split(":") if not p.startswith("mag_accept=")) for chunk in chunks]
    job.Resource_List["select"] = pbs.select("+".join(f"{chunk}:mag_accept={kind}" for chunk in clean))
event.accept()
