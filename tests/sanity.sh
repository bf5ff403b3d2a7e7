#!/bin/sh
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ansible-test insists on a checkout at .../ansible_collections/egee/box, and asks git which files
# count: give it a copy of what git tracks, outside of any repository.
set -eu
cd "$(dirname "$0")/.."

# Its environments are kept here between runs; pip comes from PyPI (see get_pip.py).
HOME=$PWD/.cache/home
export HOME
mkdir -p "$HOME/.ansible/test/cache"
cp tests/get_pip.py "$HOME/.ansible/test/cache/get_pip_24_2.py"

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
copy=$place/ansible_collections/egee/box
mkdir -p "$copy"
git ls-files -z | xargs -0 cp --no-dereference --parents --target-directory="$copy"
cd "$copy"
python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ansible-test sanity --venv --python "$python" --color no "$@"
