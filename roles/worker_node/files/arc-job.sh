# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# A-REX's job scripts, which are login shells, move a job's files by the pattern `dir/.*` and leave out `.` and `..`
# themselves. Since bash 5.2 the pattern does not match those two: where there are no other hidden files it is left as it
# stands, and the job fails. In jobs it matches as it always did.
if [ -n "${BASH_VERSION-}" ] && [ -n "${SLURM_JOB_ID-}${PBS_JOBID-}" ]; then
    shopt -u globskipdots 2>/dev/null || :
fi
