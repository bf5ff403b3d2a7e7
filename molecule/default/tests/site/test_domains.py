# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every domain is, whatever it serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host

At = Callable[[str], Host]


def test_no_unit_has_failed(domain: Host) -> None:
    state = domain.run("systemctl is-system-running")
    failed = domain.run("systemctl --failed --plain --no-legend; journalctl -n 40 --no-pager").stdout
    assert state.stdout.strip() == "running", failed


def test_it_goes_by_its_name(domain: Host, name: str) -> None:
    assert domain.check_output("hostname -f") == name


def test_it_has_its_addresses(domain: Host, name: str, site: Any) -> None:
    wanted = site.domains[name]
    assert f" {wanted['address']}/{wanted['prefix']} " in domain.check_output("ip -4 address show dev eth0")
    assert f" {wanted['address6']}/{wanted['prefix6']} " in domain.check_output("ip -6 address show dev eth0")


def test_it_knows_all_others(domain: Host, site: Any) -> None:
    for other, planned in site.domains.items():
        assert domain.check_output("getent ahostsv4 %s", other).split()[0] == planned["address"]


def test_it_is_of_its_release(domain: Host, name: str, site: Any) -> None:
    assert domain.system_info.codename == site.domains[name]["release"]


def test_two_releases_are_in_use(site: Any) -> None:
    assert len({domain["release"] for domain in site.domains.values()}) > 1


def test_ssh_answers(domain: Host) -> None:
    assert domain.socket("tcp://0.0.0.0:22").is_listening


def test_its_ssh_keys_are_its_own(site: Any, at: At) -> None:
    key = "/etc/ssh/ssh_host_ed25519_key.pub"
    keys = {at(planned["short"]).file(key).content_string for planned in site.domains.values()}
    assert len(keys) == len(site.domains)


def test_scratch_is_a_volume_where_asked_for(domain: Host, name: str, site: Any) -> None:
    planned = any(disk["name"] == "scratch" for disk in site.domains[name]["disks"])
    assert domain.mount_point("/scratch").exists is planned


def test_its_host_certificate_is_trusted(domain: Host) -> None:
    grid = "/etc/grid-security"
    domain.check_output(f"openssl verify -CApath {grid}/certificates -purpose sslserver {grid}/hostcert.pem")
    assert domain.file(f"{grid}/hostkey.pem").mode == 0o400


def test_it_has_a_firewall(domain: Host) -> None:
    assert domain.service("nftables").is_running


def test_its_logs_are_rotated(domain: Host) -> None:
    assert domain.service("logrotate.timer").is_running
    rules = domain.run("logrotate --debug /etc/logrotate.conf")
    assert rules.rc == 0, rules.stderr[-2000:]
