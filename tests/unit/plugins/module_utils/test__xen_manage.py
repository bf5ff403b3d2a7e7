# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many domains in one go: the result, the diff, the prediction, and what a failure leaves undone."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._xen import Xen
from ansible_collections.egee.box.plugins.module_utils._xen_config import Definition, render
from ansible_collections.egee.box.plugins.module_utils._xen_manage import Manager, inform, wanted_from
from ansible_collections.egee.box.plugins.module_utils._xen_options import ARGUMENTS, DOMAIN
from ansible_collections.egee.box.plugins.module_utils._xen_plan import Permissions, Wanted
from ansible_collections.egee.box.plugins.module_utils._xen_store import Store
from ansible_collections.egee.box.tests.unit.scripted_runner import Expected, ScriptedRunner
from ansible_collections.egee.box.tests.unit.xl_outputs import NOT_ON_XEN, details, listing

VOMS = Definition("voms", memory=384, maxmem=384, kernel="/k")
CE = Definition("ce", memory=512, maxmem=512, kernel="/k")
WN = Definition("wn", memory=256, maxmem=256, kernel="/k")
ALL = (VOMS, CE, WN)


def look(states: dict[str, str], *built: Definition) -> list[Expected]:
    """A full look at a machine that has these domains in these states."""
    known = {one.name: (place, one) for place, one in enumerate(built or ALL, 1)}
    rows = [
        (name, known[name][0], known[name][1].memory, known[name][1].vcpus, state) for name, state in states.items()
    ]
    described = [known[name] for name, state in states.items() if state != "half-built"]
    seen = Expected("xl list", listing(*rows))
    return [seen, Expected("xl list -l", details(*described))] if states else [seen]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "xen").mkdir()
    return Store(tmp_path / "xen", tmp_path / "save")


def define(store: Store, *domains: Definition) -> None:
    for one in domains:
        store.write_config(one.name, render(one))


def run(
    store: Store, runner: ScriptedRunner, state: str, *domains: Definition, **permissions: t.Any
) -> dict[str, t.Any]:
    wanted = [Wanted(one.name, state, one) for one in domains]
    result = Manager(Xen(runner), store, wanted, Permissions(**permissions)).run()
    runner.finish()
    return result


def test_a_converged_machine_costs_two_looks_however_many_domains_it_has(store: Store) -> None:
    many = [Definition(f"d{number}", 128, 128, kernel="/k") for number in range(100)]
    define(store, *many)
    runner = ScriptedRunner(*look({one.name: "running" for one in many}, *many))
    result = run(store, runner, "running", *many)
    assert (result["changed"], result["actions"], result["restart_required"]) == (False, [], {})
    assert result["diff"]["before"] == result["diff"]["after"] == {}
    assert [(one["name"], one["state"], one["memory_used"]) for one in result["domains"]] == [
        (f"d{number}", "running", 128) for number in range(100)
    ]


def test_one_domain_is_changed_and_only_it_is_named(store: Store) -> None:
    define(store, *ALL)
    wanted = replace(CE, memory=384, weight=512)
    states = {"voms": "running", "ce": "running", "wn": "running"}
    runner = ScriptedRunner(
        *look(states),
        Expected("xl mem-set ce 384m"),
        look(states, VOMS, wanted, WN)[0],
        Expected("xl sched-credit2 -d ce -w 512 -c 0"),
    )
    result = run(store, runner, "running", VOMS, wanted, WN)
    assert result["changed"]
    assert result["diff"]["before"] == {"ce": {"memory": 512, "weight": 256}}
    assert result["diff"]["after"] == {"ce": {"memory": 384, "weight": 512}}
    assert result["actions"] == ["ce: memory 512 -> 384", "ce: weight 256 -> 512"]
    assert result["domains"][1] == {
        **wanted.plain(),
        "state": "running",
        "domid": 2,
        "memory_used": 384,
        "vcpus_used": 1,
        "defined": True,
        "autostart": None,
        "saved_image": None,
    }


def test_what_waits_for_a_restart_is_told_each_time_but_changes_only_the_file(store: Store) -> None:
    define(store, CE)
    wanted = replace(CE, maxvcpus=2)
    runner = ScriptedRunner(*look({"ce": "running"}))
    first = run(store, runner, "running", wanted)
    assert first["changed"]
    assert first["actions"] == ["ce: maxvcpus 1 -> 2"]
    assert first["restart_required"] == {"ce": ["maxvcpus 1 -> 2"]}
    assert first["warnings"] == ["ce: maxvcpus 1 -> 2: takes effect at its next start, or with allow_restart=true"]
    second = run(store, ScriptedRunner(*look({"ce": "running"})), "running", wanted)
    assert (second["changed"], second["restart_required"]) == (False, {"ce": ["maxvcpus 1 -> 2"]})


def test_domains_start_in_order_and_end_in_reverse(store: Store) -> None:
    define(store, *ALL)
    etc = store.config_dir
    runner = ScriptedRunner(
        *look({}),
        *(
            step
            for one in ALL
            for step in (
                Expected(f"xl create -q {etc}/{one.name}.cfg"),
                Expected("xl list", listing((one.name, 9, 1, 1, "running"))),
            )
        ),
    )
    assert run(store, runner, "running", *ALL)["actions"] == ["voms: created", "ce: created", "wn: created"]
    runner = ScriptedRunner(
        *look({one.name: "running" for one in ALL}),
        *(
            step
            for name in ("wn", "ce", "voms")
            for step in (Expected(f"xl shutdown -w {name}"), Expected("xl list", listing()))
        ),
    )
    result = run(store, runner, "shutdown", *ALL)
    assert result["actions"] == ["wn: shut down", "ce: shut down", "voms: shut down"]
    assert [one["state"] for one in result["domains"]] == ["shutdown"] * 3
    assert result["diff"]["after"] == {name: {"state": "shutdown"} for name in ("wn", "ce", "voms")}


def test_check_mode_predicts_without_a_write(store: Store) -> None:
    runner = ScriptedRunner(*look({"ce": "running"}), check_mode=True)
    define(store, CE)
    dry = Store(store.config_dir, store.save_dir, check_mode=True)
    result = run(dry, runner, "running", VOMS, replace(CE, memory=384, kernel="/other"))
    assert result["changed"]
    assert result["actions"][0] == "voms: defined"
    assert result["actions"][1:3] == ["voms: created", "ce: memory 512 -> 384"]
    assert [(one["name"], one["state"], one["domid"], one["memory"], one["kernel"]) for one in result["domains"]] == [
        ("voms", "running", None, 384, "/k"),
        ("ce", "running", 2, 384, "/k"),
    ]
    assert store.defined() == ["ce"]
    assert result["diff"]["after"]["voms"]["state"] == "running"
    assert result["diff"]["before"]["voms"] == {"state": "absent"}


def test_check_mode_works_before_there_is_a_hypervisor(store: Store) -> None:
    runner = ScriptedRunner(Expected("xl list", rc=1, stderr=NOT_ON_XEN), check_mode=True)
    dry = Store(store.config_dir, store.save_dir, check_mode=True)
    result = run(dry, runner, "present", VOMS)
    assert (result["changed"], result["domains"][0]["state"]) == (True, "shutdown")
    assert result["warnings"] == [
        "xl list: this host does not run on Xen; boot it with the hypervisor (role xen_dom0). "
        "Predicted as for a machine without domains"
    ]


def test_the_prediction_is_what_comes_true(store: Store) -> None:
    etc = store.config_dir
    dry = Store(etc, store.save_dir, check_mode=True)
    predicted = run(dry, ScriptedRunner(*look({}), check_mode=True), "running", CE)
    runner = ScriptedRunner(
        *look({}),
        Expected(f"xl create -q {etc}/ce.cfg"),
        Expected("xl list", listing(("ce", 2, 512, 1, "running"))),
    )
    done = run(store, runner, "running", CE)
    for key in ("changed", "actions", "diff", "restart_required"):
        assert predicted[key] == done[key]
    real = {"domid", "memory_used", "vcpus_used"}
    assert {k: v for k, v in predicted["domains"][0].items() if k not in real} == {
        k: v for k, v in done["domains"][0].items() if k not in real
    }


def test_one_that_cannot_be_helped_does_not_keep_the_others_from_it(store: Store) -> None:
    define(store, *ALL)
    states = {"voms": "crashed", "ce": "paused", "wn": "running"}
    runner = ScriptedRunner(*look(states), Expected("xl unpause ce"))
    with pytest.raises(BoxError) as caught:
        run(store, runner, "running", *ALL)
    runner.finish()
    assert caught.value.message.startswith("voms: has crashed and is kept as evidence")
    assert caught.value.details["changed"]
    assert caught.value.details["actions"] == ["ce: unpaused"]
    assert "domains" not in caught.value.details


def test_after_a_step_that_failed_no_more_is_started(store: Store) -> None:
    define(store, VOMS, CE)
    etc = store.config_dir
    runner = ScriptedRunner(
        *look({}),
        Expected(f"xl create -q {etc}/voms.cfg", rc=1, stderr="no such kernel\n"),
        Expected("xl list", listing()),
        Expected("xl info", "total_memory : 1\nfree_memory : 999\nnr_cpus : 1\nxen_version : 4\n"),
    )
    with pytest.raises(BoxError) as caught:
        run(store, runner, "running", replace(VOMS, weight=9), CE)
    runner.finish()
    assert caught.value.message.splitlines()[1] == "ce: not attempted after that; run it again"
    assert caught.value.details["actions"] == ["voms: weight 256 -> 9"]
    assert caught.value.details["cmd"] == ["xl", "create", "-q", f"{etc}/voms.cfg"]


LVS = Expected(
    "lvs --reportformat json -o lv_path,lv_dm_path,lv_name,vg_name,origin",
    '{"report": [{"lv": [{"lv_path": "/dev/vg0/ce", "lv_dm_path": "/dev/mapper/vg0-ce", '
    '"lv_name": "ce", "vg_name": "vg0", "origin": ""}]}]}',
)


def test_volumes_go_last(store: Store) -> None:
    define(store, CE)
    runner = ScriptedRunner(*look({}), LVS, Expected("lvremove --yes /dev/vg0/ce"))
    result = Manager(Xen(runner), store, [Wanted("ce", "absent")], Permissions(), ["/dev/vg0/ce"]).run()
    runner.finish()
    assert result["actions"] == ["ce: configuration removed", "volumes: removed /dev/vg0/ce"]
    assert result["diff"]["before"]["volumes"] == {"/dev/vg0/ce": "logical volume"}
    assert result["diff"]["after"]["volumes"] == {}
    assert result["domains"][0]["state"] == "absent"


def test_volumes_stay_if_their_domain_could_not_be_removed(store: Store) -> None:
    define(store, CE)
    seen, described = look({"ce": "crashed"})
    runner = ScriptedRunner(seen, described, LVS)
    with pytest.raises(BoxError, match="ce: has crashed"):
        Manager(Xen(runner), store, [Wanted("ce", "absent")], Permissions(), ["/dev/vg0/ce"]).run()
    runner.finish()


def test_a_volume_that_cannot_be_removed_fails_after_all_else_was_reported(store: Store) -> None:
    define(store, CE)
    runner = ScriptedRunner(
        *look({}), LVS, Expected("lvremove --yes /dev/vg0/ce", rc=5, stderr="Logical volume vg0/ce in use.\n")
    )
    with pytest.raises(
        BoxError, match="lvremove --yes /dev/vg0/ce: ended with 5: Logical volume vg0/ce in use."
    ) as error:
        Manager(Xen(runner), store, [Wanted("ce", "absent")], Permissions(), ["/dev/vg0/ce"]).run()
    assert error.value.details["actions"] == ["ce: configuration removed"]


def params(**more: t.Any) -> dict[str, t.Any]:
    return {**{key: spec.get("default") for key, spec in ARGUMENTS.items()}, **more}


def domain(**more: t.Any) -> dict[str, t.Any]:
    given = {key: spec.get("default") for key, spec in DOMAIN.items()}
    return {**given, "name": "ce", "memory": 512, "kernel": "/k", **more}


def test_options_are_domains_or_names() -> None:
    assert wanted_from(params(domains=[domain(autostart=7)])) == [Wanted("ce", "running", CE, 7)]
    assert wanted_from(params(name=["ce", "wn", "ce"], state="saved")) == [Wanted("ce", "saved"), Wanted("wn", "saved")]


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(BoxError, match="'-a': not a name for a domain"):
        wanted_from(params(name=["-a"]))
    with pytest.raises(BoxError, match="ce, ce: name ce is given twice"):
        wanted_from(params(domains=[domain(), domain()]))
    with pytest.raises(
        BoxError, match="remove_volumes: /dev/a given with state=running; volumes are removed only with"
    ):
        wanted_from(params(name=["ce"], remove_volumes=["/dev/a"]))


def test_all_that_is_known_is_described(store: Store) -> None:
    define(store, CE)
    store.begin_image("wn")
    store.show_image("wn")
    described = inform(Xen(ScriptedRunner(*look({"voms": "running"}))), store, [])
    assert [(one["name"], one["state"], one["defined"]) for one in described] == [
        ("ce", "shutdown", True),
        ("voms", "running", False),
        ("wn", "saved", False),
    ]


def test_what_is_not_there_is_described_as_absent(store: Store) -> None:
    assert inform(Xen(ScriptedRunner(*look({}))), store, ["none"]) == [
        {
            "name": "none",
            "state": "absent",
            "domid": None,
            "memory_used": 0,
            "vcpus_used": 0,
            "defined": False,
            "autostart": None,
            "saved_image": None,
        }
    ]


def test_what_no_one_asked_for_is_told_and_left_alone(store: Store) -> None:
    define(store, *ALL)
    states = {"voms": "crashed", "ce": "paused", "wn": "ended"}
    result = run(store, ScriptedRunner(*look(states)), "present", *ALL)
    assert not result["changed"]
    assert [(one["state"], one["domid"]) for one in result["domains"]] == [("crashed", 1), ("paused", 2), ("ended", 3)]
