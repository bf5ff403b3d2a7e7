# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Xen says of its domains: parsers, and a reader over xl. Private to the collection.

No single flag of xl is trusted. A domain that xl lists but that has no configuration yet is still
being built (or its builder died), whatever its flags say: libxl stores the configuration last.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.egee.box.plugins.module_utils._runner import (
    BoxError,
    CommandError,
    ProgramMissing,
    Run,
    Runner,
)
from ansible_collections.egee.box.plugins.module_utils._xen_config import Definition, from_live

DOM0 = "Domain-0"

RUNNING, PAUSED = "running", "paused"
ENDED = "ended"  # shut down by itself and preserved
REBOOTING = "rebooting"
SUSPENDED = "suspended"  # being saved, or a save that did not end
CRASHED = "crashed"
DYING = "dying"
HALF_BUILT = "half-built"

# States that pass by themselves, unless something is broken.
PASSING = (DYING, HALF_BUILT, REBOOTING, SUSPENDED)
SETTLE = 60  # seconds that they are given
POLL = 3  # seconds between two looks: each costs 0.3 s of an emulated machine

# The fifth flag: why a domain has shut down.
REASONS = {"-": ENDED, "r": REBOOTING, "s": SUSPENDED, "c": CRASHED, "w": CRASHED, "S": REBOOTING}

ROW = re.compile(
    r"(?P<name>\S+)\s+(?P<domid>\d+)\s+(?P<memory>\d+)\s+(?P<vcpus>\d+)\s+"
    r"(?P<flags>[r-][b-][p-][s-][-rscwS?][d-])\s+\d+\.\d"
)


@dataclass(frozen=True)
class Live:
    """A domain that Xen has now; memory (MiB) and vcpus are what the guest really uses."""

    name: str
    domid: int
    memory: int
    vcpus: int
    state: str
    definition: Definition | None = None
    scheduler: str = "credit2"


def state_of(flags: str) -> str:
    """The state that the six flags of xl stand for, as far as they tell."""
    if flags[5] == "d":
        return DYING
    if flags[3] == "s" or flags[4] != "-":
        return REASONS.get(flags[4], ENDED)
    return PAUSED if flags[2] == "p" else RUNNING


def parse_list(text: str) -> list[Live]:
    """The rows of `xl list`."""
    lines = text.splitlines()
    if not lines or lines[0].split()[:2] != ["Name", "ID"]:
        raise BoxError(f"xl list: no heading in its output {text[:80]!r}; check what `xl list` prints on this host")
    rows = []
    for line in filter(None, lines[1:]):
        match = ROW.fullmatch(line.strip())
        if match is None:
            raise BoxError(f"xl list: cannot read the line {line!r}; check what `xl list` prints on this host")
        domid, memory, vcpus = (int(match[key]) for key in ("domid", "memory", "vcpus"))
        rows.append(Live(match["name"], domid, memory, vcpus, state_of(match["flags"])))
    return rows


def parse_details(text: str) -> dict[int, tuple[Definition, str]]:
    """The definitions of `xl list -l` and their schedulers, by domain id."""
    try:
        return {item["domid"]: _detail(item["config"]) for item in json.loads(text)}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BoxError(
            f"xl list -l: cannot read its output {text[:80]!r} ({error}); it must be JSON: "
            'set output_format="json" in /etc/xen/xl.conf'
        ) from error


def _detail(config: t.Mapping[str, t.Any]) -> tuple[Definition, str]:
    scheduler = config.get("b_info", {}).get("sched_params", {}).get("sched", "credit2")
    return from_live(config["c_info"].get("name", ""), config), scheduler


def parse_info(text: str) -> dict[str, t.Any]:
    """What `xl info` says, numbers as numbers."""
    info: dict[str, t.Any] = {}
    for line in text.splitlines():
        key, colon, value = (part.strip() for part in line.partition(":"))
        if colon:
            info[key] = int(value) if value.isdecimal() else value
    missing = [key for key in ("total_memory", "free_memory", "nr_cpus", "xen_version") if key not in info]
    if missing:
        raise BoxError(f"xl info: no {', '.join(missing)} in its output {text[:80]!r}; check what `xl info` prints")
    return info


# What xl says where there is no hypervisor below it, and Debian's wrapper of it in its place.
NOT_ON_XEN = ("privileged command interface", "Can't find hypervisor information in sysfs")


class NotOnXen(BoxError):
    """The host has no Xen to ask."""


class Xen:
    """Reads the machine. Each look costs processes, so it is remembered until something was changed."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.warnings: list[str] = []
        self._rows: dict[str, Live] | None = None
        self._details: dict[int, tuple[Definition, str]] | None = None

    def rows(self) -> dict[str, Live]:
        """What the last look at flags and sizes has shown, by name."""
        return self.states() if self._rows is None else self._rows

    def states(self) -> dict[str, Live]:
        """A new look, with one process. Its states are as good as the flags are: see live()."""
        try:
            self._rows = {row.name: row for row in parse_list(self._xl("list").stdout)}
        except NotOnXen as error:
            if not self.runner.check_mode:
                raise
            self.warnings.append(f"{error.message}. Predicted as for a machine without domains")
            self._rows = {}
        return self._rows

    def live(self, name: str) -> Live | None:
        """A domain that Xen has, with its definition. Only if there is one does it take another process."""
        row = self.rows().get(name)
        if row is None or row.domid == 0:
            return None
        if self._details is None:
            self._details = parse_details(self._xl("list", "-l").stdout)
        if row.domid not in self._details:
            return replace(row, state=HALF_BUILT) if row.state in (RUNNING, PAUSED) else row
        definition, scheduler = self._details[row.domid]
        return replace(row, definition=definition, scheduler=scheduler)

    def domains(self) -> list[Live]:
        """All but dom0."""
        return [live for live in map(self.live, self.rows()) if live]

    def settle(self, names: t.Iterable[str]) -> None:
        """Give the named domains time to get through states that pass."""
        for _look in range(SETTLE // POLL):
            if not any(live.state in PASSING for live in map(self.live, names) if live):
                break
            self.runner.sleep(POLL)
            self._rows = self._details = None

    def info(self) -> dict[str, t.Any]:
        return parse_info(self._xl("info").stdout)

    def _xl(self, *words: str) -> Run:
        try:
            return self.runner.read(["xl", *words])
        except ProgramMissing as error:
            raise NotOnXen("xl: not found; install the Xen toolstack (role xen_dom0)") from error
        except CommandError as error:
            if not any(words in error.run.stderr for words in NOT_ON_XEN):
                raise
            raise NotOnXen(
                f"xl {' '.join(words)}: this host does not run on Xen; boot it with the hypervisor (role xen_dom0)",
                **error.details,
            ) from error


def machine(xen: Xen) -> dict[str, t.Any]:
    """The machine as data; one that does not run on Xen is no failure."""
    try:
        info, rows = xen.info(), xen.states()
    except NotOnXen as error:
        return {"running": False, "reason": error.message}
    dom0 = rows[DOM0]
    return {
        "running": True,
        "version": info["xen_version"],
        "commandline": info.get("xen_commandline", ""),
        "scheduler": info.get("xen_scheduler", ""),
        "cpus": info["nr_cpus"],
        "memory": {"total": info["total_memory"], "free": info["free_memory"]},
        "dom0": {"memory": dom0.memory, "vcpus": dom0.vcpus},
        "domains": len(rows) - 1,
    }
