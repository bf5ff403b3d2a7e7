# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what on a storage element, in XRootD's words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egee.box.plugins.module_utils._xrootd import StorageError, authfile, name_hash

EVE = "/DC=test/DC=egee/O=Users/CN=Eve Banned"


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_a_vo_has_its_own_path_and_only_looks_at_the_directory_itself() -> None:
    assert lines(authfile(["voce"], [], [])) == ["= rule1 o: voce g: /voce", "s rule1 /voce/ rliwnd /voce rl"]


def test_the_longest_path_comes_first_for_the_first_that_fits_counts() -> None:
    rules = [
        {"fqan": "/voce", "path": "/voce/physics", "rights": ["read"]},
        {"fqan": "/voce/physics", "path": "/voce/physics", "rights": ["delete", "read", "write"]},
    ]
    assert lines(authfile(["voce"], rules, [])) == [
        "= rule1 o: voce g: /voce",
        "s rule1 /voce/physics/ rl /voce/physics rl /voce/ rliwnd /voce rl",
        "= rule2 o: voce g: /voce/physics",
        "s rule2 /voce/physics/ rliwnd /voce/physics rl",
    ]


def test_a_rule_for_the_path_of_the_vo_replaces_what_the_vo_has() -> None:
    found = authfile(["voce"], [{"fqan": "/voce", "path": "/voce", "rights": ["read"]}], [])
    assert lines(found)[1] == "s rule1 /voce/ rl /voce rl"


def test_no_rights_take_nothing_away_that_another_attribute_gives() -> None:
    found = authfile(["voce"], [{"fqan": "/voce", "path": "/voce/secret", "rights": []}], [])
    assert lines(found)[1] == "s rule1 /voce/secret/ - /voce/secret - /voce/ rliwnd /voce rl"


def test_a_role_is_a_part_of_who_somebody_is() -> None:
    rule = {"fqan": "/voce/mc/Role=Production", "path": "/voce/mc", "rights": ["write"]}
    found = lines(authfile(["voce"], [rule], []))
    assert found[2:] == ["= rule2 o: voce g: /voce/mc r: Production", "s rule2 /voce/mc/ iwn /voce/mc -"]


def test_a_banned_user_has_nothing_anywhere() -> None:
    assert lines(authfile(["voce"], [], [EVE, EVE]))[2:] == ["u e32cdd8f.0 / -a"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param({"fqan": "voce"}, "fqan 'voce' is none", id="no attribute"),
        pytest.param({"fqan": "/other"}, "VO 'other' is not served here", id="a VO of others"),
        pytest.param({"path": "voce/x"}, "must be absolute and plain", id="a relative path"),
        pytest.param({"path": "/voce/../auger"}, "must be absolute and plain", id="a path that climbs"),
        pytest.param({"path": "/voce/a b"}, "must be absolute and plain", id="a path with a space"),
        pytest.param({"path": "/srv"}, "lies in no VO's directory; begin it with one of /voce", id="a path elsewhere"),
        pytest.param({"path": "/voce/ab"}, "'/voce/ab' begins with '/voce/a'", id="paths that XRootD confuses"),
        pytest.param({"rights": ["list"]}, "some of read, write, delete", id="an unknown right"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(rule: dict[str, Any], message: str) -> None:
    sound = {"fqan": "/voce", "path": "/voce/a", "rights": ["read"]}
    with pytest.raises(StorageError, match=message):
        authfile(["voce"], [sound, {**sound, **rule}], [])


def test_vos_whose_names_begin_alike_are_refused() -> None:
    with pytest.raises(StorageError, match="'/voce2' begins with '/voce', and XRootD cannot tell them apart"):
        authfile(["voce", "voce2"], [], [])


# What `openssl x509 -subject_hash` says of certificates with these subjects.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/DC=test/DC=egee/O=Users/CN=Alice Novak", "591fce23"),
        ("/DC=TEST/DC=egee/O=users/CN= alice   NOVAK ", "591fce23"),
        (EVE, "e32cdd8f"),
        ("/C=CZ/O=CESNET/OU=Grid/CN=Jiří Novák/emailAddress=j@x.cz", "96996b75"),
        (r"/C=CZ/O=CESNET/OU=Grid/CN=Ji\xC5\x99\xC3\xAD Nov\xC3\xA1k/Email=j@x.cz", "96996b75"),
        ("/DC=cz/CN=" + 60 * "x" + " yyy", "5e7d1763"),
    ],
)
def test_a_name_has_the_hash_that_openssl_gives_it(name: str, expected: str) -> None:
    assert name_hash(name) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [("Eve", "no distinguished name in slash form"), ("/DC=test/XYZ=1", "'XYZ' in a name is unknown")],
)
def test_a_name_that_has_no_hash_is_refused(name: str, message: str) -> None:
    with pytest.raises(StorageError, match=message):
        name_hash(name)
