# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MyProxy and the SE: credentials and files, kept for their owners and for nobody else."""

from __future__ import annotations

import os
import secrets
import shutil
import zlib

from scene import Failed, Scene, must_hold, must_refuse, must_say

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
