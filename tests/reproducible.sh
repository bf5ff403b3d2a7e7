#!/bin/sh
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# What is released must come out the same wherever and whenever it is built: make a release of the last commit, build it
# once more from the commit that this release left, as somebody else would elsewhere, and compare.
set -eu
cd "$(dirname "$0")/.."
place=$PWD/.cache/reproducible
tools/build.sh "$place/first" 99.0.0
(
  umask 077
  TZ=Pacific/Auckland "$place/first/source/ansible_collections/egee/box/tools/build.sh" "$place/second"
)
cat "$place/first/SHA256SUMS"
cmp "$place/first/SHA256SUMS" "$place/second/SHA256SUMS"
