# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the information system says of the site, and how soon it forgets what is dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from acting import wait_until
from testinfra.host import Host

At = Callable[[str], Host]

# Two rounds of a minute, each with the time that a dead source is waited for; and a new round of the CE's own.
wait_for = partial(wait_until, limit=240)


def published(host: Host, what: str, *attributes: str) -> str:
    """What the top BDII tells whoever asks, a line an attribute."""
    wanted = " ".join(attributes or ("dn",))
    search = "ldapsearch -x -LLL -o ldif-wrap=no -H ldap://topbdii.egee.test:2170 -b GLUE2GroupID=grid,o=glue"
    return str(host.check_output(f"{search} %s {wanted}", what))


@pytest.fixture
def dead_ce(at: At) -> Iterator[None]:
    """The CE's information system does not answer."""
    at("ce").check_output("systemctl stop arc-infosys-ldap")
    yield
    at("ce").check_output("systemctl start arc-infosys-ldap")


@pytest.fixture
def bdii(at: At) -> Host:
    return at("bdii")


def test_the_vos_share_of_the_ce_is_known_with_its_queue(bdii: Host) -> None:
    wait_for(
        lambda: "GLUE2PolicyRule: vo:voce" in published(bdii, "(objectClass=GLUE2MappingPolicy)", "GLUE2PolicyRule")
    )
    shares = published(bdii, "(GLUE2EntityName=egee_voce)", "GLUE2ComputingShareMappingQueue", "GLUE2ShareID")
    assert "GLUE2ComputingShareMappingQueue: egee" in shares
    assert "ce.egee.test" in shares


def test_where_jobs_are_taken_is_known(bdii: Host) -> None:
    rest = published(bdii, "(GLUE2EndpointInterfaceName=org.nordugrid.arcrest)", "GLUE2EndpointURL")
    assert "GLUE2EndpointURL: https://ce.egee.test:443/arex" in rest


def test_the_vos_share_of_the_se_is_known_with_its_space(bdii: Host) -> None:
    wait_for(
        lambda: (
            "GLUE2StorageSharePath: /voce"
            in published(bdii, "(objectClass=GLUE2StorageShare)", "GLUE2StorageSharePath")
        )
    )
    space = published(bdii, "(objectClass=GLUE2StorageShareCapacity)", "GLUE2StorageShareCapacityTotalSize")
    assert "GLUE2StorageShareCapacityTotalSize: " in space
    endpoints = published(bdii, "(objectClass=GLUE2StorageEndpoint)", "GLUE2EndpointURL", "GLUE2EndpointHealthState")
    assert endpoints.count("GLUE2EndpointHealthState: ok") == 2
    assert "GLUE2EndpointURL: root://se.egee.test:1094" in endpoints


def test_the_wms_is_known_and_works(bdii: Host) -> None:
    attributes = ("GLUE2EndpointURL", "GLUE2EndpointHealthState")
    wait_for(lambda: "State: ok" in published(bdii, "(GLUE2EndpointInterfaceName=org.egee-box.wms)", *attributes))
    wms = published(bdii, "(GLUE2EndpointInterfaceName=org.egee-box.wms)", *attributes)
    assert "GLUE2EndpointURL: https://wms.egee.test:7443/" in wms


def test_programs_of_the_se_look_at_it_and_read_nothing(at: At) -> None:
    with_key = "env XrdSecPROTOCOL=sss XrdSecSSSKT=/run/xrootd-keys/root"
    se = at("se")
    se.check_output(f"{with_key} xrdfs root://se.egee.test ls /voce")
    assert se.run(f"{with_key} xrdfs root://se.egee.test mkdir /voce/theirs").rc != 0
    # The same from elsewhere, where the key means nothing.
    key = se.check_output("cat /run/xrootd-keys/root")
    ui = at("ui")
    try:
        ui.check_output("umask 077; printf '%%s\\n' %s > /run/stolen", key)
        answer = ui.run("XrdSecPROTOCOL=sss XrdSecSSSKT=/run/stolen xrdfs root://se.egee.test ls /voce")
    finally:
        ui.check_output("rm -f /run/stolen")
    assert "Auth failed" in answer.stderr


def test_nobody_can_write(bdii: Host) -> None:
    entry = "dn: GLUE2GroupID=resource,o=glue\nchangetype: delete\n"
    for who in ("", "-D o=glue -w secret"):
        answer = bdii.run(f"printf %s | ldapmodify -x {who} -H ldap://topbdii.egee.test:2170", entry)
        assert answer.rc != 0, answer.stdout
    assert bdii.file("/run/bdii/slapd.conf").mode == 0o600


def test_a_dead_ce_is_forgotten_and_comes_back(bdii: Host, dead_ce: None, at: At) -> None:
    wait_for(lambda: "ce.egee.test" not in published(bdii, "(objectClass=GLUE2ComputingService)"))
    at("ce").check_output("systemctl start arc-infosys-ldap")
    wait_for(lambda: "ce.egee.test" in published(bdii, "(objectClass=GLUE2ComputingService)"))
