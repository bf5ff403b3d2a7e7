# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The broker: what the top BDII says of sites and queues becomes ads, and routes for HTCondor's JobRouter.

A queue of a CE that a VO may use, by its MappingPolicy, is an offer. Offers are ordered by rank, best first; the
router tries them in that order. What the BDII no longer has, or has not heard of for too long, is no offer.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

FILTER = "(|(objectClass=GLUE2ComputingShare)(objectClass=GLUE2ComputingEndpoint)(objectClass=GLUE2MappingPolicy))"
INTERFACE = "org.nordugrid.arcrest"
# What may stand in a name that goes into HTCondor's configuration; the BDII is not trusted to keep to it.
SOUND = re.compile(r"[A-Za-z0-9_.+-]+")

Entry = Mapping[str, list[str]]


@dataclass(frozen=True, order=True)
class Offer:
    """A queue of a CE, with the VOs that may use it."""

    ce: str
    queue: str
    url: str
    vos: frozenset[str]
    free: int
    waiting: int
    running: int
    healthy: bool

    @property
    def name(self) -> str:
        return f"{self.ce}/{self.queue}"

    @property
    def rank(self) -> tuple[bool, int, int, str]:
        """Better ones are smaller: those in health, with more slots free than jobs waiting, with fewer running."""
        return (not self.healthy, self.waiting - self.free, self.running, self.name)


def first(entry: Entry, attribute: str) -> str:
    return next(iter(entry.get(attribute, [])), "")


def count(entry: Entry, attribute: str) -> int:
    """A number of slots or jobs. Free slots may be given with how long they are free: '4:86400 8'."""
    found = re.match(r"\d+", first(entry, attribute))
    return int(found[0]) if found else 0


def is_stale(entry: Entry, now: float) -> bool:
    """Whether what the entry says has outlived what its publisher warrants, three times over."""
    created, valid = first(entry, "GLUE2EntityCreationTime"), first(entry, "GLUE2EntityValidity")
    if not created or not valid.isdigit():
        return False
    try:
        return now > datetime.fromisoformat(created).timestamp() + 3 * int(valid)
    except ValueError:
        return True


def offers_of(entries: Iterable[Entry], now: float) -> list[Offer]:
    """The offers among the entries of a BDII, best first."""
    endpoints: dict[str, Entry] = {}
    shares: list[Entry] = []
    rules: dict[str, set[str]] = {}
    for entry in entries:
        classes = entry.get("objectClass", [])
        if "GLUE2ComputingEndpoint" in classes and first(entry, "GLUE2EndpointInterfaceName") == INTERFACE:
            endpoints[first(entry, "GLUE2EndpointServiceForeignKey")] = entry
        elif "GLUE2ComputingShare" in classes:
            shares.append(entry)
        elif "GLUE2MappingPolicy" in classes:
            share = first(entry, "GLUE2MappingPolicyShareForeignKey")
            rules.setdefault(share, set()).update(entry.get("GLUE2PolicyRule", []))
    found: dict[str, Offer] = {}
    for published in shares:
        endpoint = endpoints.get(first(published, "GLUE2ShareServiceForeignKey"))
        vos = {rule.partition(":")[2].strip("/") for rule in rules.get(first(published, "GLUE2ShareID"), ())}
        vos = {vo for vo in vos if SOUND.fullmatch(vo)}
        if endpoint is None or not vos or is_stale(published, now) or is_stale(endpoint, now):
            continue
        url = urlsplit(first(endpoint, "GLUE2EndpointURL"))
        queue = first(published, "GLUE2ComputingShareMappingQueue")
        if url.scheme != "https" or not SOUND.fullmatch(url.hostname or "") or not SOUND.fullmatch(queue):
            continue
        offer = Offer(
            ce=str(url.hostname),
            queue=queue,
            url=f"https://{url.hostname}:{url.port or 443}{sound_path(url.path)}/rest/1.0",
            vos=frozenset(vos),
            free=count(published, "GLUE2ComputingShareFreeSlots"),
            waiting=count(published, "GLUE2ComputingShareWaitingJobs"),
            running=count(published, "GLUE2ComputingShareRunningJobs"),
            healthy=first(endpoint, "GLUE2EndpointHealthState").lower() in ("ok", ""),
        )
        # A CE may publish a share of a queue for each VO: together they are one offer.
        known = found.get(offer.name)
        if known is not None:
            offer = Offer(**{**offer.__dict__, "vos": known.vos | offer.vos, "free": max(known.free, offer.free)})
        found[offer.name] = offer
    return sorted(found.values(), key=lambda offer: offer.rank)


def sound_path(path: str) -> str:
    path = path.rstrip("/")
    return path if re.fullmatch(r"(/[A-Za-z0-9_.-]+)*", path) else ""


def ad_of(offer: Offer) -> str:
    """The offer as the ad that condor_status shows."""
    fields = {
        "MyType": "Machine",
        "Name": offer.name,
        "Machine": offer.ce,
        "ArcURL": offer.url,
        "GlueCEQueue": offer.queue,
        "GlueCEVOs": ",".join(sorted(offer.vos)),
        "GlueFreeSlots": offer.free,
        "GlueWaitingJobs": offer.waiting,
        "GlueRunningJobs": offer.running,
        "GlueHealthy": offer.healthy,
        "State": "Unclaimed",
        "Activity": "Idle",
    }
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items())


def route_of(offer: Offer, ahead: int) -> str:
    """The offer as a route. No more than this many jobs wait at a CE beyond its free slots: others may have room."""
    label = re.sub(r"\W", "_", offer.name)
    vos = ",".join(sorted(offer.vos))
    return f"""JOB_ROUTER_ROUTE_{label} @=end
  UNIVERSE GRID
  GridResource = "arc {offer.url}"
  MaxIdleJobs = {offer.free + ahead}
  REQUIREMENTS stringListIMember(VirtualOrganisation, "{vos}") \
&& (WantedCE is undefined || stringListMember("{offer.ce}", WantedCE)) \
&& (WantedQueue is undefined || WantedQueue == "{offer.queue}") \
&& (AvoidedCE is undefined || !stringListMember("{offer.ce}", AvoidedCE))
  SET ArcResources "<QueueName>{offer.queue}</QueueName>"
  SET MatchedCE "{offer.name}"
@end
"""


def routes_of(offers: Iterable[Offer], ahead: int) -> str:
    """HTCondor's configuration for the offers, in their order. An unsound one gets no jobs."""
    sound = [offer for offer in offers if offer.healthy]
    names = " ".join(re.sub(r"\W", "_", offer.name) for offer in sound)
    return "".join(route_of(offer, ahead) for offer in sound) + f"JOB_ROUTER_ROUTE_NAMES = {names}\n"


def entries_of(servers: Iterable[str], patience: int) -> list[dict[str, list[str]]]:
    """What the first of the top BDIIs that answers has."""
    # Here, for it is no part of Python: what is pure above needs none of it.
    import ldap

    failures = []
    for server in servers:
        connection = ldap.initialize(f"ldap://{server}:2170")
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, patience)
        try:
            found = connection.search_st("o=glue", ldap.SCOPE_SUBTREE, FILTER, timeout=patience)
        except ldap.LDAPError as error:
            failures.append(f"{server}: {error}")
            continue
        return [{key: [v.decode() for v in values] for key, values in entry.items()} for _dn, entry in found]
    raise ConnectionError("; ".join(failures))


def write(file: Path, content: str) -> bool:
    """Whether the file had to be changed."""
    if file.exists() and file.read_text() == content:
        return False
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(content)
    fresh.rename(file)
    return True


def advertise(command: str, ads: list[str]) -> None:
    if ads:
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("\n".join(ads))
            file.flush()
            subprocess.run(["condor_advertise", "-multiple", command, file.name], check=True, capture_output=True)


def main() -> int:
    given = json.loads(Path(sys.argv[1]).read_text())
    seen = Path(given["state"], "offers.json")
    now = time.time()
    try:
        offers = offers_of(entries_of(given["bdiis"], given["bdii_timeout"]), now)
        seen.write_text(json.dumps({"at": now, "names": [offer.name for offer in offers]}))
    except ConnectionError as error:
        print(f"no top BDII answers: {error}", file=sys.stderr)
        # Old routes are better than none for a while: a BDII that restarts must not stop the grid.
        if seen.exists() and now - json.loads(seen.read_text())["at"] < given["bdii_grace"]:
            return 1
        offers = []
    routes = Path(given["routes"])
    before = set(re.findall(r'SET MatchedCE "([^"]+)"', routes.read_text() if routes.exists() else ""))
    if write(routes, routes_of(offers, given["ahead"])):
        subprocess.run(["condor_reconfig"], check=True, capture_output=True)
    gone = before - {offer.name for offer in offers}
    advertise(
        "INVALIDATE_STARTD_ADS", [f'MyType = "Query"\nRequirements = Name == "{name}"\n' for name in sorted(gone)]
    )
    advertise("UPDATE_STARTD_AD", [ad_of(offer) for offer in offers])
    print(", ".join(f"{offer.name} {offer.free} free" for offer in offers) or "no offers", flush=True)
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
