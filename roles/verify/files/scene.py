# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stories share: the people who tell them, where they do, and what counts as a refusal."""

from __future__ import annotations

import argparse
import os
import pwd
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    # The job that the WMS still holds, if any; and what its input file holds.
    grid_job: str = ""
    content: bytes = b""
    # What was kept of a job that was left to run.
    kept: dict[str, Any] = field(default_factory=dict)
    # How many jobs of the VO had ended before, as far as MON knew.
    ended: float = 0
    # The same story at the same time, of a member of another VO.
    other: Scene | None = None

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
