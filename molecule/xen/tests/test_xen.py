# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true of the machine and its domains, told by Xen itself and by each domain."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from functools import cache
from pathlib import Path
from typing import Any

SCENARIO = Path(__file__).parent.parent
PROJECT = SCENARIO.parent.parent
SITE = [
    f"--inventory={PROJECT / 'tests' / 'inventories' / 'slice'}",
    f"--extra-vars=@{SCENARIO / 'vars' / 'apart.yml'}",
]
ENVIRONMENT = {
    **os.environ,
    "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
    "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
    "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
}
UNREACHABLE = 4  # what ansible returns then


def run(hosts: str, module: str, args: str) -> subprocess.CompletedProcess[str]:
    command = ["ansible", *SITE, hosts, f"--module-name={module}", f"--args={args}"]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=PROJECT, check=False)


def answers(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert "{" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
    # The progress is told around it.
    answer = done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1]
    # Another strategy than Ansible's own has each host's answer as a task.
    return {host: said for task in json.loads(answer)["plays"][0]["tasks"] for host, said in task["hosts"].items()}


def evidence() -> str:
    """What the machines know of a domain that does not answer: Xen's list, and its kernel's last words."""
    words = "grep -aE 'Oops|panic|BUG:|RIP:|EFLAGS|Out of memory' /var/log/xen/console/guest-*.log | tail -n 12"
    told = answers(run("dom0s", "ansible.builtin.shell", f"xl list; {words}"))
    return "\n".join(said.get("stdout", "") for said in told.values())


@cache
def ask(hosts: str, module: str, args: str = "") -> dict[str, Any]:
    """What a module returns, by host. One question for all hosts: each login costs an emulated one seconds."""
    done = run(hosts, module, args)
    if done.returncode == UNREACHABLE:
        # Once in some hours the emulator loses a processor's state, and the domain panics and starts again. That is
        # told, and asked once more.
        silent = [host for host, said in answers(done).items() if said.get("unreachable")]
        warnings.warn(f"{silent} did not answer to {module} {args}:\n{evidence()}", stacklevel=1)
        done = run(hosts, module, args)
    wrong = {h: said for h, said in answers(done).items() if said.get("unreachable") or said.get("failed")}
    assert done.returncode == 0, f"{json.dumps(wrong)[-2000:]}\n{done.stderr[-500:]}\n{evidence()}"
    return answers(done)


def plan() -> Any:
    """The plan, which touches no host."""
    question = json.dumps({"msg": "{{ hostvars | egee.box.plan(groups) | to_json }}"})
    said = ask("dom0s", "ansible.builtin.debug", question)
    return json.loads(next(iter(said.values()))["msg"])


def on_domains(command: str) -> dict[str, str]:
    return {name: said["stdout"] for name, said in ask("domains", "ansible.builtin.command", command).items()}


def test_machines_run_on_the_xen_that_was_wanted() -> None:
    for machine, said in ask("dom0s", "egee.box.xen_info").items():
        assert said["xen"]["running"]
        assert f"dom0_mem={plan()['machines'][machine]['memory']['dom0']}M" in said["xen"]["commandline"]


def test_domains_run_with_the_memory_that_the_plan_gives_them() -> None:
    found = {
        domain["name"]: domain
        for said in ask("dom0s", "egee.box.xen_domain_info").values()
        for domain in said["domains"]
    }
    assert {name: domain["state"] for name, domain in found.items()} == dict.fromkeys(plan()["domains"], "running")
    # Xen may keep a page or two of a domain's memory back for itself, which rounds to 1 MiB.
    for name, domain in plan()["domains"].items():
        assert domain["memory"] - found[name]["memory_used"] in (0, 1)


def test_each_has_its_own_root_device() -> None:
    assert set(on_domains("findmnt --noheadings --output SOURCE /").values()) == {"/dev/xvda"}
    ids = on_domains("cat /etc/machine-id")
    assert len(set(ids.values())) == len(ids) == len(plan()["domains"])


def test_two_releases_are_in_use() -> None:
    found = on_domains("sh -c '. /etc/os-release; echo $VERSION_CODENAME'")
    assert found == {name: domain["release"] for name, domain in plan()["domains"].items()}
    assert len(set(found.values())) > 1
