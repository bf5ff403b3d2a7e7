#!/usr/bin/env bash
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The default scenario in containers, and beside it the slice on real Xen, whose emulated machine is one
# thread. Ends with what failed, for a log of CI is often kept from its end only.
set -uo pipefail
mkdir -p .cache

show_failure() {
  echo "What failed in $1:"
  # Tests name themselves; a task's answer follows the word fatal.
  grep -E -A 40 '(fatal|failed): \[|Traceback|FAILED [a-z]' ".cache/$1.log" | cut -c 1-400 | tail -n 100
}

make molecule-xen >.cache/molecule-xen.log 2>&1 &
slice=$!
trap 'kill "$slice"' INT TERM
make molecule 2>&1 | tee .cache/molecule.log
containers=$?
wait "$slice"
xen=$?
echo "The slice on Xen, which ran beside:"
cat .cache/molecule-xen.log
[ "$xen" -eq 0 ] || show_failure molecule-xen
[ "$containers" -eq 0 ] || show_failure molecule
exit $((containers | xen))
