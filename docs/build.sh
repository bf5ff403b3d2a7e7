#!/bin/sh
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The site is made of the collection as it installs from its tarball, so that links are what they are in the repository. The
# reference is generated beside the pages written here. Any warning ends it.
set -eu
cd "$(dirname "$0")/.."
place=$PWD/.cache/docs
rm -rf "$place"
mkdir -p "$place"

ANSIBLE_COLLECTIONS_PATH=$place/collections
export ANSIBLE_COLLECTIONS_PATH
ansible-galaxy collection build --output-path "$place" .
ansible-galaxy collection install --force --no-deps --collections-path "$place/collections" "$place"/egee-box-*.tar.gz
box=$place/collections/ansible_collections/egee/box

mkdir "$box/docs/reference"
antsibull-docs collection --use-current --squash-hierarchy --fail-on-error --dest-dir "$box/docs/reference" egee.box
python docs/states.py > "$box/docs/magrathea/allowed.md"

sphinx-build --fail-on-warning --keep-going --quiet --conf-dir "$box/docs" "$box" "$place/html"
echo '<!DOCTYPE html><title>egee.box</title><meta http-equiv="refresh" content="0; url=docs/index.html">' > "$place/html/index.html"
echo "The site is in $place/html/index.html"
