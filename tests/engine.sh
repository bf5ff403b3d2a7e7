#!/bin/sh
# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Where no init system does it (a container, a sandbox), start the Docker engine by hand. On a machine with
# systemd this does nothing: there the role docker_machine installs and starts it.
set -eu
[ ! -d /run/systemd/system ] || exit 0
if ! command -v dockerd >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends docker.io iptables
fi
docker info >/dev/null 2>&1 && exit 0
# One that was killed leaves its number behind, which may be somebody else's by now.
pgrep -x dockerd >/dev/null || rm -f /var/run/docker.pid /var/run/docker/containerd/containerd.pid
mkdir -p .cache
setsid nohup dockerd >.cache/dockerd.log 2>&1 </dev/null &
for _ in $(seq 60); do
  docker info >/dev/null 2>&1 && exit 0
  sleep 1
done
echo "dockerd does not answer after 60 s; read .cache/dockerd.log" >&2
exit 1
