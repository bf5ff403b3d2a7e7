# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PBS modules as Ansible calls them, with the commands of a stand-in server."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.modules import (
    pbs_hook,
    pbs_info,
    pbs_node,
    pbs_queue,
    pbs_resource,
    pbs_sched,
    pbs_server,
)
from ansible_collections.egee.box.tests.unit.standin_pbs import install

Call = t.Callable[..., dict[str, t.Any]]


class Site:
    """A stand-in server, and modules that are called with its commands."""

    def __init__(self, directory: Path, call: Call) -> None:
        self.commands = install(directory)
        self._call = call

    def call(self, module: t.Any, check: bool = False, **args: t.Any) -> dict[str, t.Any]:
        return self._call(module, **{"bin_dir": str(self.commands), "_ansible_check_mode": check, **args})

    def ladder(self, module: t.Any, **args: t.Any) -> dict[str, t.Any]:
        """Check, do, check again, do again."""
        predicted = self.call(module, check=True, **args)
        assert predicted["changed"], predicted
        assert self.call(module, **args) == {**predicted, "invocation": {"module_args": ANYTHING}}
        for check in (True, False):
            again = self.call(module, check=check, **args)
            assert (again["changed"], again["directives"]) == (False, [])
        return predicted


class Anything:
    def __eq__(self, other: object) -> bool:
        return True


ANYTHING = Anything()


@pytest.fixture
def site(tmp_path: Path, call: Call) -> Site:
    return Site(tmp_path, call)


def test_queues_in_bulk_each_with_its_own(site: Site) -> None:
    common = {"attributes": {"queue_type": "Execution", "enabled": True, "resources_max": {"walltime": 3600}}}
    own = [{"name": "atlas", "attributes": {"acl_groups": ["b", "a"]}}, {"name": "dteam"}]
    result = site.ladder(pbs_queue, queues=own, **common)
    assert result["actions"] == ["created queue atlas", "created queue dteam"]
    assert result["queues"]["atlas"]["acl_groups"] == ["a", "b"]
    assert result["queues"]["dteam"] == {
        "queue_type": "Execution",
        "enabled": True,
        "resources_max.walltime": "01:00:00",
    }
    result = site.ladder(pbs_queue, name=["atlas"], attributes={"acl_groups": None, "Priority": 3})
    assert result["diff"] == [{"before": {"atlas": {"acl_groups": "a,b"}}, "after": {"atlas": {"Priority": "3"}}}]
    result = site.ladder(pbs_queue, queues=[{"name": "atlas", "state": "absent"}, {"name": "dteam"}])
    assert result["queues"] == {"atlas": None, "dteam": {}}


def test_a_queue_that_is_needed_stays(site: Site) -> None:
    result = site.call(pbs_queue, name=["workq"], state="absent")
    assert result["failed"]
    assert result["msg"].startswith("queue workq: it is the server's default_queue")
    assert site.call(pbs_queue, name=["workq"], state="absent", force=True)["changed"]


def test_the_server(site: Site) -> None:
    result = site.ladder(pbs_server, attributes={"managers": ["root@*", "adm@*"], "mail_from": ""})
    assert result["servers"] == {"pbs1": {"managers": ["adm@*", "root@*"]}}
    wanted = {"default_queue": "workq", "mail_from": None}
    assert site.ladder(pbs_server, attributes=wanted, exact=True)["directives"] == ["unset server mail_from, managers"]


def test_nodes_go_offline_and_come_back_with_their_comment(site: Site) -> None:
    site.ladder(pbs_node, name=["a", "b"], attributes={"resources_available": {"ncpus": 4}}, comment="rack 7")
    result = site.ladder(pbs_node, name=["a", "b"], state="drained")
    assert result["directives"] == ["set node @default state += offline"]
    assert site.call(pbs_info, gather=["nodes"])["nodes"]["a"]["comment"] == "rack 7"
    mixed = [{"name": "a", "state": "online", "comment": ""}, {"name": "b", "state": "absent"}, {"name": "c"}]
    result = site.ladder(pbs_node, nodes=mixed)
    assert result["actions"] == ["changed node a", "deleted node b", "created node c"]
    nodes = site.call(pbs_info, gather=["nodes"])["nodes"]
    assert (nodes["a"]["offline"], nodes["a"]["resources_available.ncpus"]) == (False, 4)
    assert "comment" not in nodes["a"]


def test_a_part_that_fails_is_named(site: Site) -> None:
    result = site.call(pbs_node, name=["a", "nosuch"])
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["actions"] == ["created node a"]
    assert list(result["failures"]) == ["nosuch"]


def test_resources(site: Site) -> None:
    resources = [{"name": "scratch", "type": "size", "flag": "nh"}, {"name": "features", "type": "string_array"}]
    assert site.ladder(pbs_resource, resources=resources)["resources"]["scratch"] == {"type": "size", "flag": "hn"}
    assert site.ladder(pbs_resource, name=["scratch"], flag="")["directives"] == ['set resource scratch flag = ""']
    site.call(pbs_node, name=["a"], attributes={"resources_available.scratch": "1gb"})
    assert (
        "it has values: node a resources_available.scratch"
        in site.call(pbs_resource, name=["scratch"], state="absent")["msg"]
    )
    assert site.ladder(pbs_resource, name=["scratch"], state="absent", force=True)["resources"] == {"scratch": None}


def test_hooks_are_compared_by_content(site: Site) -> None:
    hook = {"name": ["magrathea"], "event": ["execjob_begin"], "order": 5, "content": "import pbs\n", "config": "{}\n"}
    site.ladder(pbs_hook, **hook)
    result = site.ladder(pbs_hook, **{**hook, "content": "import pbs\n\n"})
    assert result["directives"] == ["import hook magrathea application/x-python base64 -"]
    assert result["diff"][1] == {
        "before_header": "content of hook magrathea",
        "after_header": "content of hook magrathea",
        "before": "import pbs\n",
        "after": "import pbs\n\n",
    }
    assert site.ladder(pbs_hook, name=["magrathea"], enabled=False)["hooks"] == {"magrathea": {"enabled": False}}
    assert site.ladder(pbs_hook, name=["magrathea"], state="absent")["changed"]


def test_schedulers(site: Site) -> None:
    assert site.ladder(pbs_sched, attributes={"preempt_order": "S"})["scheds"] == {"default": {"preempt_order": "S"}}
    site.ladder(pbs_sched, name=["second"], attributes={"sched_cycle_length": 600})
    site.ladder(pbs_sched, name=["second"], state="absent")
    assert "cannot be deleted" in site.call(pbs_sched, state="absent")["msg"]


def test_info_gives_what_the_modules_take(site: Site) -> None:
    attributes = {"queue_type": "Execution", "enabled": True, "acl_users": ["a", "b"], "resources_max.mem": "1gb"}
    site.call(pbs_queue, name=["q"], attributes=attributes)
    found = site.call(pbs_info)
    assert set(found) >= {"server", "queues", "nodes", "resources", "scheds"}
    assert (found["server"]["log_events"], found["server"]["scheduling"]) == (511, True)
    assert {name: found["queues"]["q"][name] for name in attributes} == attributes
    assert found["queues"]["q"]["total_jobs"] == 0
    assert not site.call(pbs_queue, name=["q"], attributes=attributes)["changed"]


@pytest.mark.parametrize(
    ("module", "args", "message"),
    [
        pytest.param(pbs_queue, {}, "one of the following is required: name, queues", id="nothing"),
        pytest.param(pbs_node, {"name": ["a"], "state": "busy"}, "value of state must be one of", id="state"),
        pytest.param(pbs_resource, {"name": ["a"], "type": "int"}, "value of type must be one of", id="type"),
        pytest.param(pbs_info, {"gather": ["all"]}, "value of gather must be one or more of", id="gather"),
        pytest.param(pbs_queue, {"name": ["a;b"]}, "queue 'a;b': this is no name of a queue", id="name"),
        pytest.param(pbs_node, {"name": ["a"], "bin_dir": "/none"}, "/none/qmgr: not found", id="no PBS"),
    ],
)
def test_what_cannot_be_is_refused(site: Site, module: t.Any, args: dict[str, t.Any], message: str) -> None:
    result = site.call(module, **args)
    assert result["failed"]
    assert message in result["msg"]
