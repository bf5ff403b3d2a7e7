# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the storage element and the MyProxy server do when something is wrong. The rest is the stories' to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from acting import User, wait_until
from testinfra.host import Host

At = Callable[[str], Host]

FULL = "/scratch/se/voce/full"
# Seconds that a server may take to start.
wait_for = partial(wait_until, limit=90)


@pytest.fixture
def alice(at: At) -> User:
    """With a proxy of voce, a file that is too big for a full disk, and one that is not."""
    alice = User(at("ui"), "alice")
    alice("voms-proxy-init -quiet -voms voce")
    alice("head -c 5000000 /dev/urandom > big && head -c 1000 big > small")
    return alice


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


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        pytest.param("xrdcp -s big root://se.egee.test//{}/half", "no space left on device", id="root"),
        pytest.param("gfal-copy big davs://se.egee.test:8443/{}/half", "Copy failed", id="davs"),
        pytest.param("xrdcp -s -f big root://se.egee.test//{}/old", "no space left on device", id="over an old one"),
    ],
)
def test_a_full_disk_is_an_error_and_leaves_no_half_file(
    at: At, alice: User, full: str, store: str, reason: str
) -> None:
    alice(f"xrdcp -s small root://se.egee.test//{full}/old")
    answer = alice.attempt(store.format(full))
    assert answer.rc != 0
    assert reason in answer.stderr + answer.stdout
    left = at("se").check_output("find %s -type f -size +1k", FULL)
    assert left == ""


def test_nobody_gets_in_without_tls(at: At) -> None:
    plain = at("ui").run("curl --silent --fail --max-time 20 http://se.egee.test:8443/voce/")
    assert plain.rc != 0
