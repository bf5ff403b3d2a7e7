# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints services of this host in GLUE 2, each as healthy as the host's own checks last found it.

Called by bdii-update at each of its rounds, with a file that names the services, and where the checks leave their
metrics (see the role mon_client). A check that is out of date proves nothing: the health is unknown then.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

ROOT = "GLUE2GroupID=resource,o=glue"
CHECK = re.compile(r'grid_check_ok\{service="(?P<service>[^"]*)",check="[^"]*"\} (?P<ok>\S+)')


def health(metrics: Path, service: str, now: float, validity: int) -> str:
    if not metrics.exists() or now - metrics.stat().st_mtime > validity:
        return "unknown"
    found = CHECK.finditer(metrics.read_text(encoding="utf-8"))
    checks = [float(check["ok"]) for check in found if check["service"] == service]
    return "unknown" if not checks else "ok" if all(checks) else "critical"


def entry(dn: str, attributes: dict[str, Any]) -> str:
    own, value = dn.split(",", 1)[0].split("=", 1)
    lines = [f"dn: {dn}"]
    for key, values in {own: value, **attributes}.items():
        lines += [f"{key}: {one}" for one in (values if isinstance(values, list) else [values])]
    return "\n".join([*lines, "", ""])


def told(service: dict[str, Any], site: str, state: str, validity: int, now: float) -> str:
    """A service with its endpoint, and who may use that."""
    times = {
        "GLUE2EntityCreationTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "GLUE2EntityValidity": validity,
    }
    name = f"urn:ogf:Service:{service['host']}:{service['service']}"
    key = f"urn:ogf:Endpoint:{service['host']}:{service['interface']}"
    root = f"GLUE2ServiceID={name},{ROOT}"
    endpoint = f"GLUE2EndpointID={key},{root}"
    text = entry(
        root,
        {
            "objectClass": ["GLUE2Entity", "GLUE2Service"],
            **times,
            "GLUE2ServiceType": service["type"],
            "GLUE2ServiceQualityLevel": "production",
            "GLUE2ServiceAdminDomainForeignKey": site,
        },
    )
    text += entry(
        endpoint,
        {
            "objectClass": ["GLUE2Entity", "GLUE2Endpoint"],
            **times,
            "GLUE2EndpointURL": service["url"],
            "GLUE2EndpointInterfaceName": service["interface"],
            "GLUE2EndpointQualityLevel": "production",
            "GLUE2EndpointHealthState": state,
            "GLUE2EndpointServingState": "closed" if state == "critical" else "production",
            "GLUE2EndpointServiceForeignKey": name,
        },
    )
    if service["vos"]:
        text += entry(
            f"GLUE2PolicyID={key}:access,{endpoint}",
            {
                "objectClass": ["GLUE2Entity", "GLUE2Policy", "GLUE2AccessPolicy"],
                **times,
                "GLUE2PolicyScheme": "basic",
                "GLUE2PolicyRule": [f"vo:{vo}" for vo in service["vos"]],
                "GLUE2AccessPolicyEndpointForeignKey": key,
            },
        )
    return text


def main(path: str) -> None:
    wanted = json.loads(Path(path).read_text(encoding="utf-8"))
    now = time.time()
    for service in wanted["services"]:
        state = health(Path(wanted["metrics"]), service["service"], now, wanted["stale"])
        sys.stdout.write(told(service, wanted["site"], state, wanted["validity"], now))


if __name__ == "__main__":
    main(sys.argv[1])
