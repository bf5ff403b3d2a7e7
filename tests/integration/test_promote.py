# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change goes to production only through its twin, told on two tiny sites with doubles of the stages (tests/doubles).

No host of these sites exists, so a playbook that passes has connected to none.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from playing import PLAYBOOKS, ROOT, play

DOUBLES = ROOT / "tests/doubles"
ON_TWIN = ["twin job_begins", "twin site", "twin job_ends", "twin verify"]


def inventory(name: str, network: int, twin: str, protected: bool) -> str:
    """A site of one machine with one domain that serves nothing."""
    own = ("name", "domain", "twin", "protected", "state_dir")
    site = {
        "site_name": name,
        "site_domain": f"{name}.test",
        "site_twin": "{{ inventory_dir }}/../" + twin,
        "site_protected": protected,
        "site_state_dir": "/nonexistent/" + name,
        "site_own": [*(f"site_{variable}" for variable in own), "machine_address", "domain_address"],
    }
    machine = {
        "machine_memory": 2048,
        "machine_dom0_memory": 1024,
        "machine_cpus": 2,
        "machine_address": f"10.{network}.0.1/24",
    }
    domain = {
        "domain_dom0": f"m1.{name}.test",
        "domain_memory": 256,
        "domain_release": "trixie",
        "domain_root_size": 2048,
        "domain_address": f"10.{network}.0.2/24",
    }
    return yaml.safe_dump(
        {
            "all": {
                "vars": site,
                "children": {
                    "dom0s": {"hosts": {f"m1.{name}.test": machine}},
                    "domains": {"hosts": {f"d1.{name}.test": domain}},
                },
            }
        }
    )


@dataclass
class Sites:
    """Production and its twin, the playbooks with the doubles among them, and what the doubles have noted."""

    place: Path

    def promote(self, *options: str, site: str = "production") -> subprocess.CompletedProcess[str]:
        log = str(self.place / "log")
        return play(self.place / "playbooks/promote.yml", self.place / site, *options, DOUBLE_LOG=log)

    def run(self) -> list[str]:
        log = self.place / "log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def sites(tmp_path: Path) -> Sites:
    shutil.copytree(PLAYBOOKS, tmp_path / "playbooks")
    shutil.copytree(DOUBLES, tmp_path / "tests/doubles")
    for double in DOUBLES.glob("*.yml"):
        instead = [{"name": "Take the double", "ansible.builtin.import_playbook": f"../tests/doubles/{double.name}"}]
        (tmp_path / "playbooks" / double.name).write_text(yaml.safe_dump(instead))
    for name, network, twin, protected in (("production", 1, "twin", True), ("twin", 2, "production", False)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "hosts.yml").write_text(inventory(name, network, twin, protected))
    return Sites(tmp_path)


def test_production_is_changed_after_its_twin_has_gone_through_it(sites: Sites) -> None:
    for changed in (True, False):
        run = sites.promote("-e", "confirm=production")
        assert run.returncode == 0, run.stdout
        assert sites.run() == [*ON_TWIN, "production site"]
        assert ("changed=0" in run.stdout.rpartition("PLAY RECAP")[2]) == (not changed)
    # The twin's run is shown, line by line.
    assert "\ntwin: PLAY [Play the part of verify.yml]" in run.stdout
    assert run.stdout.index("twin: PLAY RECAP") < run.stdout.index("\nPLAY [Play the part of site.yml]")


def test_a_twin_that_has_drifted_is_not_asked(sites: Sites) -> None:
    hosts = sites.place / "twin/hosts.yml"
    hosts.write_text(hosts.read_text().replace("domain_memory: 256", "domain_memory: 512"))
    run = sites.promote("-e", "confirm=production")
    assert run.returncode == 2, run.stdout
    assert "domain_memory is 256 here and 512 there (d1)" in run.stdout
    assert sites.run() == []


@pytest.mark.parametrize("stage", ON_TWIN)
def test_production_stays_as_it_is_where_the_twin_is_red(sites: Sites, stage: str) -> None:
    run = sites.promote("-e", "confirm=production", "-e", f"double_red='{stage}'")
    assert run.returncode == 2, run.stdout
    assert sites.run() == ON_TWIN[: ON_TWIN.index(stage) + 1]
    said = " ".join(run.stdout.split())
    part = f"Play the part of {stage.removeprefix('twin ')}.yml / Fail where the test says so (m1.twin.test)"
    assert "The twin is red, and production has not been touched." in said
    assert f"What failed: {part}." in said
    assert f"ansible-playbook -i {sites.place}/twin {sites.place}/playbooks/rehearse.yml" in said


def test_production_asks_when_its_twin_is_green(sites: Sites) -> None:
    run = sites.promote()
    assert run.returncode == 2, run.stdout
    assert "add -e confirm=production;" in run.stdout
    assert sites.run() == ON_TWIN


def test_check_mode_shows_what_would_be_done_on_both_and_changes_neither(sites: Sites) -> None:
    run = sites.promote("--check")
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("PLAY [Play the part of site.yml]") == 2
    assert "changed=2 " in run.stdout.rpartition("PLAY RECAP")[2]
    assert sites.run() == []


@pytest.mark.parametrize(
    ("site", "options", "said"),
    [
        ("production", ("--tags=verify",), "promote.yml takes no tags"),
        ("production", ("--skip-tags=verify",), "promote.yml takes no tags"),
        ("twin", (), "is protected, so it is no place to try a change"),
    ],
    ids=["tags", "skipped tags", "the wrong way round"],
)
def test_what_cannot_be_promoted(sites: Sites, site: str, options: tuple[str, ...], said: str) -> None:
    run = sites.promote("-e", "confirm=production", *options, site=site)
    assert run.returncode == 2, run.stdout
    assert said in " ".join(run.stdout.split())
    assert sites.run() == []
