# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is released: a tarball that tells nothing of where and when it was packed, and what it is made of."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bill_of_materials import Tarball, bill
from reproducible import repacked

RUNTIME = b'requires_ansible: ">=2.19.0"\n'
CONTENT = {
    "meta/runtime.yml": RUNTIME,
    "meta/requirements.txt": b"# why\n\ncryptography>=45\n",
    "a/run": b"#!/bin/sh\n",
}
ABOUT = {
    "namespace": "egee",
    "name": "box",
    "version": "1.2.3",
    "description": "A site",
    "dependencies": {"community.docker": ">=4.0.0"},
}


def packed(names: Collection[str], when: int) -> bytes:
    """A tarball as ansible-galaxy packs it: in the order that the directory had."""
    files = [{"name": ".", "ftype": "dir", "chksum_sha256": None}, {"name": "a", "ftype": "dir", "chksum_sha256": None}]
    files += [
        {"name": name, "ftype": "file", "chksum_sha256": hashlib.sha256(CONTENT[name]).hexdigest()} for name in names
    ]
    listed = json.dumps({"files": files}).encode()
    manifest = {"collection_info": ABOUT, "file_manifest_file": {"chksum_sha256": hashlib.sha256(listed).hexdigest()}}
    whole = {
        "MANIFEST.json": json.dumps(manifest).encode(),
        "FILES.json": listed,
        **{name: CONTENT[name] for name in names},
    }
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w:gz") as archive:
        for name, content in whole.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(content), when, 0o755 if name == "a/run" else 0o644
            archive.addfile(member, io.BytesIO(content))
        directory, link = tarfile.TarInfo("a"), tarfile.TarInfo("run")
        directory.type, directory.mode = tarfile.DIRTYPE, 0o755
        link.type, link.linkname = tarfile.SYMTYPE, "a/run"
        archive.addfile(directory)
        archive.addfile(link)
    return found.getvalue()


@pytest.fixture
def once() -> bytes:
    return repacked(packed(CONTENT, 1000), 5000)


def test_order_and_time_do_not_matter(once: bytes) -> None:
    assert repacked(packed(list(reversed(CONTENT)), 2000), 5000) == once
    assert repacked(once, 5000) == once


def test_content_and_date_do(once: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert repacked(packed(CONTENT, 1000), 5001) != once
    monkeypatch.setitem(CONTENT, "a/run", b"#!/bin/bash\n")
    assert repacked(packed(CONTENT, 1000), 5000) != once


def test_what_was_packed_is_all_there_and_the_sums_are_right(once: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(once)) as archive:
        members = {member.name: member for member in archive}
        contents = {name: archive.extractfile(name).read() for name in members if members[name].isfile()}  # type: ignore[union-attr]
    assert list(members)[:2] == ["FILES.json", "MANIFEST.json"]
    assert set(members) == {"FILES.json", "MANIFEST.json", "a", "run", *CONTENT}
    assert {name: contents[name] for name in CONTENT} == CONTENT
    assert (members["a/run"].mode, members["run"].linkname) == (0o755, "a/run")
    assert {member.mtime for member in members.values()} == {5000}
    listed = [file["name"] for file in json.loads(contents["FILES.json"])["files"]]
    assert listed == sorted(listed)
    told = json.loads(contents["MANIFEST.json"])["file_manifest_file"]["chksum_sha256"]
    assert told == hashlib.sha256(contents["FILES.json"]).hexdigest()


def test_the_bill_names_each_file_and_all_that_is_asked_for(once: bytes, tmp_path: Path) -> None:
    path = tmp_path / "egee-box-1.2.3.tar.gz"
    path.write_bytes(once)
    made = bill(Tarball(path), datetime(2026, 1, 1, tzinfo=UTC))
    hashes = {part.name: [item.content for item in part.hashes] for part in made.components if part.hashes}
    assert hashes == {name: [hashlib.sha256(content).hexdigest()] for name, content in CONTENT.items()}
    wanted = {str(part.purl): [item.value for item in part.properties] for part in made.components if part.purl}
    assert wanted == {
        "pkg:pypi/ansible-core": [">=2.19.0"],
        "pkg:pypi/cryptography": [">=45"],
        "pkg:generic/community.docker": [">=4.0.0"],
    }
    collection = made.metadata.component
    assert collection is not None
    assert (collection.group, collection.name, collection.version) == ("egee", "box", "1.2.3")
    assert [item.content for item in collection.hashes] == [hashlib.sha256(once).hexdigest()]
