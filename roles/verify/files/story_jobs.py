# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole grid: a job through the WMS, from the proxy to its history, and those whom it does not serve."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import time
import urllib.request
from typing import Any

from scene import PATIENCE, Failed, Scene, must_refuse, must_say

# Runs on the worker node: says where and as whom, and hashes its input from the SE into an output there.
SCRIPT = """#!/bin/sh
set -eu
export LC_ALL=C
echo "host: $(hostname -f 2>/dev/null || hostname)"
echo "account: $(id -un)"
echo "group: $(id -gn)"
echo "job: $EGEE_JOBID"
[ $# -eq 0 ] || {
    gfal-copy "$1" input >&2
    sha256sum < input > output
    gfal-copy output "$2" >&2
}
"""
# Who has to have told of the job, where the site has them.
TOLD = {
    "wms": ("Accepted", "Matched", "Transferred", "Running", "Done"),
    "ce": ("Received", "Queued", "Ended"),
    "batch": ("Started", "Ended"),
    "wn": ("Started", "Ended"),
}
# And who instead, where the CE runs the job itself.
FORKS = {"wms": TOLD["wms"], "ce": ("Received", "Queued", "Started", "Ended")}


def egee(scene: Scene, *arguments: str) -> str:
    return scene.user.run("egee-job", *arguments)


def status(scene: Scene) -> dict[str, Any]:
    (job,) = json.loads(egee(scene, "status", "--json", scene.grid_job))
    return dict(job)


def has_se(scene: Scene) -> bool:
    return bool(scene.given.se)


def renewal_allowed(scene: Scene) -> list[str]:
    """{user} keeps a credential in MyProxy that the WMS, and nobody else, may renew the job's proxy with"""
    if not scene.given.myproxy:
        return ["this site has no MyProxy server"]
    name = scene.user.place.parent.name
    at = ["-s", scene.given.myproxy, "-d", "-k", name]
    said = scene.user.run("myproxy-init", *at, "-n", "-x", "-R", scene.given.wms_dn, "-c", "24", "-t", "12")
    scene.undo.append(["myproxy-destroy", *at])
    return must_say(said, "now exists on")


def input_stored(scene: Scene) -> list[str]:
    """{user} stores the job's input on the SE"""
    if not has_se(scene):
        return ["this site has no SE"]
    scene.content = os.urandom(1 << 16)
    (scene.user.place / "input").write_bytes(scene.content)
    for name in ("input", "output"):
        scene.undo.append(["gfal-rm", scene.url("davs", name)])
    scene.user.run("gfal-copy", "input", scene.url("davs", "input"))
    return [scene.url("davs", "input")]


def job_accepted(scene: Scene) -> list[str]:
    """{user} submits a job for {vo} to the WMS"""
    files = [scene.url("davs", name) for name in ("input", "output")] if has_se(scene) else []
    lines = ['executable = "story.sh"', f"arguments = {json.dumps(files)}", f'vo = "{scene.given.vo}"']
    if scene.given.myproxy:
        lines.append(f'renewal = "{scene.user.place.parent.name}"')
    (scene.user.place / "story.sh").write_text(SCRIPT)
    (scene.user.place / "story.toml").write_text("\n".join(lines) + "\n")
    if scene.given.mon:
        scene.ended = ended_by_mon(scene)
    scene.grid_job = egee(scene, "submit", "story.toml")
    return [scene.grid_job]


def job_done(scene: Scene) -> list[str]:
    """the WMS matches it to a CE that the BDII tells of, and the CE runs it to its end"""
    begin = time.monotonic()
    seen: list[str] = []
    job: dict[str, Any] = {"state": ""}
    while job["state"] != "done":
        now = status(scene)
        if now["state"] != job["state"]:
            seen.append(f"after {time.monotonic() - begin:3.0f} s: {now['state']} {now['ce']}".rstrip())
        job = now
        if job["state"] in ("aborted", "cancelled") or time.monotonic() - begin > scene.given.limit:
            raise Failed("\n".join([*seen, f"it is {job['state']}: {job['reason']}"]))
        time.sleep(min(scene.given.poll, 5))
    if job["exit_code"] != 0:
        output = egee(scene, "output", "--keep", scene.grid_job)
        error = (scene.user.place / output / "stderr").read_text()
        raise Failed("\n".join([*seen, f"exit code {job['exit_code']}", error]))
    return seen


def output_right(scene: Scene) -> list[str]:
    """{user} fetches the output: it ran under an account of {vo}, and what it left on the SE is right"""
    place = scene.user.place / egee(scene, "output", scene.grid_job)
    said = (place / "stdout").read_text()
    told = {key: value.strip() for key, _colon, value in (line.partition(":") for line in said.splitlines())}
    if told.get("account") not in scene.given.accounts or told.get("job") != scene.grid_job:
        raise Failed(f"not the job, or an account that is none of {', '.join(scene.given.accounts)}:\n{said}")
    if has_se(scene):
        scene.user.run("gfal-copy", scene.url("davs", "output"), "fetched")
        found = (scene.user.place / "fetched").read_text().split()[0]
        if found != hashlib.sha256(scene.content).hexdigest():
            raise Failed(f"the output on the SE is {found}")
        said += f"output: {found}\n"
    return said.splitlines()


def events_of(tellers: list[str], forks: bool) -> list[tuple[str, str]]:
    """What the LB must have been told of a job, with its source, by the kind of CE that it was at."""
    told = FORKS if forks else TOLD
    return [(source, kind) for source in tellers for kind in told.get(source, ())] + [("wms", "Cleared")]


def history_complete(scene: Scene) -> list[str]:
    """the LB has the whole history of the job: accepted, matched, transferred, running, done, cleared"""
    if not scene.given.lb:
        return ["this site has no LB"]
    end = time.monotonic() + scene.given.limit
    while True:
        (job,) = json.loads(egee(scene, "history", "--json", scene.grid_job))
        wanted = events_of(scene.given.tellers, job["ce"].partition("/")[0] in scene.given.forks)
        told = [(event["source"], event["type"]) for event in job["events"]]
        missing = [f"{source} {kind}" for source, kind in wanted if (source, kind) not in told]
        if not missing and job["state"] == "cleared":
            return egee(scene, "history", scene.grid_job).splitlines()
        if time.monotonic() > end:
            raise Failed("\n".join([f"state {job['state']}, missing {', '.join(missing)}", *map(str, told)]))
        time.sleep(min(scene.given.poll, 5))


def ended_by_mon(scene: Scene) -> float:
    """How many jobs of the VO have ended as far as MON knows, asked as the user's browser would ask."""
    context = ssl.create_default_context(capath=scene.given.certificates)
    own = scene.user.place / ".globus"
    context.load_cert_chain(own / "usercert.pem", own / "userkey.pem")
    with urllib.request.urlopen(f"https://{scene.given.mon}/site.json", timeout=PATIENCE, context=context) as page:
        jobs = json.load(page)["jobs"]
    return float(sum(sum(one["ended"].values()) for one in jobs if one["vo"] == scene.given.vo))


def job_accounted(scene: Scene) -> list[str]:
    """MON counts it among the jobs of {vo} that have ended"""
    if not scene.given.mon:
        return ["this site has no MON"]
    # One after another: the CE's round of checks, Prometheus's look at the CE, a new page.
    end = time.monotonic() + scene.given.limit
    while (ended := ended_by_mon(scene)) <= scene.ended:
        if time.monotonic() > end:
            raise Failed(f"{ended:.0f} jobs of {scene.given.vo} have ended, as many as before")
        time.sleep(min(scene.given.poll, 5))
    return [f"jobs of {scene.given.vo} that have ended: {scene.ended:.0f} before, now {ended:.0f}"]


def others_are_shut_out(scene: Scene) -> list[str]:
    """{user} of {vo} can read neither the job, nor the history, nor the files of the other story's member"""
    if scene.other is None:
        return ["this site has one VO"]
    job = scene.other.grid_job
    shown = must_refuse(*scene.user.attempt("egee-job", "status", job), "404")
    shown += must_refuse(*scene.user.attempt("egee-job", "cancel", job), "404")
    if scene.given.lb:
        shown += must_refuse(*scene.user.attempt("egee-job", "history", job), "404")
        listed = json.loads(egee(scene, "history", "--json"))
        if any(one["id"] == job for one in listed):
            raise Failed(f"the LB lists {job} among {scene.given.user}'s jobs")
    if has_se(scene):
        theirs = scene.other.url("davs", "output")
        shown += must_refuse(*scene.user.attempt("gfal-copy", theirs, "stolen"), "403", "permission")
    return shown


# Those whom the WMS does not serve


def member_is_known(scene: Scene) -> list[str]:
    """{user}, with a valid proxy, is served by the WMS, so that what it refuses now it does not refuse to all"""
    scene.user.get_proxy("-voms", scene.given.vo)
    (scene.user.place / "true.toml").write_text('executable = "/bin/true"\n')
    (scene.stranger.place / "true.toml").write_text('executable = "/bin/true"\n')
    scene.grid_job = egee(scene, "submit", "true.toml")
    return [scene.grid_job]


def no_membership_is_refused(scene: Scene) -> list[str]:
    """{stranger}, with a valid proxy without attributes, cannot submit"""
    scene.stranger.get_proxy()
    return must_refuse(*scene.stranger.attempt("egee-job", "submit", "true.toml"), "no attributes of a VO")


def forged_membership_is_refused(scene: Scene) -> list[str]:
    """{stranger}, with attributes of {vo} that a host of their own has signed, cannot submit"""
    place = scene.stranger.place
    proxy = scene.stranger.proxy
    user = [str(place / ".globus/usercert.pem"), str(place / ".globus/userkey.pem")]
    fake = ["-hostcert", user[0], "-hostkey", user[1], "-fqan", f"/{scene.given.vo}", "-uri", "voms.example.org:15000"]
    scene.stranger.run("voms-proxy-fake", "-rfc", "-voms", scene.given.vo, *fake, "-out", str(proxy))
    said = scene.stranger.attempt("egee-job", "submit", "true.toml")
    return must_refuse(*said, "no attributes", "voms-proxy-info", "verif")


def another_vo_is_refused(scene: Scene) -> list[str]:
    """{user} cannot claim a VO that the proxy does not carry"""
    (scene.user.place / "claim.toml").write_text('executable = "/bin/true"\nvo = "atlas"\n')
    return must_refuse(*scene.user.attempt("egee-job", "submit", "claim.toml"), "does not serve the VO", "carries")


def old_proxies_are_refused(scene: Scene) -> list[str]:
    """{user} cannot submit with a proxy that has expired, nor with one of the kind before RFC 3820"""
    shown = []
    for options in (["-valid", "0:0"], ["-proxyver", "2"]):
        asked = ("voms-proxy-init", "-quiet", "-out", str(scene.user.proxy), "-voms", scene.given.vo, *options)
        scene.user.attempt(*asked)
        time.sleep(scene.given.skew)
        said = scene.user.attempt("egee-job", "submit", "true.toml")
        shown += must_refuse(*said, "certificate expired", "alert", "not a proxy")
    scene.user.get_proxy("-voms", scene.given.vo)
    return shown


def anothers_job_is_refused(scene: Scene) -> list[str]:
    """{stranger} can neither see nor end {user}'s job, nor read its history"""
    scene.stranger.get_proxy()
    shown = []
    for command in ("status", "cancel", "output", "clear", *(["history"] if scene.given.lb else [])):
        shown += must_refuse(*scene.stranger.attempt("egee-job", command, scene.grid_job), "404")
    return shown
