# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of files in one piece. Private to this collection."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError


@dataclass(frozen=True)
class Directory:
    path: str
    mode: str = "0755"
    owner: str | None = None
    group: str | None = None
    exclusive: bool = False


@dataclass(frozen=True)
class File:
    path: str
    content: str
    mode: str = "0644"
    owner: str | None = None
    group: str | None = None
    before: Sequence[str] = ()
    secret: bool = False


class Module(Protocol):
    """What is used of AnsibleModule."""

    check_mode: bool

    def atomic_move(self, src: str, dest: str, unsafe_writes: bool = ...) -> None: ...

    def load_file_common_arguments(self, params: dict[str, Any]) -> dict[str, Any]: ...

    def run_command(self, args: list[str], *, umask: int) -> tuple[int, str, str]: ...

    def set_fs_attributes_if_different(
        self, file_args: dict[str, Any], changed: bool, diff: dict[str, Any] | None
    ) -> bool: ...


@dataclass
class Report:
    changed_paths: list[str] = field(default_factory=list)
    diff: list[dict[str, Any]] = field(default_factory=list)

    def add(self, path: str, before: Any, after: Any) -> None:
        if path not in self.changed_paths:
            self.changed_paths.append(path)
        self.diff.append({"before_header": path, "after_header": path, "before": before, "after": after})


def check(directories: Iterable[Directory], files: Iterable[File]) -> None:
    """Refuse a set that contradicts itself, before anything is touched."""
    seen: set[str] = set()
    entries: list[Directory | File] = [*directories, *files]
    for entry in entries:
        path = entry.path
        if not Path(path).is_absolute():
            raise BoxError(f"{path}: is no absolute path; write it in full")
        if path in seen:
            raise BoxError(f"{path}: is wanted twice; leave one")
        if isinstance(entry, Directory) and entry.exclusive and len(Path(path).parts) < 3:
            raise BoxError(f"{path}: is too near the root to hold nothing else; do not make it exclusive")
        seen.add(path)


class FileSet:
    """Reads, compares and applies; check mode takes the same way and stops short of writing."""

    def __init__(
        self, module: Module, directories: Sequence[Directory], files: Sequence[File], unsafe_writes: bool = False
    ) -> None:
        check(directories, files)
        self.module = module
        self.directories = directories
        self.files = files
        self.unsafe_writes = unsafe_writes
        self.report = Report()

    def apply(self) -> Report:
        for directory in self.directories:
            self._directory(directory)
        for file in self.files:
            self._file(file)
        for directory in self.directories:
            if directory.exclusive:
                self._purge(directory.path)
        return self.report

    def _directory(self, directory: Directory) -> None:
        path = Path(directory.path)
        if path.exists() and not path.is_dir():
            raise BoxError(f"{path}: is wanted as a directory and is none; move it away")
        if not path.is_dir():
            self.report.add(directory.path, "", "a directory\n")
            if self.module.check_mode:
                return
            self._make(path)
        self._attributes(directory)

    def _file(self, file: File) -> None:
        path = Path(file.path)
        if path.is_dir():
            raise BoxError(f"{path}: is wanted as a file and is a directory; move it away")
        wanted = file.content.encode()
        found = path.read_bytes() if path.is_file() else None
        if found is not None:
            # Before anything is written into it: a secret must not land in a file that others may read.
            self._attributes(file)
        if found == wanted:
            return
        self._show(file, found)
        if self.module.check_mode:
            return
        self._make(path.parent)
        self._write(file, wanted)
        if found is None:
            self._attributes(file, quietly=True)

    def _write(self, file: File, content: bytes) -> None:
        # Beside the file, so that it takes its place in one step.
        handle, temporary = tempfile.mkstemp(prefix=".file_set.", dir=Path(file.path).parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            if file.before:
                self._run(file, temporary)
            self.module.atomic_move(temporary, file.path, unsafe_writes=self.unsafe_writes)
        finally:
            Path(temporary).unlink(missing_ok=True)

    def _run(self, file: File, temporary: str) -> None:
        argv = [argument.replace("%s", temporary) for argument in file.before]
        # The module's own umask would close what the command makes for others.
        code, out, err = self.module.run_command(argv, umask=0o022)
        if code:
            said = (err or out).strip().replace(temporary, file.path) or f"exit code {code}"
            raise BoxError(f"{file.path}: '{' '.join(file.before)}' refused it, so the old file stays: {said}")

    def _make(self, path: Path) -> None:
        """Make a directory and its parents, which the umask would close to everyone else."""
        missing = [parent for parent in (path, *path.parents) if not parent.exists()]
        for parent in reversed(missing):
            parent.mkdir()
            parent.chmod(0o755)

    def _attributes(self, entry: File | Directory, quietly: bool = False) -> None:
        wanted = {"path": entry.path, "mode": entry.mode, "owner": entry.owner, "group": entry.group}
        diff: dict[str, Any] = {}
        arguments = self.module.load_file_common_arguments(wanted)
        if self.module.set_fs_attributes_if_different(arguments, False, diff) and not quietly:
            self.report.add(entry.path, diff.get("before", {}), diff.get("after", {}))

    def _show(self, file: File, found: bytes | None) -> None:
        hidden = "not shown\n"
        before = "" if found is None else hidden if file.secret else found.decode(errors="replace")
        self.report.add(file.path, before, hidden if file.secret else file.content)

    def _purge(self, directory: str) -> None:
        wanted = [Path(entry.path) for entry in self.directories] + [Path(file.path) for file in self.files]
        kept = {path for entry in wanted for path in (entry, *entry.parents)}
        found = sorted(Path(directory).iterdir()) if Path(directory).is_dir() else []
        for path in found:
            if path in kept:
                continue
            self.report.add(str(path), "is there\n", "")
            if self.module.check_mode:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
