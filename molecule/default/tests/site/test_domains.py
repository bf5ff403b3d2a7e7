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


def test_it_has_its_addresses(domain: Host, name: str, inventory: Any) -> None:
    wanted = inventory.hosts[name]
    assert f" {wanted['domain_address']} " in domain.check_output("ip -4 address show dev eth0")
    assert f" {wanted['domain_address6']} " in domain.check_output("ip -6 address show dev eth0")


def test_it_knows_all_others(domain: Host, inventory: Any) -> None:
    for other in inventory.domains:
        address = inventory.hosts[other]["domain_address"].split("/")[0]
        assert domain.check_output("getent ahostsv4 %s", other).split()[0] == address


def test_it_is_of_its_release(domain: Host, name: str, inventory: Any) -> None:
    assert domain.system_info.codename == inventory.hosts[name]["domain_release"]


def test_two_releases_are_in_use(inventory: Any) -> None:
    assert len({inventory.hosts[name]["domain_release"] for name in inventory.domains}) > 1


def test_ssh_answers(domain: Host) -> None:
    assert domain.socket("tcp://0.0.0.0:22").is_listening


def test_its_ssh_keys_are_its_own(inventory: Any, at: At) -> None:
    key = "/etc/ssh/ssh_host_ed25519_key.pub"
    keys = {at(name.split(".")[0]).file(key).content_string for name in inventory.domains}
    assert len(keys) == len(inventory.domains)


def test_scratch_is_a_volume_where_asked_for(domain: Host, name: str, inventory: Any) -> None:
    assert domain.mount_point("/scratch").exists is ("domain_scratch_size" in inventory.hosts[name])


def test_its_host_certificate_is_trusted(domain: Host) -> None:
    grid = "/etc/grid-security"
    domain.check_output(f"openssl verify -CApath {grid}/certificates -purpose sslserver {grid}/hostcert.pem")
    assert domain.file(f"{grid}/hostkey.pem").mode == 0o400


def test_it_has_a_firewall(domain: Host) -> None:
    assert domain.service("nftables").is_running
