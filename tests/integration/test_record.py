# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plan.yml tells of what was deployed before, by the record that the last stage of site.yml keeps of it.

No host of these sites exists, so a playbook that passes has connected to none.
"""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

from playing import SITES, play


def shown(stdout: str) -> str:
    return stdout.partition("TASK [Show what would change")[2].partition("msg:")[2].partition("\n\n")[0]


def test_the_plan_tells_what_would_change_of_what_was_deployed(tmp_path: Path) -> None:
    for name in ("common", "pps"):
        shutil.copytree(SITES / name, tmp_path / name, symlinks=True)
    site, record = tmp_path / "pps", tmp_path / "state/prague_cesnet_pps/plan.json"
    state = {"EGEE_BOX_STATE": str(tmp_path / "state")}

    for left_out in ("--check", "--skip-tags=services", "--tags=services"):
        run = play("record.yml", site, left_out, **state)
        assert run.returncode == 0, run.stdout
        assert "never deployed: all of it is new" in shown(run.stdout)
        assert not record.exists()

    # What Molecule gives every run is no tag of a site.
    for changed in (1, 0):
        run = play("record.yml", site, "--skip-tags=molecule-notest,notest", **state)
        assert run.returncode == 0, run.stdout
        assert f"changed={changed} " in run.stdout
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.parent.stat().st_mode) == 0o700
    assert shown(run.stdout).strip() == "nothing"

    (site / "host_vars").mkdir()
    for name, variable in (("ce", "domain_memory: 768"), ("lb", "domain_release: trixie")):
        (site / f"host_vars/{name}.pps.prague.example.yml").write_text(f"---\n{variable}\n")
    changes = {
        "ce": "ce.pps.prague.example: memory 1024 -> 768, live",
        "lb": "lb.pps.prague.example: release bookworm -> trixie, rebuild",
    }
    run = play("record.yml", site, "--limit", "box.pps.prague.example,ce.pps.prague.example", **state)
    assert run.returncode == 0, run.stdout
    assert all(change in shown(run.stdout) for change in changes.values())
    run = play("plan.yml", site, **state)
    assert changes["ce"] not in run.stdout and changes["lb"] in shown(run.stdout)
    assert "changed=0" in run.stdout
