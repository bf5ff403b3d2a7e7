#!/bin/sh
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds what is released of the last commit into a directory: the tarball, its bill of materials and their checksums.
#   tools/build.sh DIRECTORY [VERSION]
# Everything bears the date of that commit, so that whoever builds it again gets the same bytes. Changes whose fragments are
# not folded into the changelog yet are folded in a clone. With a version the clone is given a commit with it, of the same
# date again: built of that commit, the bytes are the same too.
set -eu
cd "$(dirname "$0")/.."
place=$(realpath -m "$1")
version=${2:-}
case $version in
  "" | [0-9]*.[0-9]*.[0-9]*) ;;
  *) echo "The version '$version' is none; give one like 1.2.3" >&2; exit 1 ;;
esac

# A collection's tools want it at such a path.
clone=$place/source/ansible_collections/egee/box
rm -rf "$place"
mkdir -p "$place"
git clone --quiet . "$clone"
who="$(git log -1 --format='%an <%ae>')"
cd "$clone"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

[ -z "$version" ] || sed -i "s/^version: .*/version: $version/" galaxy.yml
built=$(sed -n 's/^version: //p' galaxy.yml)
if ! grep -q "^  $built:" changelogs/changelog.yaml; then
  antsibull-changelog release --version "$built" --date "$(date --utc --date "@$SOURCE_DATE_EPOCH" +%F)"
elif [ -n "$version" ]; then
  echo "Version $version is in changelogs/changelog.yaml already; a release needs a number of its own" >&2
  exit 1
fi
if [ -n "$version" ]; then
  git add --all
  GIT_COMMITTER_DATE="@$SOURCE_DATE_EPOCH" git -c user.name="${who% <*}" -c user.email="$(expr "$who" : '.*<\(.*\)>')" \
    commit --quiet --date "@$SOURCE_DATE_EPOCH" --message "Release $version"
fi

tarball=egee-box-$built.tar.gz
ansible-galaxy collection build --output-path "$place" .
python3 tools/reproducible.py "$place/$tarball"
python3 tools/bill_of_materials.py "$place/$tarball" > "$place/egee-box-$built.cdx.json"
cd "$place"
sha256sum egee-box-* > SHA256SUMS
