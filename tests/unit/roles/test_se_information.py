# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a storage element, given what it answered."""

from __future__ import annotations

import pytest
import se_information as se

SE = {"host": "se.site.test", "port": 1094, "http_port": 8443, "vos": ["voce", "atlas"], "site": "S", "validity": 300}
SIZES = {"TotalSize": 10, "FreeSize": 4, "UsedSize": 6}


@pytest.mark.parametrize(
    ("answer", "sizes"),
    [
        pytest.param("oss.cgroup=public&oss.space=10000000001&oss.free=4999999999&oss.used=6000000000&oss.quota=-1",
                     SIZES, id="whole gigabytes"),
        pytest.param("oss.space=1&oss.free=-1&oss.used=1", {}, id="a size that is none"),
        pytest.param("", {}, id="no answer"),
    ],
)  # fmt: skip
def test_space_is_what_the_server_says(answer: str, sizes: dict[str, int]) -> None:
    assert se.space(answer) == sizes


def test_all_answers_are_told() -> None:
    tree = se.told(SE, "5.8.1", True, {"voce": SIZES, "atlas": SIZES}, 0)
    assert tree.count("GLUE2EndpointHealthState: ok") == 2
    assert tree.count("GLUE2StorageShareCapacityTotalSize: 10") == 2
    assert "GLUE2StorageServiceCapacityFreeSize: 4\n" in tree
    assert tree.count("GLUE2EntityCreationTime: 1970-01-01T00:00:00Z\nGLUE2EntityValidity: 300") == tree.count("dn: ")


def test_what_does_not_answer_is_told_as_critical_and_has_no_share() -> None:
    tree = se.told(SE, "", True, {}, 0)
    entries = tree.split("\n\n")
    root = next(entry for entry in entries if "GLUE2EndpointURL: root://se.site.test:1094" in entry)
    assert "GLUE2EndpointHealthState: critical\nGLUE2EndpointServingState: closed" in root
    assert "ImplementationVersion" not in root
    assert not any("GLUE2ShareID" in entry or "Capacity" in entry.split(",")[0] for entry in entries)


def test_each_entry_hangs_on_one_told_before() -> None:
    names = [line[4:] for line in se.told(SE, "5", True, {"voce": SIZES}, 0).splitlines() if line.startswith("dn: ")]
    for place, name in enumerate(names[1:], 1):
        assert name.split(",", 1)[1] in names[:place]
    assert names[0].endswith(",GLUE2GroupID=resource,o=glue")
