#!/bin/sh
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ansible-test insists on a checkout at .../ansible_collections/egee/box: give it a copy of what git tracks.
set -eu
cd "$(dirname "$0")/.."
copy=.cache/sanity/ansible_collections/egee/box
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z | xargs -0 cp --parents --target-directory="$copy"
cd "$copy"
exec ansible-test sanity --venv --color no "$@"
