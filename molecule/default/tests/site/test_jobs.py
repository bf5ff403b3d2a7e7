# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the WMS and the LB do when something is wrong, or somebody. The rest is the stories' to tell."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from acting import ALICE, Submitter, wait_until
from testinfra.host import Host

At = Callable[[str], Host]

WMS = "/DC=test/DC=egee/CN=wms.egee.test"
# Seconds until a job must have got somewhere: on a busy machine.
wait_for = partial(wait_until, limit=600)


@pytest.fixture
def alice(at: At) -> Iterator[Submitter]:
    with Submitter(at("ui"), "alice", "voce") as alice:
        yield alice


def ask(lb: Host, query: str) -> str:
    return str(lb.check_output("runuser -u postgres -- psql --no-psqlrc -At egee_lb -c %s", query))


def test_the_broker_offers_what_the_top_bdii_tells(at: At) -> None:
    ask_offers = "condor_status -af Name GlueCEVOs"
    wait_for(lambda: "ce.egee.test/egee auger,voce" in at("wms").check_output(ask_offers).splitlines())


def test_htcondor_and_the_database_hear_nobody_from_outside(at: At) -> None:
    for host, port in (("wms.egee.test", 9618), ("lb.egee.test", 5432)):
        assert at("ui").run("timeout 10 bash -c '</dev/tcp/%s/%s'", host, str(port)).rc != 0


@pytest.mark.parametrize("server", ["wms.egee.test:7443", "lb.egee.test:9003"])
def test_nobody_is_heard_without_a_certificate(at: At, server: str) -> None:
    capath = "/etc/grid-security/certificates"
    assert at("ui").run("curl --silent --max-time 20 --capath %s https://%s/jobs", capath, server).rc != 0


def test_no_event_is_lost_or_told_twice_while_the_lb_is_down(at: At, alice: Submitter) -> None:
    alice.describe("outage", "sleep 5")
    lb = at("lb")
    lb.check_output("systemctl stop syslog.socket rsyslog postgresql")
    try:
        job = alice.submit("outage")
        alice.reaches(job, "done")
        # Nor does it matter that a sender goes away meanwhile.
        at("ce").check_output("systemctl restart rsyslog")
    finally:
        lb.check_output("systemctl start postgresql rsyslog")
    whole = [("wms", kind) for kind in ("Accepted", "Matched", "Transferred", "Running", "Done")]
    whole += [("ce", "Received"), ("ce", "Queued"), ("ce", "Ended"), ("wn", "Started"), ("wn", "Ended")]
    wait_for(lambda: set(whole) <= set(alice.told(job)), lambda: str(alice.told(job)))
    told = alice.told(job)
    assert [one for one in whole if told.count(one) != 1] == []


def test_a_host_speaks_for_nobody_else(at: At) -> None:
    at("wn").check_output("/usr/local/libexec/egee-lb-event wms Accepted job=forged %s", f"owner={ALICE}")
    wait_for(lambda: "wn.egee.test does not speak for wms" in ask(at("lb"), "SELECT why FROM refused"))
    assert ask(at("lb"), "SELECT count(*) FROM event WHERE job = 'forged'") == "0"


def test_old_jobs_are_forgotten_and_others_are_not(at: At) -> None:
    columns = "(id, at, host, source, type, job, data)"
    row = "(gen_random_uuid(), now() - interval '{}', 'h', 'wms', 'Done', '{}', '{{}}')"
    for age, job in (("91 days", "old"), ("89 days", "recent")):
        ask(at("lb"), f"INSERT INTO event {columns} VALUES {row.format(age, job)}")
    at("lb").check_output("systemctl start egee-lb-purge.service")
    assert ask(at("lb"), "DELETE FROM event WHERE host = 'h' RETURNING job").splitlines()[0] == "recent"


def test_a_proxy_is_renewed_although_myproxy_and_voms_are_down_at_first(at: At, alice: Submitter) -> None:
    alice(f"myproxy-init -s myproxy.egee.test -d -n -x -R {WMS} -k jobs -c 24 -t 12")

    def bring(what: str) -> None:
        at("myproxy").check_output("systemctl %s myproxy-server", what)
        at("voms").check_output("systemctl %s --all 'voms@*'", what)

    try:
        # It ends with success as soon as its proxy lasts longer than the one it was sent with.
        longer = 'openssl x509 -in "$X509_USER_PROXY" -noout -checkend 10800'
        alice.describe(
            "renewal",
            f"for _ in $(seq 200); do {longer} && exit 0; sleep 3; done\nexit 1",
            'renewal = "jobs"',
        )
        # Two minutes longer than the WMS leaves a proxy alone, so that the job runs when it is renewed.
        alice("voms-proxy-init -quiet -voms voce -valid 2:02")
        job = alice.submit("renewal")
        alice("voms-proxy-init -quiet -voms voce")
        bring("stop")
        wait_for(lambda: ("wms", "RenewalFailed") in alice.told(job))
        assert alice.job(job)["state"] not in ("done", "aborted")
        bring("start")
        assert alice.reaches(job, "done", "aborted")["exit_code"] == 0
        wait_for(lambda: {("wms", "Renewed"), ("wms", "Delegated")} <= set(alice.told(job)))
    finally:
        bring("start")
        alice("myproxy-destroy -s myproxy.egee.test -d -k jobs")


def test_a_job_whose_worker_node_loses_its_power_is_tried_again(at: At, alice: Submitter, site: Any) -> None:
    alice.describe("survivor", "sleep 300")
    job = alice.submit("survivor")
    # The WMS says so when the batch system has it, which may let it wait.
    wait_for(lambda: ("wn", "Started") in alice.told(job))
    name = f"molecule-{site.named('wn')}"
    subprocess.run(["docker", "kill", name], check=True, capture_output=True)
    subprocess.run(["docker", "start", name], check=True, capture_output=True)
    wait_for(lambda: ("wms", "Resubmitted") in alice.told(job), lambda: str(alice.told(job)))
    assert "Node fail" in alice.job(job)["reason"]
