#!/bin/sh
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The collection must work where only its tarball was installed: build it, or take the one that is named, install it into an
# empty place, and ask the installed one for a plan.
set -eu
cd "$(dirname "$0")/.."
place=.cache/installed
rm -rf "$place"
mkdir -p "$place"
[ $# -gt 0 ] || ansible-galaxy collection build --force --output-path "$place" .
ansible-galaxy collection install --force --no-deps --collections-path "$place" "${1:-$(echo "$place"/egee-box-*.tar.gz)}"
ansible-galaxy collection verify --offline --collections-path "$place" egee.box
cp -r inventories/containers "$place/site"
cd "$place"
unset ANSIBLE_CONFIG
ANSIBLE_COLLECTIONS_PATH=$PWD ansible-playbook --inventory site egee.box.plan
# An inventory of links must have stayed whole on the way.
ANSIBLE_COLLECTIONS_PATH=$PWD ansible-playbook --inventory ansible_collections/egee/box/inventories/pps egee.box.plan
