# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the storage element and the MyProxy server do when something is wrong. The rest is the stories' to tell."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.backend.base import CommandResult
from testinfra.host import Host

At = Callable[[str], Host]
Play = Callable[..., Any]

ALICE = "/DC=test/DC=egee/O=Users/CN=Alice Novak"
FULL = "/scratch/se/voce/full"
# What a ban takes to hold at the latest, and a little more.
PATIENCE = 90


class Alice:
    """Alice on the UI, with a proxy of voce."""

    def __init__(self, ui: Host) -> None:
        self.ui = ui
        assert self("voms-proxy-init -quiet -voms voce").rc == 0
        assert self("head -c 5000000 /dev/urandom > big && head -c 1000 big > small").rc == 0

    def __call__(self, line: str) -> CommandResult:
        return self.ui.run("runuser --login alice --command %s", line)


@pytest.fixture
def alice(at: At) -> Alice:
    return Alice(at("ui"))


@pytest.fixture
def full(at: At) -> Iterator[str]:
    """A directory of voce on a disk that has room for no more than a megabyte."""
    se = at("se")
    se.check_output("install --directory --owner xrootd --group xrootd %s", FULL)
    se.check_output("mount -t tmpfs -o size=1m,uid=$(id -u xrootd),gid=$(id -g xrootd) se-full %s", FULL)
    # The server sees what was mounted when it started.
    se.check_output("systemctl restart xrootd@se")
    wait_for(lambda: se.socket("tcp://0.0.0.0:8443").is_listening or se.socket("tcp://:::8443").is_listening)
    yield FULL.removeprefix("/scratch/se/")
    se.check_output("systemctl stop xrootd@se")
    se.check_output("umount %s && rmdir %s", FULL, FULL)
    se.check_output("systemctl start xrootd@se")


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(2)


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        pytest.param("xrdcp -s big root://se.egee.test//{}/half", "no space left on device", id="root"),
        pytest.param("gfal-copy big davs://se.egee.test:8443/{}/half", "Copy failed", id="davs"),
        pytest.param("xrdcp -s -f big root://se.egee.test//{}/old", "no space left on device", id="over an old one"),
    ],
)
def test_a_full_disk_is_an_error_and_leaves_no_half_file(
    at: At, alice: Alice, full: str, store: str, reason: str
) -> None:
    assert alice(f"xrdcp -s small root://se.egee.test//{full}/old").rc == 0
    answer = alice(store.format(full))
    assert answer.rc != 0
    assert reason in answer.stderr + answer.stdout
    left = at("se").check_output("find %s -type f -size +1k", FULL)
    assert left == ""


def test_nobody_gets_in_without_tls(at: At) -> None:
    plain = at("ui").run("curl --silent --fail --max-time 20 http://se.egee.test:8443/voce/")
    assert plain.rc != 0


def test_a_ban_holds_at_both_and_ends(alice: Alice, play: Play) -> None:
    read = "xrdfs se.egee.test ls /voce"
    listed = "gfal-ls davs://se.egee.test:8443/voce"
    fetch = "echo a-passphrase | myproxy-logon -s myproxy.egee.test -l banned -S -o /tmp/fetched"
    store = "echo a-passphrase | myproxy-init -s myproxy.egee.test -l {} -S -c 1 -t 1"
    services = ("services.yml", "--tags", "myproxy,se")
    assert alice(read).rc == alice(listed).rc == alice(store.format("banned")).rc == alice(fetch).rc == 0
    try:
        play(*services, "--extra-vars", json.dumps({"site_banned_dns": [ALICE]}))
        assert "credential locked" in alice(fetch).stderr
        assert "Accepted credentials failure" in alice(store.format("more")).stderr
        wait_for(lambda: alice(read).rc != 0 and alice(listed).rc != 0)
    finally:
        play(*services)
    wait_for(lambda: alice(read).rc == 0 and alice(listed).rc == 0)
    assert alice(fetch).rc == 0
    assert alice("myproxy-destroy -s myproxy.egee.test -l banned").rc == 0
