# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Xen domain: what is true of it, what is to be done, and doing it. Private to the collection."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError, CommandError, TooSlow
from ansible_collections.egee.box.plugins.module_utils._xen import (
    DYING,
    PAUSED,
    POLL,
    REBOOTING,
    RUNNING,
    SUSPENDED,
    Live,
    Xen,
)
from ansible_collections.egee.box.plugins.module_utils._xen_config import Definition, parse, render
from ansible_collections.egee.box.plugins.module_utils._xen_plan import (
    ABSENT,
    GONE,
    SAVED,
    SHUTDOWN,
    Change,
    Permissions,
    Situation,
    Wanted,
    allowed,
    plan,
)
from ansible_collections.egee.box.plugins.module_utils._xen_store import Store

# Seconds in which Xen's tools take away a domain that has ended, and a guest its memory or vcpus.
CLEARING, ADAPTING = 30, 15


def situation(name: str, xen: Xen, store: Store) -> Situation:
    """What is true of a domain now."""
    live = xen.live(name)
    text = store.config(name)
    image = store.image(name)
    resting = SAVED if image else SHUTDOWN if text is not None else ABSENT
    return Situation(
        state=live.state if live else resting,
        live=live,
        text=text,
        stored=parse(text) if text is not None else None,
        order=tuple(store.order(name)),
        image=str(image) if image else None,
    )


class XenDomain:
    """Brings one domain where it is wanted."""

    def __init__(self, xen: Xen, store: Store, wanted: Wanted, permissions: Permissions) -> None:
        self.xen = xen
        self.runner = xen.runner
        self.store = store
        self.wanted = wanted
        self.name = wanted.name
        self.permissions = permissions
        self.warnings: list[str] = []
        self.scheduler = "credit2"
        self.done: list[Change] = []

    def current(self) -> Situation:
        return situation(self.name, self.xen, self.store)

    def plan(self) -> list[Change]:
        now = self.current()
        self.scheduler = now.live.scheduler if now.live else self.scheduler
        return plan(now, self.wanted, self.permissions)

    def allowed(self, change: Change) -> bool:
        return allowed(change, self.wanted, self.permissions)

    def definition(self) -> Definition:
        """What is wanted; asked for only where a plan holds a change to it."""
        if self.wanted.definition is None:
            raise BoxError(f"{self.name}: has no definition to change it by; describe it in `domains`")
        return self.wanted.definition

    def apply(self, changes: t.Iterable[Change]) -> None:
        """Make the changes; neighbours that one command makes are made together."""
        for action, group in itertools.groupby(changes, key=lambda change: change.action):
            together = list(group)
            getattr(self, f"_do_{action}")(together)
            self.done += together

    def _do_define(self, _changes: list[Change]) -> None:
        self.store.write_config(self.name, render(self.definition()))

    def _do_undefine(self, _changes: list[Change]) -> None:
        self.store.remove_config(self.name)

    def _do_order(self, changes: list[Change]) -> None:
        self.store.set_order(self.name, changes[-1].after)

    def _do_forget(self, _changes: list[Change]) -> None:
        self.store.remove_image(self.name)

    _do_discard = _do_forget

    def _do_create(self, changes: list[Change]) -> None:
        paused = changes[-1].after == PAUSED
        try:
            self._xl("create", "-q", *(["-p"] if paused else []), str(self.store.config_path(self.name)))
        except CommandError as error:
            # Xen's init script may have been quicker, when the machine has just booted.
            if self.name not in self.xen.states():
                raise self._not_created(error) from error
        self._wait_until_up("created", paused)

    def _not_created(self, error: CommandError) -> BoxError:
        found = parse(self.store.config(self.name) or "")
        free = self.xen.info()["free_memory"]
        if found and free < found.memory:
            return BoxError(
                f"{self.name}: not created: it needs {found.memory} MiB and Xen has {free} MiB free; "
                "give it less memory, or shut down another domain",
                **error.details,
            )
        return BoxError(
            f"{self.name}: not created: {error.run.first_words}; "
            f"see {self.store.config_path(self.name)} and /var/log/xen/xl-{self.name}.log",
            **error.details,
        )

    def _do_restore(self, changes: list[Change]) -> None:
        paused = changes[-1].after == PAUSED
        self.store.hide_image(self.name)
        try:
            self._xl("restore", *(["-p"] if paused else []), str(self.store.part(self.name)))
        except CommandError as error:
            self.store.show_image(self.name)
            raise BoxError(
                f"{self.name}: not restored: {error.run.first_words}; "
                f"its image is still {self.store.image_path(self.name)}: make room for it and try again, "
                "or give it up with state=shutdown and force=true",
                **error.details,
            ) from error
        self.store.remove_image(self.name)
        self._wait_until_up("restored", paused)

    def _do_unpause(self, _changes: list[Change]) -> None:
        self._xl("unpause", self.name)

    def _do_pause(self, _changes: list[Change]) -> None:
        self._xl("pause", self.name)

    def _do_save(self, _changes: list[Change]) -> None:
        part = self.store.part(self.name)
        self.store.begin_image(self.name)
        try:
            self._xl("save", self.name, str(part))
        except CommandError as error:
            self.store.remove_image(self.name)
            raise BoxError(
                f"{self.name}: not saved to {part.parent}: {error.run.first_words}; "
                "see that there is room for its memory, and try again",
                **error.details,
            ) from error
        self.store.show_image(self.name)

    def _do_shutdown(self, _changes: list[Change]) -> None:
        try:
            self._xl("shutdown", "-w", self.name)
        except CommandError as error:
            if not self.permissions.force:
                too_slow = isinstance(error, TooSlow)
                why = f"within {self.permissions.timeout:g} s" if too_slow else f"({error.run.first_words})"
                raise BoxError(
                    f"{self.name}: did not shut down {why}; give it more time with timeout, or end it with force=true",
                    **error.details,
                ) from error
        # Xen's tools now take it away, unless on_poweroff says otherwise or they have died.
        if self._look(lambda live: live is None, CLEARING) is not None:
            self._do_destroy([])

    def _do_destroy(self, _changes: list[Change]) -> None:
        # What counts is that it is gone, be it by someone else.
        run = self.runner.write(["xl", "destroy", self.name], check=False, timeout=self.permissions.timeout)
        if self._look(lambda live: live is None, CLEARING) is not None:
            raise BoxError(f"{self.name}: {GONE}", **run.details())

    def _do_restart(self, _changes: list[Change]) -> None:
        live = self.xen.states().get(self.name)
        goal = PAUSED if live and live.state == PAUSED else RUNNING
        if goal == PAUSED:
            self._do_unpause([])
        if live:
            self._do_shutdown([])
        self._do_create([Change("state", SHUTDOWN, goal, "create")])

    def _do_resize(self, changes: list[Change]) -> None:
        target = self.definition()
        maximum = next((change for change in changes if change.field == "maxmem"), None)
        set_maximum = ["mem-max", self.name, f"{target.maxmem}m"]
        if maximum and maximum.after > maximum.before:
            self._xl(*set_maximum)
        self._xl("mem-set", self.name, f"{target.memory}m")
        if maximum and maximum.after < maximum.before:
            self._xl(*set_maximum)
        self._watch("memory", target.memory, "MiB")

    def _do_plug(self, _changes: list[Change]) -> None:
        vcpus = self.definition().vcpus
        # More vcpus than the machine has CPUs is for the site to judge, not for xl.
        self._xl("vcpu-set", "-i", self.name, str(vcpus))
        self._watch("vcpus", vcpus, "vcpus")

    def _do_schedule(self, _changes: list[Change]) -> None:
        target = self.definition()
        command = "sched-credit" if self.scheduler == "credit" else "sched-credit2"
        self._xl(command, "-d", self.name, "-w", str(target.weight), "-c", str(target.cap))

    def _watch(self, field: str, wanted: int, unit: str) -> None:
        """The guest itself takes and gives memory and vcpus: see that it does, but not for long."""
        live = self._look(lambda live: live is None or live.state == PAUSED or getattr(live, field) == wanted, ADAPTING)
        if live and live.state != PAUSED and getattr(live, field) != wanted:
            self.warnings.append(
                f"{self.name}: was given {wanted} {unit}, and uses {getattr(live, field)} so far; "
                "if it stays so, its kernel cannot change this while it runs: restart it"
            )

    def _wait_until_up(self, verb: str, paused: bool) -> None:
        passing = (PAUSED, REBOOTING, SUSPENDED, DYING)
        goal = PAUSED if paused else RUNNING
        live = self._look(
            lambda live: live is None or live.state == goal or live.state not in passing, self.permissions.timeout
        )
        if live is None or live.state != goal:
            raise BoxError(
                f"{self.name}: was {verb}, and is {live.state if live else 'gone'}; "
                f"read /var/log/xen/console/guest-{self.name}.log and /var/log/xen/xl-{self.name}.log"
            )

    def _look(self, enough: t.Callable[[Live | None], bool], seconds: float) -> Live | None:
        live = self.xen.states().get(self.name)
        for _again in range(int(seconds // POLL)):
            if enough(live):
                break
            self.runner.sleep(POLL)
            live = self.xen.states().get(self.name)
        return live

    def _xl(self, *words: str) -> None:
        self.runner.write(["xl", *words], timeout=self.permissions.timeout)
