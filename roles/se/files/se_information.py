# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the storage element how it is, and prints that in GLUE 2, for a BDII on the same host.

Called with a file that says where it answers and whom it serves. What is said of an endpoint is what a question to
it brought: one that does not answer is published as critical, and of a server that does not tell its space no share.
"""

from __future__ import annotations

import getpass
import http.client
import json
import os
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

GIGABYTE = 10**9
SERVICES = "GLUE2GroupID=resource,o=glue"
CAPABILITIES = ["data.management.storage", "data.management.transfer", "data.access.flatfiles"]
PATIENCE = 10

Attributes = dict[str, Any]


def ask(host: str, port: int, *question: str) -> str:
    """The server's answer over root; nothing if it has none."""
    # The key of this account, which the server made at its start.
    environment = {**os.environ, "XrdSecPROTOCOL": "sss", "XrdSecSSSKT": f"/run/xrootd-keys/{getpass.getuser()}"}
    command = ["xrdfs", f"root://{host}:{port}", "query", *question]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True, env=environment)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"{' '.join(command)}: {(error.stderr or error)!s}\n")
        return ""
    return done.stdout.strip()


def answers_http(host: str, port: int, anchors: str) -> bool:
    """Whether HTTP is spoken there, under the host's name; without a certificate the answer is a refusal."""
    context = ssl.create_default_context(capath=anchors)
    connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=context)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status in (401, 403)
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"https://{host}:{port}: {error}\n")
        return False
    finally:
        connection.close()


def space(answer: str) -> dict[str, int]:
    """Total, free and used gigabytes, of an answer like oss.space=...&oss.free=..."""
    fields = dict(field.partition("=")[::2] for field in answer.split("&"))
    names = {"TotalSize": "oss.space", "FreeSize": "oss.free", "UsedSize": "oss.used"}
    if not all(fields.get(name, "").isdigit() for name in names.values()):
        return {}
    return {size: int(fields[name]) // GIGABYTE for size, name in names.items()}


class Tree:
    """Entries that hang on one storage service."""

    def __init__(self, service: str, now: float, validity: int) -> None:
        self.service = service
        self.root = f"GLUE2ServiceID={service},{SERVICES}"
        self.times: Attributes = {
            "GLUE2EntityCreationTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
            "GLUE2EntityValidity": validity,
        }
        self.text = ""

    def add(self, dn: str, classes: list[str], attributes: Attributes) -> None:
        """An entry; an attribute with a list has several values, one with None is left out."""
        own, value = dn.split(",", 1)[0].split("=", 1)
        lines = [f"dn: {dn}"]
        for key, values in {"objectClass": ["GLUE2Entity", *classes], own: value, **self.times, **attributes}.items():
            several = values if isinstance(values, list) else [values]
            lines += [f"{key}: {one}" for one in several if one is not None]
        self.text += "\n".join([*lines, "", ""])

    def add_service(self, site: str) -> None:
        self.add(
            self.root,
            ["GLUE2Service", "GLUE2StorageService"],
            {
                "GLUE2ServiceType": "org.xrootd",
                "GLUE2ServiceQualityLevel": "production",
                "GLUE2ServiceAdminDomainForeignKey": site,
                "GLUE2ServiceCapability": CAPABILITIES,
            },
        )

    def add_endpoint(self, url: str, interface: str, version: str, healthy: bool, vos: list[str]) -> str:
        key = f"{self.service}:{interface}"
        dn = f"GLUE2EndpointID={key},{self.root}"
        self.add(
            dn,
            ["GLUE2Endpoint", "GLUE2StorageEndpoint"],
            {
                "GLUE2EndpointURL": url,
                "GLUE2EndpointInterfaceName": interface,
                "GLUE2EndpointQualityLevel": "production",
                "GLUE2EndpointHealthState": "ok" if healthy else "critical",
                "GLUE2EndpointServingState": "production" if healthy else "closed",
                "GLUE2EndpointImplementationName": "XRootD",
                "GLUE2EndpointImplementationVersion": version or None,
                "GLUE2EndpointServiceForeignKey": self.service,
                "GLUE2StorageEndpointStorageServiceForeignKey": self.service,
            },
        )
        self.add(
            f"GLUE2PolicyID={key}:access,{dn}",
            ["GLUE2Policy", "GLUE2AccessPolicy"],
            {
                "GLUE2PolicyScheme": "basic",
                "GLUE2PolicyRule": [f"vo:{vo}" for vo in vos],
                "GLUE2AccessPolicyEndpointForeignKey": key,
            },
        )
        return key

    def add_protocol(self, name: str, version: str) -> None:
        self.add(
            f"GLUE2StorageAccessProtocolID={self.service}:access:{name},{self.root}",
            ["GLUE2StorageAccessProtocol"],
            {
                "GLUE2StorageAccessProtocolType": name,
                "GLUE2StorageAccessProtocolVersion": version,
                "GLUE2StorageAccessProtocolStorageServiceForeignKey": self.service,
            },
        )

    def add_share(self, vo: str, endpoints: list[str], sizes: dict[str, int]) -> None:
        key = f"{self.service}:share:{vo}"
        dn = f"GLUE2ShareID={key},{self.root}"
        self.add(
            dn,
            ["GLUE2Share", "GLUE2StorageShare"],
            {
                "GLUE2ShareServiceForeignKey": self.service,
                "GLUE2ShareEndpointForeignKey": endpoints,
                "GLUE2StorageShareServingState": "production",
                # The VOs' shares are directories of one disk.
                "GLUE2StorageShareSharingID": f"{self.service}:disk",
                "GLUE2StorageSharePath": f"/{vo}",
                "GLUE2StorageShareAccessMode": "permanent",
                "GLUE2StorageShareAccessLatency": "online",
                "GLUE2StorageShareRetentionPolicy": "replica",
                "GLUE2StorageShareExpirationMode": "neverexpire",
                "GLUE2StorageShareStorageServiceForeignKey": self.service,
            },
        )
        self.add(
            f"GLUE2PolicyID={key}:mapping,{dn}",
            ["GLUE2Policy", "GLUE2MappingPolicy"],
            {
                "GLUE2PolicyScheme": "basic",
                "GLUE2PolicyRule": f"vo:{vo}",
                "GLUE2MappingPolicyShareForeignKey": key,
            },
        )
        self.add_capacity("GLUE2StorageShareCapacity", "StorageShare", key, dn, sizes)

    def add_capacity(self, kind: str, of: str, key: str, dn: str, sizes: dict[str, int]) -> None:
        self.add(
            f"{kind}ID={key}:online,{dn}",
            [kind],
            {f"{kind}Type": "online", f"{kind}{of}ForeignKey": key, **{kind + size: n for size, n in sizes.items()}},
        )


def told(se: dict[str, Any], version: str, http_answers: bool, spaces: dict[str, dict[str, int]], now: float) -> str:
    """All that there is to say of the SE, given what it answered; of each VO the space that its path has."""
    tree = Tree(f"urn:ogf:StorageService:{se['host']}:xrootd", now, se["validity"])
    tree.add_service(se["site"])
    endpoints = [
        tree.add_endpoint(f"root://{se['host']}:{se['port']}", "xrootd", version, bool(version), se["vos"]),
        tree.add_endpoint(f"https://{se['host']}:{se['http_port']}", "https", version, http_answers, se["vos"]),
    ]
    tree.add_protocol("root", "5")
    tree.add_protocol("https", "1.1")
    known = {vo: sizes for vo, sizes in spaces.items() if sizes}
    for vo, sizes in known.items():
        tree.add_share(vo, endpoints, sizes)
    if known:
        whole = next(iter(known.values()))
        tree.add_capacity("GLUE2StorageServiceCapacity", "StorageService", tree.service, tree.root, whole)
    return tree.text


def main(path: str) -> None:
    se = json.loads(Path(path).read_text(encoding="utf-8"))
    version = ask(se["host"], se["port"], "config", "version").removeprefix("v")
    http_answers = answers_http(se["host"], se["http_port"], se["anchors"])
    spaces = {vo: space(ask(se["host"], se["port"], "space", f"/{vo}")) for vo in se["vos"]} if version else {}
    sys.stdout.write(told(se, version, http_answers, spaces, time.time()))


if __name__ == "__main__":
    main(sys.argv[1])
