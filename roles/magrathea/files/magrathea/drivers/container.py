# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of one kernel: the freezer, CPU and memory of their control groups, of either version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..plan import CPU_STEPS, CREATE, MEMORY_STEPS, REBOOT, RESTORE, SAVE, SHUTDOWN, TAKE_MEMORY, Step
from . import DriverError, Run, run

MIB = 1024 * 1024
# Below this a CPU quota makes no sense to the kernel; a period is 100 ms.
PERIOD = 100_000


class Container:
    """`commands`: argv lists with {name} for `leader` (prints the first process), `start`, `stop` and `kill`.

    `names`: what containers are called, where that is not the VM's name.
    """

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        command: Run = run,
        proc: Path = Path("/proc"),
        cgroup: Path = Path("/sys/fs/cgroup"),
        *,
        names: Mapping[str, str] | None = None,
        patience: float = 60.0,
    ) -> None:
        self._commands, self._run, self._proc, self._cgroup = commands, command, proc, cgroup
        self._patience = patience
        self._names = names or {}
        # Where control groups were found: to ask for a container's first process takes longer than all the rest.
        self._groups: dict[str, dict[str, tuple[Path, bool]]] = {}

    def apply(self, step: Step) -> None:
        vm = step.vm
        if step.kind in CPU_STEPS:
            self._share(vm, int(step.value), step.cap)
        elif step.kind in MEMORY_STEPS:
            self._memory(vm, int(step.value), take=step.kind == TAKE_MEMORY)
        elif step.kind in (SAVE, RESTORE):
            self._freeze(vm, step.kind == SAVE)
        elif step.kind in (CREATE, REBOOT):
            if step.kind == REBOOT:
                self._call("stop", vm)
            self._call("start", vm)
        elif step.kind == SHUTDOWN and self._leader(vm):
            self._freeze(vm, False)
            self._call("stop", vm)

    def existing(self, names: Sequence[str]) -> dict[str, bool]:
        there = {name: self._leader(name) > 0 for name in names}
        self._groups = {name: groups for name, groups in self._groups.items() if there.get(name, True)}
        return there

    def destroy(self, vm: str) -> None:
        if self._leader(vm):
            self._freeze(vm, False)
            self._call("kill", vm)

    def _call(self, what: str, vm: str) -> str:
        words = self._commands.get(what)
        if not words:
            raise DriverError(f"{vm}: no command to {what} containers is configured")
        name = self._names.get(vm, vm)
        return self._run([word.replace("{name}", name) for word in words], self._patience)

    def _leader(self, vm: str) -> int:
        """Its first process as this host numbers it; 0 if it does not run."""
        try:
            words = self._call("leader", vm).split()
        except DriverError:
            return 0
        return int(words[-1]) if words and words[-1].isdigit() else 0

    def _group(self, vm: str, controller: str) -> tuple[Path, bool]:
        """The directory of a controller for this container, and whether it is of version 2."""
        known = self._groups.setdefault(vm, {})
        # It goes with the container.
        if controller not in known or not known[controller][0].exists():
            known[controller] = self._find(vm, controller)
        return known[controller]

    def _find(self, vm: str, controller: str) -> tuple[Path, bool]:
        leader = self._leader(vm)
        if not leader:
            raise DriverError(f"{vm}: does not run")
        unified = ""
        for line in (self._proc / str(leader) / "cgroup").read_text("ascii").splitlines():
            _number, controllers, path = line.split(":", 2)
            # The first process of a system sits in a group of its own within the container's.
            path = path.removesuffix("/init.scope").lstrip("/")
            if controller in controllers.split(","):
                return self._cgroup / controller / path, False
            if not controllers:
                unified = path
        group = self._cgroup / unified
        if not unified or not (group / "cgroup.procs").exists():
            raise DriverError(f"{vm}: no control group for {controller} found")
        return group, True

    def _write(self, path: Path, value: str) -> None:
        try:
            path.write_text(value, "ascii")
        except OSError as error:
            raise DriverError(f"{path}: {value} was refused: {error.strerror}") from None

    def _share(self, vm: str, weight: int, cap: int) -> None:
        group, unified = self._group(vm, "cpu")
        quota = cap * PERIOD // 100
        if unified:
            # 100 is usual here where it is 1024 in version 1.
            self._write(group / "cpu.weight", str(min(max(weight * 100 // 1024, 1), 10_000)))
            self._write(group / "cpu.max", f"{quota or 'max'} {PERIOD}")
        else:
            self._write(group / "cpu.shares", str(max(weight, 2)))
            if (group / "cpu.cfs_quota_us").exists():
                self._write(group / "cpu.cfs_quota_us", str(quota or -1))

    def _memory(self, vm: str, target: int, *, take: bool) -> None:
        group, unified = self._group(vm, "memory")
        size = str(target * MIB)
        if unified:
            self._write(group / "memory.high", size)
            if take:
                have = int((group / "memory.current").read_text("ascii"))
                if have > target * MIB and (group / "memory.reclaim").exists():
                    self._write(group / "memory.reclaim", str(have - target * MIB))
        else:
            self._write(group / "memory.limit_in_bytes", size)

    def _freeze(self, vm: str, freeze: bool) -> None:
        group, unified = self._group(vm, "freezer")
        if unified:
            self._write(group / "cgroup.freeze", str(int(freeze)))
        else:
            self._write(group / "freezer.state", "FROZEN" if freeze else "THAWED")
