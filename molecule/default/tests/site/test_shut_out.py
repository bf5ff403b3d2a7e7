# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the services refuse, each by itself: proxies that are no good, the banned, and the revoked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from acting import ALICE, Submitter, User, wait_until
from testinfra.host import Host

At = Callable[[str], Host]
Play = Callable[..., Any]

# What a server itself answers the holder of a proxy: a status, or the alert that ends the handshake. Clients would not
# even ask with a proxy that they know to be useless. In TLS 1.3 the verdict on a client comes later, and may be lost.
ASK = """
import http.client, ssl, sys
proxy, host, port, path = sys.argv[1:]
context = ssl.create_default_context(capath="/etc/grid-security/certificates")
context.load_cert_chain(proxy)
context.maximum_version = ssl.TLSVersion.TLSv1_2
connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=60)
try:
    connection.request("GET", path, headers={"Accept": "application/json"})
    print(connection.getresponse().status)
except ssl.SSLError as error:
    print(error.reason)
"""
DOORS = {
    "VOMS": "voms.egee.test 15000 /generate-ac",
    "CE": "ce.egee.test 443 /arex/rest/1.0/jobs",
    "SE": "se.egee.test 8443 /voce/",
    "WMS": "wms.egee.test 7443 /jobs",
    "LB": "lb.egee.test 9003 /jobs",
}
MYPROXY = "X509_USER_PROXY={} myproxy-info -s myproxy.egee.test -l {}"
# Seconds until a ban holds at the latest, and a little more.
SOON = 120


class Bearer(User):
    """Somebody on the UI with proxies of different kinds: sound ones, and such as are not."""

    KINDS = {"sound": "", "expired": "-valid 0:0", "legacy": "-proxyver 2"}

    def __init__(self, ui: Host, name: str, vo: str) -> None:
        super().__init__(ui, name)
        for kind, options in self.KINDS.items():
            # The client ends with an error when it sees what it has made with no lifetime.
            self.attempt(f"voms-proxy-init -quiet -voms {vo} {options} -out {kind}.proxy")
            self(f"test -s {kind}.proxy")
        self(f"cat > ask.py <<'END'\n{ASK}\nEND")

    def knocks(self, door: str, kind: str = "sound") -> str:
        return self(f"python3 ask.py {kind}.proxy {DOORS[door]}")

    def is_refused(self, line: str, *reasons: str) -> bool:
        done = self.attempt(line)
        return done.rc != 0 and any(reason in done.stdout + done.stderr for reason in reasons)


@pytest.fixture(scope="module")
def alice(at: At) -> Bearer:
    return Bearer(at("ui"), "alice", "voce")


@pytest.mark.parametrize("door", DOORS)
def test_a_sound_proxy_is_let_in(alice: Bearer, door: str) -> None:
    assert alice.knocks(door) == "200"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("kind", "verdict"), [("expired", "CERTIFICATE_EXPIRED"), ("legacy", "UNKNOWN_CA")])
def test_a_proxy_that_is_no_good_is_not(alice: Bearer, door: str, kind: str, verdict: str) -> None:
    assert verdict in alice.knocks(door, kind)


@pytest.mark.parametrize("kind", ["expired", "legacy"])
def test_nor_at_myproxy(alice: Bearer, kind: str) -> None:
    assert "no credentials found" in alice.attempt(MYPROXY.format("sound.proxy", "nobody")).stderr
    assert alice.is_refused(MYPROXY.format(f"{kind}.proxy", "nobody"), "GSS Major Status")


def test_nor_at_the_se_over_root(alice: Bearer) -> None:
    alice("X509_USER_PROXY=sound.proxy xrdfs se.egee.test ls /voce")
    assert alice.is_refused("X509_USER_PROXY=expired.proxy xrdfs se.egee.test ls /voce", "Auth failed")


def test_bans_and_revocations_hold_everywhere_end_jobs_and_end(at: At, play: Play, alice: Bearer) -> None:
    bob = Bearer(at("ui"), "bob", "auger")
    store = "echo a-passphrase | myproxy-init -s myproxy.egee.test -l {} -S -c 1 -t 1"
    fetch = "echo a-passphrase | myproxy-logon -s myproxy.egee.test -l banned -S -o fetched.proxy"
    attributes = "voms-proxy-init -quiet -voms {} -out /tmp/unbanned.$(id -un)"
    root = "X509_USER_PROXY=sound.proxy xrdfs se.egee.test ls /{}"
    davs = "X509_USER_PROXY=sound.proxy gfal-ls davs://se.egee.test:8443/{}"
    alice(store.format("banned"))
    alice(fetch)
    bob(root.format("auger"))
    bob(davs.format("auger"))
    services = ("services.yml", "--tags", "grid_ca,grid_host,voms,myproxy,se,lb,ce,wms")
    with Submitter(at("ui"), "alice", "voce") as submitter:
        submitter.describe("banned", "sleep 3000")
        job = submitter.submit("banned")
        submitter.reaches(job, "running")
        try:
            play(*services, "--extra-vars", json.dumps({"site_banned_dns": [ALICE], "grid_ca_revoked": ["bob"]}))

            assert [alice.knocks(door) for door in ("CE", "WMS", "LB")] == ["403"] * 3
            assert alice.is_refused(attributes.format("voce"), "User unknown to this VO")
            assert alice.is_refused(fetch, "credential locked")
            assert alice.is_refused(store.format("more"), "Accepted credentials failure")
            assert alice.is_refused("egee-job submit /tmp/banned/job.toml", "banned here")

            assert bob.knocks("CE") == "403"
            assert all("CERTIFICATE_REVOKED" in bob.knocks(door) for door in ("WMS", "LB"))
            assert bob.is_refused(attributes.format("auger"), "User unknown to this VO")
            assert bob.is_refused(MYPROXY.format("sound.proxy", "nobody"), "GSS Major Status")

            for refused in (
                lambda: alice.is_refused(root.format("voce"), "permission denied"),
                lambda: alice.is_refused(davs.format("voce"), "403"),
                lambda: bob.is_refused(root.format("auger"), "permission denied"),
                lambda: bob.is_refused(davs.format("auger"), "403"),
            ):
                wait_until(refused, limit=SOON)
        finally:
            # Bob gets a new certificate.
            play(*services[:2], f"{services[2]},ui")
        ended = submitter.job(job)
        assert (ended["state"], "banned" in ended["reason"]) == ("aborted", True)
    alice(fetch)
    alice("myproxy-destroy -s myproxy.egee.test -l banned")
    for who, vo in ((alice, "voce"), (bob, "auger")):
        who(f"rm -f sound.proxy && voms-proxy-init -quiet -voms {vo} -out sound.proxy")
        assert (who.knocks("CE"), who.knocks("WMS")) == ("200", "200")
    for who, vo in ((alice, "voce"), (bob, "auger")):
        for line in (root.format(vo), davs.format(vo)):
            wait_until(lambda who=who, line=line: who.attempt(line).rc == 0, limit=SOON)
    # With all that she had.
    alice(attributes.format("voce:/voce/Role=SoftwareManager"))
