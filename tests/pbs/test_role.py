# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role batch_server makes of an inventory in PBS, without the packages and daemons around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._pbs import attributes
from ansible_collections.egee.box.plugins.module_utils._pbs.client import Access
from ansible_collections.egee.box.tests.pbs.test_every_attribute import put_back
from ansible_collections.egee.box.tests.pbs.world import NOWHERE, CountingRunner, World
from ansible_collections.egee.box.tests.unit.standin_pbs import install

ROOT = Path(__file__).parents[2]
OF_SERVER = ("default_queue", "flatuid", "query_other_jobs", "job_history_enable", "operators", "max_queued")
SCHED_CONFIG = 'round_robin: False  all\n#fair_share: false  ALL\nresources: "ncpus, mem"\n'


def script(file: Path, body: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def run(directory: Path, tasks: str, *options: str, **variables: t.Any) -> subprocess.CompletedProcess[str]:
    """Some tasks of the role on this host, where the commands in `path` come first."""
    task = {"ansible.builtin.include_role": {"name": "egee.box.batch_server", "tasks_from": tasks}}
    variables["ansible_python_interpreter"] = sys.executable
    book = directory / "book.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "vars": variables, "tasks": [task]}]))
    environment = {**os.environ, "PATH": f"{directory / 'path'}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
    command = ["ansible-playbook", "-i", "localhost,", *options, book]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


class Site:
    """A PBS server, a scheduler's files, and the role that is run for them on this host."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.directory = directory
        self.config = directory / "sched_priv" / "sched_config"
        self.config.parent.mkdir()
        self.config.write_text(SCHED_CONFIG)
        # A real server's scheduler has nothing to read again: its files are others.
        self.told = directory / "told"
        script(directory / "path" / "pkill", f'echo "$@" >> {self.told}')

    def run(self, *options: str, **more: t.Any) -> list[str]:
        """The tasks that changed something, or would."""
        done = run(self.directory, "openpbs_objects", *options, **self.wanted(), **more)
        assert done.returncode == 0, done.stdout
        tasks = done.stdout.split("TASK [")[1:]
        return [task.partition("]")[0].rpartition(" : ")[2] for task in tasks if "\nchanged: [localhost]" in task]

    def wanted(self) -> dict[str, t.Any]:
        """The variables of a site with two VOs that share a queue, local users, and limits of its own."""
        name = self.world.name
        return {
            "batch_server_name": "localhost",
            "batch_server_pbs_exec": str(Path(self.world.access.commands).parent),
            "batch_server_pbs_home": str(self.directory),
            "batch_server_nodes": [{"name": NOWHERE, "vcpus": 2, "memory": 1120}],
            "batch_server_vos": [
                {"name": name("a"), "queue": name("g"), "pool": {"prefix": "voa"}, "share": 3},
                {"name": name("b"), "queue": name("g"), "pool": {"prefix": "vob"}},
            ],
            "batch_server_local": {"queue": name("l"), "group": "local", "share": 2},
            "batch_server_pbs_resources": [{"name": name("gpu"), "type": "long", "flag": "nh"}],
            "batch_server_pbs_queues": {
                name("a"): {"max_run": {"o:PBS_ALL": 100}, "resources_max": {name("gpu"): 2}},
                name("x"): {"queue_type": "Execution", "acl_user_enable": True, "acl_users": ["root@*"]},
            },
            "batch_server_pbs_attributes": {"max_queued": {"u:PBS_GENERIC": 500}},
        }


@pytest.fixture(params=["stand-in", "real server"])
def site(request: pytest.FixtureRequest, commands: str, tmp_path: Path) -> Iterator[Site]:
    real = request.param == "real server"
    if real and not commands:
        pytest.skip("no PBS server answers qmgr on this machine")
    (tmp_path / "bin").mkdir()
    world = World(CountingRunner(), Access(commands if real else str(install(tmp_path / "bin"))), real)
    [before] = [dict(server) for server in world.listed(attributes.SERVER).values()]
    yield Site(world, tmp_path)
    world.by_hand(f"delete node {NOWHERE}", *put_back(world, attributes.SERVER, OF_SERVER, before))
    world.clean()


EVERYTHING = [
    "Ensure that the resources are known",
    "Ensure that VOs and local users have their queues",
    "Ensure that the server is as it should be",
    "Ensure that the worker nodes are known",
    "Ensure that the scheduler knows the shares",
    "Ensure that the scheduler goes by them",
    "Let the scheduler read them",
]


def test_an_inventory_comes_to_pbs_in_one_run(site: Site) -> None:
    name = site.world.name
    assert site.run("--check") == EVERYTHING[:-1]
    assert site.run() == EVERYTHING
    assert site.run() == []
    assert site.told.read_text() == "-HUP -x pbs_sched\n"
    assert "fair_share: true ALL\n" in site.config.read_text()
    assert f'resources: "ncpus, mem, arch, host, vnode, aoe, eoe, {name("gpu")}"\n' in site.config.read_text()
    shares = (site.config.parent / "resource_group").read_text().splitlines()
    assert shares[-3:] == ["voa 11 root 3", "vob 12 root 1", "local 10 root 2"]

    queues, server = site.world.listed(attributes.QUEUE), next(iter(site.world.listed(attributes.SERVER).values()))
    assert queues[name("g")]["route_destinations"] == f"{name('a')},{name('b')}"
    assert queues[name("g")]["acl_groups"] == "voa,vob"
    assert (queues[name("a")]["acl_groups"], queues[name("a")]["from_route_only"]) == ("voa", "True")
    assert (queues[name("a")]["max_run"], queues[name("a")][f"resources_max.{name('gpu')}"]) == ("[o:PBS_ALL=100]", "2")
    assert (queues[name("l")]["acl_groups"], queues[name("l")]["resources_default.mem"]) == ("local", "512mb")
    assert queues[name("x")]["acl_users"] == "root@*"
    assert (server["default_queue"], server["max_queued"]) == (name("l"), "[u:PBS_GENERIC=500]")
    assert site.world.listed(attributes.NODE)[NOWHERE]["resources_available.mem"] == "1024mb"

    assert site.run(batch_server_max_time=60) == ["Ensure that VOs and local users have their queues"]
    assert site.world.listed(attributes.QUEUE)[name("b")]["resources_max.walltime"] == "01:00:00"


@pytest.mark.parametrize(
    ("says", "refused"),
    [
        pytest.param("echo pbs_version = 23.06.06", "", id="OpenPBS"),
        pytest.param("echo Version: 6.1.2", "says 'Version: 6.1.2', and", id="TORQUE"),
        pytest.param("echo slurm 24.11 >&2; exit 1", "says 'slurm 24.11', and", id="a wrapper of Slurm's"),
        pytest.param(None, "bin/qmgr --version says", id="nothing"),
    ],
)
def test_another_dialect_is_refused_by_name(tmp_path: Path, says: str | None, refused: str) -> None:
    if says:
        script(tmp_path / "bin" / "qmgr", says)
    done = run(tmp_path, "openpbs_dialect", batch_server_pbs_exec=str(tmp_path))
    assert (done.returncode == 0, "TORQUE" in done.stdout) == (not refused, bool(refused))
    assert refused in done.stdout
