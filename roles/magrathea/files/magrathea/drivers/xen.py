# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Xen: credit2 weights and caps, ballooning, images of frozen VMs, all through xl."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..plan import CPU_STEPS, CREATE, GIVE_MEMORY, MEMORY_STEPS, REBOOT, RESTORE, SAVE, SHUTDOWN, Step
from . import DriverError, Run, run

# A guest gives memory up in pieces, and may keep a little more than it was asked to.
SLACK = 8


class Xen:
    def __init__(
        self,
        configs: Path,
        images: Path,
        command: Run = run,
        sleep: Callable[[float], None] = time.sleep,
        *,
        patience: float = 60.0,
        image_patience: float = 600.0,
    ) -> None:
        self._configs, self._images, self._run, self._sleep = configs, images, command, sleep
        self._patience, self._image_patience = patience, image_patience

    def apply(self, step: Step) -> None:
        vm = step.vm
        if step.kind in CPU_STEPS:
            self._xl("sched-credit2", "-d", vm, "-w", str(int(step.value)), "-c", str(step.cap))
        elif step.kind in MEMORY_STEPS:
            self._memory(vm, int(step.value), wait=step.kind != GIVE_MEMORY)
        elif step.kind == SAVE:
            self._save(vm)
        elif step.kind == RESTORE:
            self._restore(vm)
        elif step.kind == CREATE:
            if vm not in self._list():
                self._xl("create", str(self._configs / f"{vm}.cfg"))
        elif step.kind == REBOOT:
            self._xl("reboot", "-F", vm)
        elif step.kind == SHUTDOWN:
            self._image(vm).unlink(missing_ok=True)
            if vm in self._list():
                self._xl("shutdown", "-F", vm)

    def existing(self, names: Sequence[str]) -> dict[str, bool]:
        """A frozen VM exists as long as its image is whole; half an image has another name (D18)."""
        running = self._list()
        return {name: name in running or self._image(name).exists() for name in names}

    def destroy(self, vm: str) -> None:
        self._image(vm).unlink(missing_ok=True)
        if vm in self._list():
            self._xl("destroy", vm)

    def _xl(self, *words: str, timeout: float | None = None) -> str:
        return self._run(["xl", *words], timeout or self._patience)

    def _list(self) -> dict[str, int]:
        """Names and MiB of the domains there are. What is about to go has no name, or is marked as dying."""
        found: dict[str, int] = {}
        for line in self._xl("list").splitlines()[1:]:
            words = line.split()
            if len(words) < 6 or not words[2].isdigit():
                raise DriverError(f"xl list: a line that is none: {line!r}")
            if words[0] != "(null)" and "d" not in words[4]:
                found[words[0]] = int(words[2])
        return found

    def _memory(self, vm: str, target: int, *, wait: bool) -> None:
        self._xl("mem-set", vm, f"{target}m")
        left = self._patience
        while wait:
            now = self._list().get(vm)
            if now is None:
                raise DriverError(f"{vm}: is gone")
            if now <= target + SLACK:
                return
            if left <= 0:
                raise DriverError(f"{vm}: was asked to come down to {target} MiB and has {now}")
            self._sleep(0.2)
            left -= 0.2

    def _image(self, vm: str) -> Path:
        return self._images / f"{vm}.image"

    def _save(self, vm: str) -> None:
        image = self._image(vm)
        if image.exists():
            return
        part = image.with_suffix(".part")
        part.unlink(missing_ok=True)
        # Paused and not gone: only once the image has its name may the domain be given up.
        self._xl("save", "-p", vm, str(part), timeout=self._image_patience)
        part.rename(image)
        self._xl("destroy", vm)

    def _restore(self, vm: str) -> None:
        image = self._image(vm)
        if vm in self._list():
            # A save that was cut short: the domain is there, paused at most. Its image, if any, is as old as it.
            image.unlink(missing_ok=True)
            self._unpause(vm)
            return
        if not image.exists():
            raise DriverError(f"{vm}: no image {image}, and no domain")
        self._xl("restore", str(image), timeout=self._image_patience)
        image.unlink()

    def _unpause(self, vm: str) -> None:
        try:
            self._xl("unpause", vm)
        except DriverError:
            # It was not paused, or it cannot be: then it answers to nobody, which its agent will show.
            return
