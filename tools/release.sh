#!/bin/sh
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes what is released of the last commit, tries it, and leaves it in dist/: see tools/build.sh.
#   tools/release.sh [VERSION]
# With a version it also adds the commit that releases it, when all has passed: the version, and its changes in the changelog.
set -eu
cd "$(dirname "$0")/.."
place=.cache/release
if [ -n "$(git status --porcelain)" ]; then
  echo "A release is made of commits, and these changes are in none; commit them, or put them aside:" >&2
  git status --short >&2
  exit 1
fi
tools/build.sh "$place" "${1:-}"
tests/released.sh "$(echo "$place"/egee-box-*.tar.gz)"
rm -rf dist
mkdir dist
cp "$place"/egee-box-* "$place"/SHA256SUMS dist
if [ $# -gt 0 ] && [ -n "$1" ]; then
  git pull --quiet --ff-only "$place/source/ansible_collections/egee/box" HEAD
  echo "The last commit is the release of $1. To publish it: git tag v$1, push both, and upload what is in dist/."
fi
cat dist/SHA256SUMS
