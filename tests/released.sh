#!/bin/sh
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# What a user does with a release: an empty Python environment, Ansible, the tarball and what it asks for, and then the
# containers' story from the installed collection, on a site apart from any box of this machine.
#   tests/released.sh TARBALL
set -eu
cd "$(dirname "$0")/.."
tests/engine.sh
environment=$PWD/.cache/environment
apart=@$PWD/molecule/default/vars/apart.yml
rm -rf "$environment"
python3 -m venv "$environment"
# Of all tools Ansible alone, and what speaks with Docker.
grep -E '^(ansible|docker)>' tests/requirements.txt > "$environment/requirements.txt"
"$environment/bin/pip" install --quiet --requirement "$environment/requirements.txt"
PATH=$environment/bin:$PATH
export PATH
unset ANSIBLE_CONFIG ANSIBLE_HOME PYTHONPATH
tests/installed.sh "$1"
cd .cache/installed
pip install --quiet --requirement ansible_collections/egee/box/requirements.txt

export ANSIBLE_COLLECTIONS_PATH="$PWD" ANSIBLE_HOME="$PWD/home" EGEE_BOX_STATE="$PWD/state"
# All that a user is told to set.
export ANSIBLE_PIPELINING=true ANSIBLE_FORKS=12
play() {
  ansible-playbook --inventory site --extra-vars "$apart" "$@"
}
play egee.box.destroy --extra-vars destroy=EGEE-BOX
play egee.box.site
play egee.box.verify
play egee.box.destroy --extra-vars destroy=EGEE-BOX
