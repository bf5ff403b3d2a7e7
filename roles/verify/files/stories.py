# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stories of people who use the grid, told on the UI with the UI's own tools.

A story is a list of steps. Each step is a function whose docstring says what is true after it; it
returns the lines worth showing, or raises Failed. A story ends at its first failure, with an exit
code that says so, and takes away what it left behind.
"""

from __future__ import annotations

import argparse
import http.client
import os
import pwd
import secrets
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

# Seconds that one command or request may take: an emulated machine needs a minute where a real one needs a second.
PATIENCE = 900


class Failed(Exception):
    """A step that ended otherwise than it should; the message shows what was seen."""


class Person:
    """A user of the UI, with a directory that is theirs for the length of the story."""

    def __init__(self, name: str, stage: Path) -> None:
        self.name = name
        self.account = pwd.getpwnam(name)
        self.place = stage / name
        self.place.mkdir(mode=0o700)
        os.chown(self.place, self.account.pw_uid, self.account.pw_gid)
        self.proxy = self.place / "proxy"
        # Where every client looks for them. Names in the environment would mix up the storage clients' TLS.
        (self.place / ".globus").symlink_to(Path(self.account.pw_dir, ".globus"))

    def attempt(self, *argv: str, cwd: Path | None = None, told: str = "") -> tuple[int, str]:
        """The exit code of a command run as this person, and what it said. The person's home stays as it is."""
        done = subprocess.run(
            argv,
            check=False,
            cwd=cwd or self.place,
            env={
                "PATH": os.environ["PATH"],
                "LC_ALL": "C",
                "HOME": str(self.place),
                "X509_USER_PROXY": str(self.proxy),
            },
            user=self.account.pw_uid,
            group=self.account.pw_gid,
            extra_groups=[],
            input=told,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE,
        )
        return done.returncode, done.stdout.strip()

    def run(self, *argv: str, cwd: Path | None = None, told: str = "") -> str:
        code, said = self.attempt(*argv, cwd=cwd, told=told)
        if code != 0:
            raise Failed(f"{' '.join(argv)}\nexit code {code}\n{said}")
        return said

    def get_proxy(self, *options: str) -> None:
        self.run("voms-proxy-init", "-quiet", "-out", str(self.proxy), *options)

    def arc(self, command: str) -> list[str]:
        """A command of the ARC client, with a list of jobs that is not the person's own."""
        return [command, "-t", str(PATIENCE), "-j", str(self.place / "jobs")]


@dataclass
class Scene:
    """What the steps of a story share."""

    given: argparse.Namespace
    user: Person
    stranger: Person
    # The URL of the job that the CE still holds, if any.
    job: str = ""
    # How to take back what other services hold.
    undo: list[list[str]] = field(default_factory=list)
    # What opens the credential in MyProxy.
    passphrase: str = ""

    def in_store(self) -> list[str]:
        """Where in MyProxy the story keeps its credential: under a name of its own."""
        return ["-s", self.given.myproxy, "-l", self.user.place.parent.name]

    def url(self, way: str, name: str) -> str:
        """A file of this story on the SE."""
        server = {"root": f"root://{self.given.se}/", "davs": f"davs://{self.given.se}:8443"}[way]
        return f"{server}/{self.given.vo}/{self.user.place.parent.name}-{name}"


Step = Callable[[Scene], list[str]]


# What several steps need


def must_hold(fqans: list[str], attributes: list[str]) -> None:
    """Refuse attributes, which are written out in full, that lack one of these."""
    short = [attribute.removesuffix("/Capability=NULL").removesuffix("/Role=NULL") for attribute in attributes]
    missing = [fqan for fqan in fqans if fqan not in short]
    if missing:
        raise Failed("\n".join([f"{', '.join(missing)} not among the attributes:", *attributes]))


def must_say(said: str, *any_of: str) -> list[str]:
    """The line of a refusal that gives the reason, which must be one of these."""
    for line in said.splitlines():
        if any(reason.lower() in line.lower() for reason in any_of):
            return [line.strip()]
    raise Failed(f"expected {' or '.join(any_of)}, but saw:\n{said}")


def must_refuse(code: int, said: str, *any_of: str) -> list[str]:
    """The same, of a command that must have ended with an error."""
    if code == 0:
        raise Failed(f"refused nothing, ended with exit code 0:\n{said}")
    return must_say(said, *any_of)


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


def job_submitted(scene: Scene) -> list[str]:
    """{user} submits {job} to {ce}"""
    description = Path(scene.given.job)
    to_ce = ["-C", scene.given.ce, "-T", "arcrest", "-Q", "NONE"]
    said = scene.user.run(*scene.user.arc("arcsub"), *to_ce, description.name, cwd=description.parent)
    scene.job = said.rpartition("jobid: ")[2]
    if not scene.job.startswith("https://"):
        raise Failed(said)
    return [scene.job]


def job_finished(scene: Scene) -> list[str]:
    """the CE runs the job to its end"""
    begin = time.monotonic()
    seen: list[str] = []
    state = ""
    while state != "Finished":
        time.sleep(scene.given.poll)
        _code, said = scene.user.attempt(*scene.user.arc("arcstat"), scene.job)
        now = next((line.split()[1] for line in said.splitlines() if line.startswith(" State:")), "not known")
        if now != state:
            state = now
            seen.append(f"after {time.monotonic() - begin:3.0f} s: {state}")
        if state in ("Failed", "Killed", "Deleted"):
            log = scene.user.run(*scene.user.arc("arccat"), "-l", scene.job).splitlines()
            raise Failed("\n".join([*seen, said, "the end of its log:", *log[-20:]]))
        if state != "Finished" and time.monotonic() - begin > scene.given.limit:
            raise Failed("\n".join([*seen, said, f"not finished in {scene.given.limit} s"]))
    return seen


def output_fetched(scene: Scene) -> list[str]:
    """{user} has the output of the job, which ran under an account of the VO and held the attributes"""
    output = scene.user.place / "output"
    scene.user.run(*scene.user.arc("arcget"), "-D", str(output), scene.job)
    scene.job = ""
    said = "".join(path.read_text("utf-8") for path in output.glob(f"*/{Path(scene.given.job).stem}.out"))
    lines = [line.partition(":") for line in said.splitlines()]
    told = {key: value.strip() for key, _colon, value in lines}
    if told.get("account", "").split(",")[0] not in scene.given.accounts:
        raise Failed(f"the account is none of {', '.join(scene.given.accounts)}:\n{said}")
    must_hold(scene.given.fqans, [value.strip() for key, _colon, value in lines if key == "attribute"])
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


# The credential: kept in MyProxy, for whoever knows the passphrase


def credential_stored(scene: Scene) -> list[str]:
    """{user} stores a credential on {myproxy}, under a passphrase"""
    scene.passphrase = secrets.token_urlsafe()
    said = scene.user.run("myproxy-init", *scene.in_store(), "-S", "-c", "24", "-t", "1", told=f"{scene.passphrase}\n")
    scene.undo.append(["myproxy-destroy", *scene.in_store()])
    return must_say(said, "now exists on")


def credential_fetched(scene: Scene) -> list[str]:
    """{user} gets a proxy from there, to which the server had VOMS add the attributes of {vo}"""
    fetched = ["-S", "-t", "1", "-m", scene.given.vo, "-o", str(scene.user.proxy)]
    scene.user.run("myproxy-logon", *scene.in_store(), *fetched, told=f"{scene.passphrase}\n")
    attributes = scene.user.run("voms-proxy-info", "-fqan", "-file", str(scene.user.proxy)).splitlines()
    must_hold([f"/{scene.given.vo}"], attributes)
    return attributes


def wrong_passphrase_is_refused(scene: Scene) -> list[str]:
    """{stranger}, with another passphrase, gets nothing"""
    fetched = ["-S", "-o", str(scene.stranger.place / "fetched")]
    code, said = scene.stranger.attempt("myproxy-logon", *scene.in_store(), *fetched, told="another-passphrase\n")
    return must_refuse(code, said, "invalid credential passphrase")


def renewal_is_refused(scene: Scene) -> list[str]:
    """{stranger}, who holds a proxy of {user}, may not renew it, for that is the WMS's to do"""
    held = scene.stranger.place / "held"
    shutil.copyfile(scene.user.proxy, held)
    os.chown(held, scene.stranger.account.pw_uid, scene.stranger.account.pw_gid)
    held.chmod(0o600)
    renewed = ["-a", str(held), "-n", "-o", str(scene.stranger.place / "renewed")]
    code, said = scene.stranger.attempt("myproxy-logon", *scene.in_store(), *renewed)
    return must_refuse(code, said, "authentication failed", "invalid credential passphrase")


# The files: stored and read over two protocols


def stored_and_read(scene: Scene) -> list[str]:
    """{user} stores a file on {se} by root and one by davs, and reads each by the other, with the same checksum"""
    scene.user.get_proxy("-voms", scene.given.vo)
    content = os.urandom(1 << 20)
    for name in ("by-root", "by-davs"):
        (scene.user.place / name).write_bytes(content)
        scene.undo.append(["gfal-rm", scene.url("davs", name)])
    scene.user.run(
        "xrdcp", "-s", "--rm-bad-cksum", "--cksum", "adler32:source", "by-root", scene.url("root", "by-root")
    )
    scene.user.run("gfal-copy", "-K", "ADLER32", "by-davs", scene.url("davs", "by-davs"))
    scene.user.run("gfal-copy", scene.url("davs", "by-root"), "back-by-davs")
    scene.user.run("xrdcp", "-s", scene.url("root", "by-davs"), "back-by-root")
    if any((scene.user.place / back).read_bytes() != content for back in ("back-by-davs", "back-by-root")):
        raise Failed("what came back is not what was stored")
    sums = [scene.user.run("gfal-sum", scene.url(way, f"by-{way}"), "ADLER32") for way in ("root", "davs")]
    if any(said.split()[-1] != f"{zlib.adler32(content):08x}" for said in sums):
        raise Failed("\n".join([*sums, f"but adler32 is {zlib.adler32(content):08x}"]))
    return sums


def copied_by_the_se(scene: Scene) -> list[str]:
    """the SE itself copies one of them for {user}, over davs"""
    scene.undo.append(["gfal-rm", scene.url("davs", "copy")])
    scene.user.run("gfal-copy", "--copy-mode", "pull", scene.url("davs", "by-root"), scene.url("davs", "copy"))
    return [scene.user.run("gfal-sum", scene.url("root", "copy"), "ADLER32")]


def wrong_checksum_leaves_nothing(scene: Scene) -> list[str]:
    """a file that arrives with another checksum than announced is an error, and is not kept"""
    copy = ["xrdcp", "-s", "--rm-bad-cksum", "--cksum", "adler32:00000001", "by-root", scene.url("root", "wrong")]
    code, said = scene.user.attempt(*copy)
    shown = must_refuse(code, said, "CheckSum error")
    return shown + must_refuse(*scene.user.attempt("gfal-stat", scene.url("root", "wrong")), "No such file")


def no_attributes_is_refused(scene: Scene) -> list[str]:
    """{stranger}, with a valid proxy that has no attributes, may not read by either protocol"""
    scene.stranger.get_proxy()
    by_root = scene.stranger.attempt("xrdcp", "-s", scene.url("root", "by-root"), "stolen")
    by_davs = scene.stranger.attempt("gfal-copy", scene.url("davs", "by-root"), "stolen")
    return must_refuse(*by_root, "Auth failed") + must_refuse(*by_davs, "403")


def outside_is_refused(scene: Scene) -> list[str]:
    """{user} may not write outside the path of {vo}, by either protocol"""
    outside = f"/{secrets.token_hex(8)}"
    by_root = scene.user.attempt("xrdcp", "-s", "by-root", f"root://{scene.given.se}/{outside}")
    by_davs = scene.user.attempt(
        "davix-put",
        "-P",
        "grid",
        "--capath",
        scene.given.certificates,
        "by-root",
        f"https://{scene.given.se}:8443{outside}",
    )
    return must_refuse(*by_root, "disallowed", "permission denied") + must_refuse(*by_davs, "403")


STORIES: dict[str, tuple[str, list[Step]]] = {
    "chain": (
        "A job from the UI, with a proxy from VOMS, through the CE, and its output back",
        [proxy_with_attributes, job_submitted, job_finished, output_fetched],
    ),
    "refusals": (
        "Those whom the CE must not serve, and what they are told",
        [member_is_served, stranger_gets_no_attributes, stranger_is_refused, expired_is_refused, forged_is_refused],
    ),
    "credential": (
        "A credential into MyProxy and back, and those to whom it does not give it",
        [credential_stored, credential_fetched, wrong_passphrase_is_refused, renewal_is_refused],
    ),
    "files": (
        "Files onto the SE and back, and those to whom it does not give them",
        [
            stored_and_read,
            copied_by_the_se,
            wrong_checksum_leaves_nothing,
            no_attributes_is_refused,
            outside_is_refused,
        ],
    ),
}


@contextmanager
def scene_of(given: argparse.Namespace) -> Iterator[Scene]:
    """The scene of a story, which is left as it was found, also on the CE."""
    stage = Path(tempfile.mkdtemp(prefix="verify-"))
    stage.chmod(0o755)
    scene = Scene(given, Person(given.user, stage), Person(given.stranger, stage))
    try:
        yield scene
    finally:
        # A job that runs is killed, one that has ended badly is removed; whichever it is, the other does nothing.
        if scene.job:
            scene.user.attempt(*scene.user.arc("arckill"), scene.job)
            scene.user.attempt(*scene.user.arc("arcclean"), scene.job)
        for argv in reversed(scene.undo):
            scene.user.attempt(*argv)
        shutil.rmtree(stage)


def say(text: str, indent: int) -> None:
    for line in text.splitlines():
        print(" " * indent + line, flush=True)


def tell(given: argparse.Namespace) -> int:
    title, steps = STORIES[given.story]
    say(title, 0)
    words = {**vars(given), "fqans": ", ".join(given.fqans)}
    with scene_of(given) as scene:
        for number, step in enumerate(steps, 1):
            begin = time.monotonic()
            say(f"{number}. {str(step.__doc__).format(**words)}", 0)
            try:
                for line in step(scene):
                    say(line, 6)
            except (Failed, OSError, subprocess.TimeoutExpired) as failure:
                say(str(failure), 6)
                say(f"FAILED after {time.monotonic() - begin:.1f} s", 3)
                return 1
            say(f"ok, {time.monotonic() - begin:.1f} s", 3)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("story", choices=STORIES)
    for name, meaning in (
        ("user", "account of a member of the VO"),
        ("user-dn", "the member's distinguished name, in slash form"),
        ("ca-dn", "that of the CA"),
        ("stranger", "account of somebody who is in no VO"),
        ("vo", "name of the VO"),
        ("ce", "URL of the CE, with its port"),
        ("job", "description of a job that says where it ran and as whom"),
        ("myproxy", "the MyProxy server, if there is one"),
        ("se", "the SE, if there is one"),
        ("certificates", "directory of the trust anchors"),
    ):
        parser.add_argument(f"--{name}", required=True, help=meaning)
    for name, meaning in (
        ("fqans", "attributes that the member holds in VOMS, with commas between them"),
        ("accounts", "local accounts of the VO's members, likewise"),
    ):
        parser.add_argument(f"--{name}", required=True, type=lambda text: text.split(","), help=meaning)
    parser.add_argument("--limit", type=int, default=600, help="seconds until the job must have ended")
    parser.add_argument("--poll", type=int, default=10, help="seconds between two questions for its state")
    parser.add_argument("--skew", type=int, default=5, help="seconds by which clocks may differ")
    return tell(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
