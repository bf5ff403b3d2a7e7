# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a collection's tarball depend on nothing but its content and SOURCE_DATE_EPOCH.

ansible-galaxy takes files in the order of the directory, with the times of the checkout, and notes when it packed them.
Here they are sorted, in FILES.json too, and all bear the one time. Only another zlib may pack the same otherwise.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
from pathlib import Path

MANIFEST, FILES = "MANIFEST.json", "FILES.json"


def repacked(packed: bytes, when: int) -> bytes:
    """The same collection, sorted and dated."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = {member.name: member for member in archive}
        contents = {name: archive.extractfile(member).read() for name, member in members.items() if member.isfile()}  # type: ignore[union-attr]
    files = json.loads(contents[FILES])
    files["files"].sort(key=lambda file: file["name"])
    contents[FILES] = json.dumps(files, indent=1).encode()
    manifest = json.loads(contents[MANIFEST])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(contents[FILES]).hexdigest()
    contents[MANIFEST] = json.dumps(manifest, indent=1).encode()

    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        # ansible-galaxy reads these two first.
        for name in sorted(members, key=lambda name: (name not in (MANIFEST, FILES), name)):
            member = members[name]
            member.mtime, member.pax_headers = when, {}
            content = contents.get(name, b"")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=when)


def main() -> None:
    tarball = Path(sys.argv[1])
    tarball.write_bytes(repacked(tarball.read_bytes(), int(os.environ["SOURCE_DATE_EPOCH"])))


if __name__ == "__main__":
    main()
