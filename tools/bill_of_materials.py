# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bill of materials of a collection's tarball, CycloneDX: its files with their hashes, and what it asks for.

All of it is read from the tarball. What a role installs on hosts comes from their distribution, and is none of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tarfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import yaml
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


class Tarball:
    """What a collection's tarball says of itself."""

    def __init__(self, path: Path) -> None:
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with tarfile.open(path) as archive:
            texts = {name: archive.extractfile(name).read() for name in self.READ}  # type: ignore[union-attr]
        manifest, files, runtime, requirements = (texts[name] for name in self.READ)
        self.about = json.loads(manifest)["collection_info"]
        self.files = {
            file["name"]: file["chksum_sha256"] for file in json.loads(files)["files"] if file["ftype"] == "file"
        }
        self.ansible = yaml.safe_load(runtime)["requires_ansible"]
        self.python = [line for line in requirements.decode().splitlines() if line and not line.startswith("#")]

    READ = ("MANIFEST.json", "FILES.json", "meta/runtime.yml", "meta/requirements.txt")


def sha256(digest: str) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=digest)]


def asked_for(tarball: Tarball) -> Iterator[Component]:
    """What must be there beside the collection. Any version that fits will do, so none is named."""
    python = [("ansible-core", tarball.ansible)]
    python += [re.fullmatch(r"([A-Za-z0-9._-]+)(.*)", line).groups() for line in tarball.python]  # type: ignore[union-attr,misc]
    collections = sorted(tarball.about["dependencies"].items())
    for kind, wanted in (("pypi", python), ("generic", collections)):
        for name, versions in wanted:
            yield Component(
                name=name,
                bom_ref=f"asked-for/{name}",
                purl=PackageURL(type=kind, name=name),
                properties=[Property(name="egee.box:versions", value=versions or "any")],
            )


def bill(tarball: Tarball, when: datetime) -> Bom:
    about = tarball.about
    collection = Component(
        type=ComponentType.APPLICATION,
        bom_ref="collection",
        group=about["namespace"],
        name=about["name"],
        version=about["version"],
        description=about["description"],
        licenses=[DisjunctiveLicense(id="GPL-3.0-or-later")],
        hashes=sha256(tarball.digest),
    )
    files = [
        Component(type=ComponentType.FILE, bom_ref=f"file/{name}", name=name, hashes=sha256(digest))
        for name, digest in tarball.files.items()
    ]
    needed = list(asked_for(tarball))
    bom = Bom(components=[*files, *needed], serial_number=uuid.uuid5(uuid.NAMESPACE_OID, tarball.digest))
    bom.metadata.component = collection
    bom.metadata.timestamp = when
    bom.register_dependency(collection, needed)
    return bom


def main() -> None:
    when = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    text = JsonV1Dot6(bill(Tarball(Path(sys.argv[1])), when)).output_as_string(indent=1)
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault:
        sys.exit(f"{sys.argv[1]}: its bill of materials is no valid CycloneDX: {fault}")
    print(text)


if __name__ == "__main__":
    main()
