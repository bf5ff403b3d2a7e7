# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VOMS modules as they are called: their options, and what they say where there is no server."""

from __future__ import annotations

import typing as t
from pathlib import Path
from types import ModuleType

import pytest
from ansible_collections.egee.box.plugins.modules import voms_user, voms_vo

Call = t.Callable[..., dict[str, t.Any]]

ALICE, CA = "/DC=test/CN=Alice Novak", "/DC=test/CN=CA"


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    return str(tmp_path / "socket")


def test_a_vo_is_predicted_where_there_is_no_server_yet(nowhere: str, call: Call) -> None:
    result = call(
        voms_vo,
        name="voce",
        groups=["/voce/physics"],
        roles=["SoftwareManager"],
        login_unix_socket=nowhere,
        _ansible_check_mode=True,
    )
    assert result["changed"]
    assert result["vo"]["groups"] == ["/voce", "/voce/physics"]
    assert result["diff"]["after"]["VO voce"]["role SoftwareManager"] == "SoftwareManager"


def test_a_member_is_predicted_where_there_is_no_server_yet(nowhere: str, call: Call) -> None:
    result = call(voms_user, vo="voce", dn=ALICE, ca=CA, login_unix_socket=nowhere, _ansible_check_mode=True)
    assert result["actions"] == [f"added {ALICE}"]
    assert result["users"] == [{"dn": ALICE, "ca": CA, "cn": "Alice Novak", "email": "", "fqans": ["/voce"]}]
    assert "takes it for empty" in str(result["warnings"])


@pytest.mark.parametrize(
    ("module", "params", "message"),
    [
        pytest.param(voms_vo, {"name": "a b"}, "VO 'a b': no name for a VO", id="a bad VO"),
        pytest.param(voms_vo, {"name": "x", "state": "gone"}, "value of state must be one of", id="no state"),
        pytest.param(voms_user, {"vo": "voce"}, "one of the following is required: dn, users", id="nobody"),
        pytest.param(voms_user, {"vo": "voce", "dn": ALICE}, "parameters are required together: dn, ca", id="no CA"),
        pytest.param(
            voms_user,
            {"vo": "voce", "dn": ALICE, "ca": CA, "users": []},
            "mutually exclusive: dn|users",
            id="one and many",
        ),
        pytest.param(
            voms_user,
            {"vo": "voce", "users": [{"dn": ALICE, "ca": CA, "fqans": ["/x"]}]},
            f"VO voce: {ALICE}: FQAN '/x': outside VO voce",
            id="an FQAN of another VO",
        ),
    ],
)
def test_bad_options_are_refused_before_a_server_is_looked_for(
    module: ModuleType,
    params: dict[str, t.Any],
    message: str,
    nowhere: str,
    call: Call,
) -> None:
    result = call(module, **params, login_unix_socket=nowhere)
    assert result["failed"]
    assert message in result["msg"]
