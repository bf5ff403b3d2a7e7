# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CE: a member's job and back, and those whom the CE must not serve."""

from __future__ import annotations

import http.client
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

from scene import PATIENCE, Failed, Scene, must_hold, must_say

# The states that a job does not leave any more.
ENDS = {"Finished", "Failed", "Killed", "Deleted"}

# The chain: a job of a VO's member


def proxy_with_attributes(scene: Scene) -> list[str]:
    """{user} has a proxy in which VOMS certifies the attributes {fqans}"""
    wanted = scene.given.fqans
    roles = [f"{scene.given.vo}:{fqan}" for fqan in wanted if "/Role=" in fqan]
    # Groups come with the VO; a role only when it is asked for.
    asked = [option for name in roles or [scene.given.vo] for option in ("-voms", name)]
    scene.user.get_proxy(*asked)
    attributes = scene.user.run("voms-proxy-info", "-fqan", "-file", str(scene.user.proxy)).splitlines()
    must_hold(wanted, attributes)
    return attributes


def submitted(scene: Scene, description: Path) -> list[str]:
    """Submit a job, which is the scene's from then on."""
    to_ce = ["-C", scene.given.ce, "-T", "arcrest", "-Q", "NONE"]
    said = scene.user.run(*scene.user.arc("arcsub"), *to_ce, description.name, cwd=description.parent)
    scene.job = said.rpartition("jobid: ")[2]
    if not scene.job.startswith("https://"):
        raise Failed(said)
    return [scene.job]


def reached(scene: Scene, wanted: str) -> list[str]:
    """Wait until the scene's job is in a state, which must not be too late."""
    begin = time.monotonic()
    seen: list[str] = []
    state = ""
    while state != wanted:
        time.sleep(scene.given.poll)
        _code, said = scene.user.attempt(*scene.user.arc("arcstat"), scene.job)
        now = next((line.split()[1] for line in said.splitlines() if line.startswith(" State:")), "not known")
        if now != state:
            state = now
            seen.append(f"after {time.monotonic() - begin:3.0f} s: {state}")
        if state in ENDS - {wanted}:
            log = scene.user.run(*scene.user.arc("arccat"), "-l", scene.job).splitlines()
            raise Failed("\n".join([*seen, said, "the end of its log:", *log[-20:]]))
        if state != wanted and time.monotonic() - begin > scene.given.limit:
            raise Failed("\n".join([*seen, said, f"not {wanted.lower()} in {scene.given.limit} s"]))
    return seen


def facts(said: str) -> list[tuple[str, str]]:
    """What a job says of itself, `key: value` a line."""
    return [(key, value.strip()) for key, _colon, value in (line.partition(":") for line in said.splitlines())]


def fetched(scene: Scene, name: str) -> str:
    """The output of the scene's job, which must have run under an account of the VO."""
    output = scene.user.place / "output"
    scene.user.run(*scene.user.arc("arcget"), "-D", str(output), scene.job)
    scene.job = ""
    said = "".join(path.read_text("utf-8") for path in output.glob(f"*/{name}.out"))
    if dict(facts(said)).get("account", "").split(",")[0] not in scene.given.accounts:
        raise Failed(f"the account is none of {', '.join(scene.given.accounts)}:\n{said}")
    return said


def job_submitted(scene: Scene) -> list[str]:
    """{user} submits {job} to {ce}"""
    return submitted(scene, Path(scene.given.job))


def job_finished(scene: Scene) -> list[str]:
    """the CE runs the job to its end"""
    return reached(scene, "Finished")


def output_fetched(scene: Scene) -> list[str]:
    """{user} has the output of the job, which ran under an account of the VO and held the attributes"""
    said = fetched(scene, Path(scene.given.job).stem)
    must_hold(scene.given.fqans, [value for key, value in facts(said) if key == "attribute"])
    return said.splitlines()


# The refusals: those whom the CE must not serve


def answer_of_ce(scene: Scene, proxy: Path, method: str = "POST", action: str = "?action=new") -> str:
    """What the CE itself answers the holder of a proxy; by default to the submission of a job.

    The ARC client would not even ask with a proxy that it knows to be useless.
    """
    context = ssl.create_default_context(capath=scene.given.certificates)
    context.load_cert_chain(proxy)
    # There the server's verdict on the client's certificate is a part of the handshake; in TLS 1.3 it comes
    # later, and may be lost when the client is sending already.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    ce = urlsplit(scene.given.ce)
    connection = http.client.HTTPSConnection(str(ce.hostname), ce.port, context=context, timeout=PATIENCE)
    try:
        connection.request(
            method,
            f"{ce.path}/rest/1.0/jobs{action}",
            body='&(executable="/bin/true")' if method == "POST" else None,
            headers={"Content-Type": "application/rsl", "Accept": "application/json"},
        )
        answer = connection.getresponse()
        return f"HTTP {answer.status} {answer.reason}"
    except ssl.SSLError as error:
        return f"TLS alert {error.reason}"
    finally:
        connection.close()


def member_is_served(scene: Scene) -> list[str]:
    """{user}, with a valid proxy, is served by the CE, so that what it refuses now it does not refuse to all"""
    scene.user.get_proxy("-voms", scene.given.vo)
    return must_say(answer_of_ce(scene, scene.user.proxy, "GET", ""), "HTTP 200")


def stranger_gets_no_attributes(scene: Scene) -> list[str]:
    """{stranger}, who is in no VO, gets no attributes of {vo} from VOMS"""
    asked = ("voms-proxy-init", "-quiet", "-out", str(scene.stranger.proxy), "-voms", scene.given.vo)
    code, said = scene.stranger.attempt(*asked)
    if code == 0:
        raise Failed(f"voms-proxy-init ended with exit code 0:\n{said}")
    return must_say(said, "unknown to this VO")


def stranger_is_refused(scene: Scene) -> list[str]:
    """{stranger}, with a valid proxy that has no attributes, is refused by the CE"""
    scene.stranger.get_proxy()
    return must_say(answer_of_ce(scene, scene.stranger.proxy), "HTTP 403", "User can't be assigned configuration")


def expired_is_refused(scene: Scene) -> list[str]:
    """{user}, with a proxy that was sound and has expired, is refused by the CE"""
    # The client notices that what it makes with no lifetime is of no use, and ends with an error.
    asked = ("voms-proxy-init", "-quiet", "-out", str(scene.user.proxy), "-voms", scene.given.vo, "-valid", "0:0")
    scene.user.attempt(*asked)
    said = scene.user.run("voms-proxy-info", "-all", "-file", str(scene.user.proxy)).splitlines()
    attributes = [line for line in said if line.startswith("attribute")]
    left = {line for line in said if line.startswith("timeleft")}
    if not attributes or left != {"timeleft  : 0:00:00"}:
        raise Failed("\n".join(["not a proxy with attributes that has expired:", *said]))
    # The CE's clock may be a little behind.
    time.sleep(scene.given.skew)
    return [*attributes, *left, *must_say(answer_of_ce(scene, scene.user.proxy), "certificate_expired")]


def forged_is_refused(scene: Scene) -> list[str]:
    """a forger, with a proxy in {user}'s name below a CA that calls itself like ours, is refused by the CE"""
    certify = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
    ]
    no_ca = ["-addext", "basicConstraints=critical,CA:FALSE"]
    proxy = ["-addext", "proxyCertInfo=critical,language:id-ppl-inheritAll"]
    forger, name = scene.stranger, scene.given.user_dn
    for file, subject, options in (
        ("ca", scene.given.ca_dn, []),
        ("user", name, ["-CA", "ca.pem", "-CAkey", "ca.key", *no_ca]),
        ("proxy", f"{name}/CN=1", ["-CA", "user.pem", "-CAkey", "user.key", *no_ca, *proxy]),
    ):
        forger.run(*certify, "-subj", subject, "-keyout", f"{file}.key", "-out", f"{file}.pem", *options)
    forged = forger.place / "forged"
    forged.write_text("".join((forger.place / part).read_text() for part in ("proxy.pem", "proxy.key", "user.pem")))
    return [f"subject: {name}/CN=1", *must_say(answer_of_ce(scene, forged), "unknown_ca")]
