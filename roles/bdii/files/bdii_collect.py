# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks other BDIIs what they publish, and prints it where it belongs in ours.

Called by bdii-update at each of its rounds, with a file that says whom to ask and where the answers go. What it
does not print is gone from our tree after the round: a source that does not answer, and whatever is older than it
says itself that it may be trusted. So a dead service is not advertised for long.
"""

from __future__ import annotations

import base64
import calendar
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

TIME = "%Y-%m-%dT%H:%M:%SZ"


class Entry:
    """An entry of a tree, as ldapsearch prints it with no line folded."""

    def __init__(self, text: str) -> None:
        first, self.body = text.split("\n", 1)
        name = first.removeprefix("dn:")
        self.dn = base64.b64decode(name[1:]).decode() if name.startswith(":") else name.strip()

    def value(self, attribute: str) -> str:
        start = f"{attribute}: "
        return next((line.removeprefix(start) for line in self.body.split("\n") if line.startswith(start)), "")

    def expired(self, now: float) -> bool:
        made, validity = self.value("GLUE2EntityCreationTime"), self.value("GLUE2EntityValidity")
        if not made or not validity:
            return False
        return calendar.timegm(time.strptime(made, TIME)) + int(validity) < now

    def below(self, others: list[str]) -> bool:
        return any(self.dn.lower().endswith(f",{other}") for other in others)


def ask(source: dict[str, str], timeout: int) -> list[Entry]:
    """All entries of one source; none if it does not answer, and bdii-update's log says why."""
    search = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-o", f"nettimeout={timeout}"]
    where = ["-H", source["url"], "-b", source["base"], "-s", source["scope"]]
    try:
        answer = subprocess.run(
            [*search, *where], capture_output=True, text=True, check=True, timeout=timeout, stdin=subprocess.DEVNULL
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"{source['url']}: {(error.stderr or error)!s}\n")
        return []
    return [Entry(text) for text in answer.stdout.split("\n\n") if text.startswith("dn:")]


def fresh(entries: list[Entry], now: float) -> list[Entry]:
    """What may still be trusted, and hangs on nothing that may not."""
    gone: list[str] = []
    kept = []
    for entry in sorted(entries, key=lambda entry: len(entry.dn)):
        if entry.expired(now) or entry.below(gone):
            gone.append(entry.dn.lower())
        else:
            kept.append(entry)
    return kept


def moved(entry: Entry, source: dict[str, str]) -> str:
    if not entry.dn.endswith(source["from"]):
        return ""
    return f"dn: {entry.dn.removesuffix(source['from'])}{source['to']}\n{entry.body}\n\n"


def site(name: str, validity: int, now: float) -> str:
    """What all services of the site hang on, as fresh as this round."""
    return (
        f"dn: GLUE2DomainID={name},o=glue\n"
        "objectClass: GLUE2Domain\nobjectClass: GLUE2AdminDomain\n"
        f"GLUE2DomainID: {name}\nGLUE2EntityName: {name}\n"
        f"GLUE2EntityCreationTime: {time.strftime(TIME, time.gmtime(now))}\nGLUE2EntityValidity: {validity}\n\n"
        f"dn: GLUE2GroupID=resource,GLUE2DomainID={name},o=glue\n"
        "objectClass: GLUE2Group\nGLUE2GroupID: resource\n\n"
    )


def main(path: str) -> None:
    wanted: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    # All at once: those that do not answer cost the time of one.
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(lambda source: ask(source, wanted["timeout"]), wanted["sources"]))
    now = time.time()
    if wanted["site"]:
        sys.stdout.write(site(wanted["site"], wanted["validity"], now))
    for source, entries in zip(wanted["sources"], answers, strict=True):
        sys.stdout.write("".join(moved(entry, source) for entry in fresh(entries, now)))


if __name__ == "__main__":
    main(sys.argv[1])
