# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the batch system does with jobs: whose it takes, where they run, what they may use, and what they survive."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from acting import User, wait_until
from testinfra.backend.base import CommandResult
from testinfra.host import Host

At = Callable[[str], Host]

CE = "https://ce.egee.test:443/arex"
SESSIONS = "/var/spool/arc/sessions/ce.egee.test"
# Seconds until a job of a few must have ended, with its output back on the CE.
wait_for = partial(wait_until, limit=180)

DESCRIPTION = """&(executable="job.sh")(inputFiles=("job.sh" ""))(stdOut="out")(stdErr="err")"""


class GridJob:
    """A job that somebody on the UI sends to the CE."""

    def __init__(self, user: User, vo: str, script: str) -> None:
        self.user = user
        place = user("mktemp --directory")
        user(f"voms-proxy-init -quiet -voms {vo}")
        for name, content in (("job.sh", script), ("job.xrsl", DESCRIPTION)):
            user(f"cat > {place}/{name} <<'END'\n{content}\nEND")
        said = user(f"cd {place} && arcsub -C {CE} -T arcrest -Q NONE job.xrsl")
        self.url = said.rpartition("jobid: ")[2]

    def state(self) -> str:
        lines = self.user.attempt(f"arcstat {self.url}").stdout.splitlines()
        return next((line.split()[1] for line in lines if line.startswith(" State:")), "")

    def output(self) -> str:
        wait_for(lambda: self.state() in ("Finished", "Failed", "Killed"))
        place = self.user("mktemp --directory")
        self.user(f"arcget --dir {place} {self.url}")
        return self.user(f"cat {place}/*/out {place}/*/err")


class Local(User):
    """A local user of the batch system."""

    def submit(self, command: str, *options: str) -> CommandResult:
        return self.attempt(" ".join(["cd /tmp && sbatch --parsable", *options, f"--wrap '{command}'"]))

    def end(self, job: str) -> tuple[str, str]:
        """The state that a job ended in, and its exit code."""

        def ended() -> list[str]:
            said = self.host.run("sacct --noheader --parsable2 --allocations --jobs %s --format State,ExitCode", job)
            words = str(said.stdout).strip().split("|")
            return [] if words[0] in ("", "PENDING", "RUNNING", "COMPLETING") else words

        state, code = wait_for(ended)
        return state, code


@pytest.fixture
def local(at: At) -> Local:
    return Local(at("batch"), "jan")


def test_jobs_of_two_vos_run_under_their_own_accounts_and_see_nothing_of_each_other(at: At) -> None:
    script = f"""
        echo "account $(id -un) $(id -gn) queue $SLURM_JOB_PARTITION host $(hostname -f)"
        for account in voce001 auger001; do ls {SESSIONS}/$account > /dev/null 2>&1 && echo "sees $account"; done
        squeue --noheader --format %u | sort -u
        sleep 5
    """
    jobs = {vo: GridJob(User(at("ui"), name), vo, script) for name, vo in (("alice", "voce"), ("bob", "auger"))}
    for vo, job in jobs.items():
        account = f"{vo}001"
        seen = job.output().splitlines()
        assert seen == [f"account {account} {vo} queue egee host wn.egee.test", f"sees {account}", account]
    assert "Number of Jobs:" in at("ce").check_output("arcctl accounting stats")


def test_a_cancelled_job_ends_in_the_batch_system(at: At, local: Local) -> None:
    job = GridJob(User(at("ui"), "alice"), "voce", "sleep 600")
    running = "squeue --noheader --user voce001 --states RUNNING --format %i"
    number = wait_for(lambda: at("batch").check_output(running))
    job.user(f"arckill {job.url}")
    assert local.end(number)[0].startswith("CANCELLED")


def test_a_running_job_survives_a_restart_of_everything_that_serves_it(at: At) -> None:
    job = GridJob(User(at("ui"), "bob"), "auger", "echo begun; sleep 45; echo ended")
    # The CE has to know that it runs: one that is restarted while it hands a job over lets it fail.
    wait_for(lambda: job.state() == "Running")
    at("ce").check_output("systemctl restart munge session-share arc-arex arc-arex-ws")
    at("batch").check_output("systemctl restart munge mariadb slurmdbd slurmctld")
    at("wn").check_output("systemctl restart munge slurmd")
    assert job.output().split() == ["begun", "ended"]


@pytest.mark.parametrize(("user", "queue"), [("jan", "egee"), ("voce001", "local"), ("auger001", "local")])
def test_a_queue_refuses_who_is_not_of_it(at: At, user: str, queue: str) -> None:
    refused = Local(at("batch"), user).submit("true", f"--partition {queue}")
    assert refused.rc != 0
    assert "User's group not permitted to use this partition" in refused.stderr


def test_a_vo_cannot_bill_another(at: At) -> None:
    refused = Local(at("batch"), "voce001").submit("true", "--partition egee --account auger")
    assert refused.rc != 0
    assert "Invalid account" in refused.stderr


def test_a_local_job_runs_in_its_own_queue(local: Local, at: At) -> None:
    job = local.submit("id -un", "--output /tmp/local.out")
    assert local.end(job.stdout.strip()) == ("COMPLETED", "0:0")
    assert at("wn").file("/tmp/local.out").content_string == "jan\n"


def test_a_job_that_takes_more_memory_than_it_asked_for_is_ended(local: Local) -> None:
    eat = 'exec python3 -c "import time; x = bytearray(120 << 20); time.sleep(120)"'
    state, code = local.end(local.submit(eat, "--mem 40").stdout.strip())
    assert (state, code) != ("COMPLETED", "0:0")
    assert state in ("FAILED", "OUT_OF_MEMORY")


def test_shares_are_those_of_the_vos(at: At) -> None:
    told = at("batch").check_output("sacctmgr --noheader --parsable2 list association format=account,user,share")
    rows = [line.split("|") for line in told.splitlines()]
    assert {name: share for name, user, share in rows if not user} == {
        "root": "1",
        "voce": "3",
        "auger": "2",
        "local": "1",
    }
    assert {name for name, user, _share in rows if user == "voce001"} == {"voce"}


def test_who_has_another_key_is_refused(at: At) -> None:
    refused = at("ce").run(
        "d=$(mktemp -d) && head -c 64 /dev/urandom > $d/key && chmod 600 $d/key && "
        "chown -R munge $d && chmod 755 $d && "
        "runuser -u munge -- munged --key-file=$d/key --socket=$d/s --pid-file=$d/p --log-file=$d/l "
        "--seed-file=$d/r && "
        'sed "s|^AuthType=.*|&\\nAuthInfo=socket=$d/s|" /etc/slurm/slurm.conf > $d/conf && '
        "{ SLURM_CONF=$d/conf timeout 60 sinfo; echo rc $?; kill $(cat $d/p); }"
    )
    assert "authentication error" in refused.stderr
    assert "rc 0" not in refused.stdout


def test_secrets_are_closed_and_the_database_has_no_network(at: At) -> None:
    for host in ("batch", "wn", "ce"):
        key = at(host).file("/etc/munge/munge.key")
        assert (key.user, key.mode) == ("munge", 0o400)
    assert not at("batch").socket("tcp://3306").is_listening
    assert at("wn").file("/etc/session-share/key").mode == 0o400


def test_session_directories_are_no_way_into_the_ce(at: At) -> None:
    options = "-p 2022 -i /etc/session-share/key -o UserKnownHostsFile=/etc/session-share/known_hosts -o BatchMode=yes"
    assert at("wn").run(f"ssh {options} root@ce.egee.test true").rc != 0
    # A command is not run: the account is given sftp, which waits for its input.
    assert "uid=" not in at("wn").run(f"timeout 10 ssh {options} voce001@ce.egee.test id < /dev/null").stdout
    # The key is good from the worker node's own address only.
    key = at("wn").file("/etc/session-share/key").content_string
    lent = at("ui").run(
        "umask 077 && k=$(mktemp) && printf %s %s > $k && ssh -p 2022 -i $k -o StrictHostKeyChecking=accept-new "
        "-o UserKnownHostsFile=/dev/null -o BatchMode=yes voce001@ce.egee.test true; r=$?; rm -f $k; exit $r",
        "%s",
        key,
    )
    assert lent.rc == 255
    assert "Permission denied" in lent.stderr


def test_a_worker_node_serves_again_after_it_was_down(at: At, local: Local, site: Any) -> None:
    subprocess.run(["docker", "restart", f"molecule-{site.named('wn')}"], check=True, capture_output=True)
    wait_for(lambda: at("batch").run("sinfo --noheader --format %T --partition local").stdout.strip() == "idle")
    assert local.end(local.submit("true", "--output /dev/null").stdout.strip()) == ("COMPLETED", "0:0")
