# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hook of OpenPBS: tells the LB of jobs that start and end, as the server and as the worker nodes see it."""

import subprocess

import pbs

TELLERS = {
    pbs.RUNJOB: ("batch", "Started"),
    pbs.JOBOBIT: ("batch", "Ended"),
    pbs.EXECJOB_PROLOGUE: ("wn", "Started"),
    pbs.EXECJOB_EPILOGUE: ("wn", "Ended"),
}


def tell(event):
    source, kind = TELLERS[event.type]
    job = event.job
    told = [
        f"batch_job={job.id}",
        f"account={str(job.Job_Owner).partition('@')[0]}",
        f"queue={job.queue}",
        f"nodes={job.exec_host or job.exec_vnode or ''}",
    ]
    if kind == "Ended":
        told.append(f"exit_code={'' if job.Exit_status is None else job.Exit_status}")
    subprocess.run(["/usr/local/libexec/egee-lb-event", source, kind, *told], check=False, timeout=10)


try:
    tell(pbs.event())
except Exception as error:  # whatever it is, no job waits for the LB
    pbs.logmsg(pbs.LOG_WARNING, f"egee-lb: the LB is not told: {error}")
