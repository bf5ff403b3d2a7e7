# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in a grid, and what derives from them."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.egee.box.plugins.module_utils._grid import (
    GridError,
    components,
    distinguished_name,
    pool,
    with_user_names,
    with_vo_names,
)

CA = "/DC=test/DC=egee/CN=EGEE-BOX CA"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        pytest.param(("egee.test", "EGEE-BOX CA"), CA, id="a CA"),
        pytest.param(("egee.test", "ce.egee.test"), "/DC=test/DC=egee/CN=ce.egee.test", id="a host"),
        pytest.param(("egee.test", "Jiří", "Users"), "/DC=test/DC=egee/O=Users/CN=Jiří", id="a person"),
        pytest.param(("a.b.c.", "host/x"), "/DC=c/DC=b/DC=a/CN=host/x", id="a slash that begins no component"),
    ],
)
def test_a_name_and_its_components(arguments: tuple[str, ...], name: str) -> None:
    assert distinguished_name(*arguments) == name
    assert "".join(f"/{key}={value}" for part in components(name) for key, value in part.items()) == name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(
            lambda: distinguished_name("", "x"),
            "domain '' has no labels to name anything by; set it to the site's DNS domain",
            id="no domain",
        ),
        pytest.param(
            lambda: distinguished_name("egee.test", ""),
            "a name under domain 'egee.test' needs a common name; give a host name or a person's cn",
            id="no common name",
        ),
        pytest.param(
            lambda: distinguished_name("egee.test", "x/CN=root"),
            "CN 'x/CN=root' reads as two components in the slash form; leave out '/X=' in it",
            id="a name that smuggles in another component",
        ),
        pytest.param(
            lambda: components("CN=x"),
            "'CN=x' is no distinguished name in slash form; write it like /DC=org/CN=name",
            id="not in slash form",
        ),
        pytest.param(
            lambda: components("/x"),
            "'/x' has no component like CN=name; write it like /DC=org/CN=name",
            id="no component",
        ),
        pytest.param(
            lambda: components("/DC=test/CN="),
            "'/DC=test/CN=' has nothing after 'CN='; give the component a value",
            id="an empty component",
        ),
    ],
)
def test_a_name_that_is_refused(make: t.Callable[[], object], message: str) -> None:
    with pytest.raises(GridError) as error:
        make()
    assert str(error.value) == message


def test_people_are_named_by_the_site_unless_another_ca_did() -> None:
    named = with_user_names(
        [{"name": "alice", "cn": "Alice"}, {"name": "bob", "cn": "Bob", "dn": "/C=CZ/CN=Bob", "ca": "/C=CZ/CN=CA"}],
        "egee.test",
        CA,
    )
    assert [(user["dn"], user["ca"]) for user in named] == [
        ("/DC=test/DC=egee/O=Users/CN=Alice", CA),
        ("/C=CZ/CN=Bob", "/C=CZ/CN=CA"),
    ]


def test_people_have_their_credentials_where_the_ca_keeps_them() -> None:
    (alice,) = with_user_names([{"name": "alice", "cn": "Alice", "key": "/own.key"}], "egee.test", CA, "/ca")
    assert (alice["certificate"], alice["key"]) == ("/ca/users/alice.pem", "/own.key")


def test_a_vo_gets_the_names_of_its_server_and_its_accounts() -> None:
    vo = {"name": "voce", "voms_host": "voms.egee.test", "pool": {"prefix": "voce", "first_uid": 5001, "accounts": 2}}
    assert with_vo_names([vo], "egee.test", CA) == [
        {
            **vo,
            "voms_dn": "/DC=test/DC=egee/CN=voms.egee.test",
            "voms_ca": CA,
            "accounts": [{"name": "voce001", "uid": 5001}, {"name": "voce002", "uid": 5002}],
        }
    ]


def test_a_vo_of_another_ca_keeps_its_names() -> None:
    vo = {"name": "x", "voms_host": "voms.x.org", "voms_dn": "/CN=voms.x.org", "voms_ca": "/CN=X CA"}
    assert with_vo_names([vo], "egee.test", CA) == [{**vo, "accounts": []}]


def test_numbers_of_a_big_pool_sort_as_names() -> None:
    names = [account["name"] for account in pool({"pool": {"prefix": "a", "first_uid": 1, "accounts": 1000}})]
    assert names == sorted(names)
    assert (names[0], names[-1]) == ("a0001", "a1000")
