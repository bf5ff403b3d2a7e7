# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a plan is carried out: which commands, in which order, and what is said when one fails."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._xen import Xen
from ansible_collections.egee.box.plugins.module_utils._xen_config import Definition, render
from ansible_collections.egee.box.plugins.module_utils._xen_domain import XenDomain
from ansible_collections.egee.box.plugins.module_utils._xen_plan import Permissions, Wanted
from ansible_collections.egee.box.plugins.module_utils._xen_store import Store
from ansible_collections.egee.box.tests.unit.scripted_runner import Expected, ScriptedRunner
from ansible_collections.egee.box.tests.unit.xl_outputs import details, listing

NAME = "ce.egee.test"
CE = Definition(NAME, memory=512, maxmem=512, maxvcpus=2, kernel="/boot/vmlinuz")
INFO = "total_memory : 4096\nfree_memory : {free}\nnr_cpus : 1\nxen_version : 4.20\n"
CFG = f"xl create -q {{etc}}/{NAME}.cfg"


def real(name: str) -> str:
    """What a real xl wrote to its standard error."""
    return (Path(__file__).parents[2] / "fixtures" / "xen" / "xl-4.20.5" / f"{name}.txt").read_text()


def xl_list(state: str | None, memory: int = 512, vcpus: int = 1, times: int = 1) -> list[Expected]:
    """`xl list`, with the domain in a state or not there at all."""
    return [Expected("xl list", listing((NAME, 3, memory, vcpus, state)) if state else listing())] * times


def found(state: str | None, built: Definition = CE, scheduler: str = "credit2") -> list[Expected]:
    """The first look at the machine."""
    described = [(3, built)] if state != "half-built" else []
    return [
        *xl_list(state),
        *([Expected("xl list -l", details(*described, scheduler=scheduler))] if state else []),
    ]


@dataclass
class Case:
    script: list[Expected]
    goal: str = "running"
    wanted: Definition = CE
    stored: Definition | None = CE
    permissions: dict[str, t.Any] = field(default_factory=dict)
    saved: bool = False
    fault: str | None = None
    warning: str | None = None
    left: list[str] = field(default_factory=list)  # in the folder of saved images


LOG = f"read /var/log/xen/console/guest-{NAME}.log and /var/log/xen/xl-{NAME}.log"
RESIZED = replace(CE, memory=384)
GROWN = replace(CE, memory=640, maxmem=640)
SHRUNK = replace(CE, memory=256, maxmem=256)
CASES = {
    "a domain that is as it should be costs two looks": Case(found("running")),
    "a new one is defined and created, and looked at until it runs": Case(
        [*found(None), Expected(CFG), *xl_list("half-built", times=2), *xl_list("running")], stored=None
    ),
    "one is created paused": Case(
        [*found(None), Expected(CFG.replace("-q", "-q -p")), *xl_list("paused")], goal="paused"
    ),
    "one that never gets out of its pause is not called running": Case(
        [*found(None), Expected(CFG), *xl_list("half-built", times=21)],
        permissions={"timeout": 60},
        fault=f"{NAME}: was created, and is paused; {LOG}",
    ),
    "one that crashes at once is not called running": Case(
        [*found(None), Expected(CFG), *xl_list("half-built"), *xl_list("crashed")],
        fault=f"{NAME}: was created, and is crashed; {LOG}",
    ),
    "one that ends at once is not called running": Case(
        [*found(None), Expected(CFG), *xl_list(None)], fault=f"{NAME}: was created, and is gone; {LOG}"
    ),
    "the machine's init script was quicker": Case(
        [
            *found(None),
            Expected(CFG, rc=3, stderr=real("create-again")),
            *xl_list("half-built", times=2),
            *xl_list("running"),
        ]
    ),
    "one that does not fit in memory says how much there is": Case(
        [
            *found(None),
            Expected(CFG, rc=3, stderr=real("create-no-memory")),
            *xl_list(None),
            Expected("xl info", INFO.format(free=300)),
        ],
        fault=f"{NAME}: not created: it needs 512 MiB and Xen has 300 MiB free; "
        "give it less memory, or shut down another domain",
    ),
    "one that cannot be created says where to look": Case(
        [
            *found(None),
            Expected(CFG, rc=3, stderr=real("create-no-kernel")),
            *xl_list(None),
            Expected("xl info", INFO.format(free=3000)),
        ],
        fault=f"{NAME}: not created: xc: error: panic: xg_dom_core.c:205: failed to open file '/none/vmlinuz': "
        "No such file or directory: Internal error / libxl: error: libxl_dom.c:641:libxl__build_pv: "
        "xc_dom_kernel_file failed: No such file or directory; "
        f"see {{etc}}/{NAME}.cfg and /var/log/xen/xl-{NAME}.log",
    ),
    "a paused one is unpaused": Case([*found("paused"), Expected(f"xl unpause {NAME}")]),
    "a running one is paused": Case([*found("running"), Expected(f"xl pause {NAME}")], goal="paused"),
    "memory is given and taken live, and its arrival seen": Case(
        [*found("running"), Expected(f"xl mem-set {NAME} 384m"), *xl_list("running"), *xl_list("running", memory=384)],
        wanted=RESIZED,
    ),
    "memory that the guest does not take is told": Case(
        [*found("running"), Expected(f"xl mem-set {NAME} 384m"), *xl_list("running", times=6)],
        wanted=RESIZED,
        warning=f"{NAME}: was given 384 MiB, and uses 512 so far; "
        "if it stays so, its kernel cannot change this while it runs: restart it",
    ),
    "the limit is raised before the memory": Case(
        [
            *found("running"),
            Expected(f"xl mem-max {NAME} 640m"),
            Expected(f"xl mem-set {NAME} 640m"),
            *xl_list("running", memory=640),
        ],
        wanted=GROWN,
    ),
    "the limit is lowered after the memory": Case(
        [
            *found("running"),
            Expected(f"xl mem-set {NAME} 256m"),
            Expected(f"xl mem-max {NAME} 256m"),
            *xl_list("running", memory=256),
        ],
        wanted=SHRUNK,
    ),
    "a paused guest cannot take memory, and is not waited for": Case(
        [*found("paused"), Expected(f"xl mem-set {NAME} 384m"), *xl_list("paused")], goal="paused", wanted=RESIZED
    ),
    "vcpus are plugged, also more than the machine has CPUs": Case(
        [*found("running"), Expected(f"xl vcpu-set -i {NAME} 2"), *xl_list("running", vcpus=2)],
        wanted=replace(CE, vcpus=2),
    ),
    "weight and cap are set together": Case(
        [*found("running"), Expected(f"xl sched-credit2 -d {NAME} -w 512 -c 50")],
        wanted=replace(CE, weight=512, cap=50),
    ),
    "weight and cap are set in the scheduler that the machine has": Case(
        [*found("running", scheduler="credit"), Expected(f"xl sched-credit -d {NAME} -w 512 -c 0")],
        wanted=replace(CE, weight=512),
    ),
    "what needs a restart waits": Case(found("running"), wanted=replace(CE, kernel="/boot/other")),
    "what needs a restart is done with one": Case(
        [
            *found("running"),
            *xl_list("running"),
            Expected(f"xl shutdown -w {NAME}"),
            *xl_list("ended"),
            *xl_list(None),
            Expected(CFG),
            *xl_list("running"),
        ],
        wanted=replace(CE, kernel="/boot/other"),
        permissions={"allow_restart": True},
    ),
    "a paused one is restarted paused": Case(
        [
            *found("paused"),
            *xl_list("paused"),
            Expected(f"xl unpause {NAME}"),
            Expected(f"xl shutdown -w {NAME}"),
            *xl_list(None),
            Expected(CFG.replace("-q", "-q -p")),
            *xl_list("paused"),
        ],
        goal="paused",
        wanted=replace(CE, kernel="/boot/other"),
        permissions={"allow_restart": True},
    ),
    "one that ended just before its restart is only started": Case(
        [*found("running"), *xl_list(None), Expected(CFG), *xl_list("running")],
        wanted=replace(CE, kernel="/boot/other"),
        permissions={"allow_restart": True},
    ),
    "a shut down one that Xen keeps is taken away": Case(
        [
            *found("running"),
            Expected(f"xl shutdown -w {NAME}"),
            *xl_list("ended", times=11),
            Expected(f"xl destroy {NAME}"),
            *xl_list(None),
        ],
        goal="shutdown",
    ),
    "one that does not shut down in time keeps running": Case(
        [*found("running"), Expected(f"xl shutdown -w {NAME}", too_slow=True)],
        goal="shutdown",
        fault=f"{NAME}: did not shut down within 300 s; give it more time with timeout, or end it with force=true",
    ),
    "one that does not listen keeps running": Case(
        [*found("running"), Expected(f"xl shutdown -w {NAME}", rc=1, stderr="PV control interface not available\n")],
        goal="shutdown",
        fault=f"{NAME}: did not shut down (PV control interface not available); "
        "give it more time with timeout, or end it with force=true",
    ),
    "one that does not shut down is ended by force": Case(
        [
            *found("running"),
            Expected(f"xl shutdown -w {NAME}", too_slow=True),
            *xl_list("running", times=11),
            Expected(f"xl destroy {NAME}"),
            *xl_list("dying"),
            *xl_list(None),
        ],
        goal="shutdown",
        permissions={"force": True},
    ),
    "one that Xen does not let go is reported": Case(
        [
            *found("half-built"),
            Expected(f"xl destroy {NAME}", rc=1, stderr="destroy failed\n"),
            *xl_list("dying", times=11),
        ],
        goal="shutdown",
        fault=f"{NAME}: is being torn down by Xen and does not go away; "
        "look for what holds it (xl list, dmesg), or reboot the machine",
    ),
    "a crashed one is built anew with permission": Case(
        [*found("crashed"), Expected(f"xl destroy {NAME}"), *xl_list(None), Expected(CFG), *xl_list("running")],
        permissions={"allow_restart": True},
    ),
    "one is saved out of sight, and shown when it is whole": Case(
        [*found("running"), Expected(f"xl save {NAME} {{save}}/.{NAME}.part")], goal="saved", left=[NAME]
    ),
    "one that cannot be saved leaves no half image": Case(
        [
            *found("running"),
            Expected(f"xl save {NAME} {{save}}/.{NAME}.part", rc=1, stderr="No space left on device\n"),
        ],
        goal="saved",
        fault=f"{NAME}: not saved to {{save}}: No space left on device; "
        "see that there is room for its memory, and try again",
    ),
    "a saved one is restored, and its image is gone": Case(
        [*found(None), Expected(f"xl restore {{save}}/.{NAME}.part"), *xl_list("running")], saved=True
    ),
    "one is restored paused": Case(
        [*found(None), Expected(f"xl restore -p {{save}}/.{NAME}.part"), *xl_list("paused")], saved=True, goal="paused"
    ),
    "one that cannot be restored keeps its image": Case(
        [*found(None), Expected(f"xl restore {{save}}/.{NAME}.part", rc=1, stderr="not enough memory\n")],
        saved=True,
        left=[NAME],
        fault=f"{NAME}: not restored: not enough memory; its image is still {{save}}/{NAME}: "
        "make room for it and try again, or give it up with state=shutdown and force=true",
    ),
    "a saved one is given up by force": Case(found(None), saved=True, goal="shutdown", permissions={"force": True}),
    "a stale image goes": Case(found("running"), saved=True),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=title) for title, case in CASES.items()])
def test_a_plan_is_carried_out(case: Case, tmp_path: Path) -> None:
    places = {"etc": str(tmp_path / "etc"), "save": str(tmp_path / "save")}
    store = Store(Path(places["etc"]), Path(places["save"]))
    store.config_dir.mkdir()
    if case.stored:
        store.write_config(NAME, render(case.stored))
    if case.saved:
        store.begin_image(NAME)
        store.show_image(NAME)
    script = [replace(step, argv=step.argv.format(**places)) for step in case.script]

    runner = ScriptedRunner(*script)
    domain = XenDomain(
        Xen(runner), store, Wanted(NAME, case.goal, case.wanted), Permissions(**{"timeout": 300, **case.permissions})
    )
    changes = [change for change in domain.plan() if domain.allowed(change)]
    if case.fault:
        with pytest.raises(BoxError) as caught:
            domain.apply(changes)
        assert caught.value.message == case.fault.format(**places)
    else:
        domain.apply(changes)
        assert domain.done == changes
    runner.finish()
    assert domain.warnings == ([case.warning] if case.warning else [])
    assert store.config(NAME) == render(case.wanted)
    left = sorted(path.name for path in store.save_dir.iterdir()) if store.save_dir.is_dir() else []
    assert left == case.left


def test_removing_a_domain_takes_its_files(tmp_path: Path) -> None:
    store = Store(tmp_path, tmp_path / "save")
    store.write_config(NAME, render(CE))
    store.set_order(NAME, 10)
    runner = ScriptedRunner(*found("running"), Expected(f"xl shutdown -w {NAME}"), *xl_list(None))
    domain = XenDomain(Xen(runner), store, Wanted(NAME, "absent"), Permissions())
    domain.apply(domain.plan())
    runner.finish()
    assert [path.name for path in tmp_path.rglob("*")] == ["auto"]
