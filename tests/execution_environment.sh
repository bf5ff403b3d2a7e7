#!/bin/sh
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The execution environment as far as it can be made without a container engine: ansible-builder accepts the definition,
# the context holds a collection that installs, and once it is installed the builder finds all that it asks for.
set -eu
cd "$(dirname "$0")/.."
place=.cache/execution-environment
rm -rf "$place"
ansible-builder create --file meta/execution-environment.yml --context "$place"
cat meta/requirements.txt meta/bindep.txt | grep -v -e '^#' -e '^$' > "$place/wanted"

cd "$place/_build"
# Elsewhere, a collection counts as installed where Python or a configuration finds the checkout.
unset PYTHONPATH ANSIBLE_CONFIG
ANSIBLE_COLLECTIONS_PATH=$PWD/../collections
export ANSIBLE_COLLECTIONS_PATH
ansible-galaxy collection install --no-deps --requirements-file requirements.yml
python3 scripts/introspect.py introspect "$ANSIBLE_COLLECTIONS_PATH" > ../found
while read -r line; do
  grep -qF -e "'$line  # from collection egee.box'" ../found ||
    { echo "ansible-builder does not find '$line' in the installed collection:"; cat ../found; exit 1; }
done < ../wanted
