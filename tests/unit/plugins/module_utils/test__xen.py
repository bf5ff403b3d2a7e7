# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from xl: every state, every kind of garbage, and how patiently."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._xen import (
    POLL,
    SETTLE,
    Xen,
    machine,
    parse_details,
    parse_info,
    parse_list,
    state_of,
)
from ansible_collections.egee.box.plugins.module_utils._xen_config import Definition, Disk, Vif
from ansible_collections.egee.box.tests.unit.scripted_runner import Expected, ScriptedRunner
from ansible_collections.egee.box.tests.unit.xl_outputs import HEADING, NOT_ON_XEN, details, listing

REAL = Path(__file__).parents[2] / "fixtures" / "xen" / "xl-4.20.5"
CE = Definition("ce.egee.test", memory=512, maxmem=512)
WN = Definition("wn.egee.test", memory=256, maxmem=256)
INFO = """host                   : box
nr_cpus                : 1
total_memory           : 4095
free_memory            : 1870
xen_version            : 4.20.3-pre
xen_scheduler          : credit2
xen_commandline        : placeholder dom0_mem=1024M,max:1024M com1=115200,8n1
"""


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        pytest.param("r-----", "running", id="on a CPU"),
        pytest.param("-b----", "running", id="waiting for something to do"),
        pytest.param("------", "running", id="waiting for a CPU"),
        pytest.param("--p---", "paused", id="paused"),
        pytest.param("-bp---", "paused", id="paused while it waited"),
        pytest.param("---s--", "ended", id="shut down and preserved"),
        pytest.param("---sr-", "rebooting", id="about to be built again"),
        pytest.param("---ss-", "suspended", id="being saved"),
        pytest.param("---sc-", "crashed", id="crashed"),
        pytest.param("----c-", "crashed", id="crashed, as older tools say it"),
        pytest.param("---sw-", "crashed", id="ended by its watchdog"),
        pytest.param("---sS-", "rebooting", id="soft reset"),
        pytest.param("---s?-", "ended", id="shut down for a reason that xl does not know"),
        pytest.param("-----d", "dying", id="being torn down"),
        pytest.param("--pscd", "dying", id="being torn down after a crash"),
    ],
)
def test_flags_tell_a_state(flags: str, state: str) -> None:
    assert state_of(flags) == state


def test_the_list_is_read_whatever_the_width_of_its_columns() -> None:
    name = "a-name-that-is-longer-than-the-forty-columns-it-has.egee.test"
    rows = parse_list(listing((name, 12345, 512, 2, "running"), ("(null)", 7, 0, 1, "dying")))
    assert [(row.name, row.domid, row.memory, row.vcpus, row.state) for row in rows[1:]] == [
        (name, 12345, 512, 2, "running"),
        ("(null)", 7, 0, 1, "dying"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "no heading in its output ''", id="nothing at all"),
        pytest.param("xl: command not known\n", "no heading in its output 'xl: command", id="something else"),
        pytest.param(HEADING + "ce 1 512\n", "cannot read the line 'ce 1 512'", id="three columns"),
        pytest.param(HEADING + "ce x 512 1 r----- 1.0\n", "cannot read the line 'ce x", id="an id that is no number"),
        pytest.param(HEADING + "ce 1 512 1 r---- 1.0\n", "cannot read the line", id="five flags"),
        pytest.param(HEADING + "ce 1 512 1 z----- 1.0\n", "cannot read the line", id="a flag that no one knows"),
    ],
)
def test_a_list_that_cannot_be_read_is_quoted(text: str, message: str) -> None:
    with pytest.raises(BoxError, match="xl list: " + re.escape(message)):
        parse_list(text)


@pytest.mark.parametrize("text", ["", "(domain (domid 1))", "{}1", "[1]", '[{"domid": 1}]', '[{"domid":1,"config":3}]'])
def test_details_that_cannot_be_read_name_the_setting(text: str) -> None:
    with pytest.raises(
        BoxError, match=r'xl list -l: cannot read its output .*output_format="json" in /etc/xen/xl.conf'
    ):
        parse_details(text)


def test_details_hold_what_a_domain_was_built_with() -> None:
    assert parse_details(details((3, CE), scheduler="credit"))[3] == (CE, "credit")


def test_info_has_numbers_as_numbers() -> None:
    info = parse_info(INFO)
    assert (info["total_memory"], info["free_memory"], info["nr_cpus"]) == (4095, 1870, 1)
    assert info["xen_commandline"] == "placeholder dom0_mem=1024M,max:1024M com1=115200,8n1"


def test_info_without_what_is_needed_is_refused() -> None:
    with pytest.raises(
        BoxError, match="xl info: no free_memory, nr_cpus, xen_version in its output 'total_memory : 1'"
    ):
        parse_info("total_memory : 1")


def test_a_domain_that_xl_cannot_describe_is_half_built_whatever_its_flags_say() -> None:
    runner = ScriptedRunner(
        Expected("xl list", listing(("ce.egee.test", 1, 512, 1, "blocked"), ("wn.egee.test", 2, 256, 1, "half-built"))),
        Expected("xl list -l", details((1, CE))),
    )
    ce, wn = Xen(runner).domains()
    assert (ce.state, ce.definition) == ("running", CE)
    assert (wn.state, wn.definition) == ("half-built", None)
    runner.finish()


def test_a_dying_domain_is_dying_described_or_not() -> None:
    runner = ScriptedRunner(
        Expected("xl list", listing(("ce.egee.test", 1, 0, 1, "dying"))), Expected("xl list -l", details())
    )
    assert [live.state for live in Xen(runner).domains()] == ["dying"]


def test_what_no_one_has_needs_no_details() -> None:
    runner = ScriptedRunner(Expected("xl list", listing(("wn.egee.test", 2, 256, 1, "running"))))
    xen = Xen(runner)
    assert xen.live("ce.egee.test") is None
    assert xen.live("Domain-0") is None
    runner.finish()


def test_the_machine_is_looked_at_once_until_a_new_look_is_taken() -> None:
    runner = ScriptedRunner(
        Expected("xl list", listing(("ce.egee.test", 1, 512, 1, "running"))),
        Expected("xl list -l", details((1, CE))),
        Expected("xl list", listing()),
    )
    xen = Xen(runner)
    assert xen.domains() == xen.domains()
    assert "ce.egee.test" not in xen.states()
    assert xen.domains() == []
    runner.finish()


def test_a_domain_that_is_being_built_is_waited_for() -> None:
    runner = ScriptedRunner(
        Expected("xl list", listing(("wn.egee.test", 2, 256, 1, "half-built"))),
        Expected("xl list -l", details()),
        Expected("xl list", listing(("wn.egee.test", 2, 256, 1, "running"))),
        Expected("xl list -l", details((2, WN))),
    )
    xen = Xen(runner)
    xen.settle(["wn.egee.test"])
    assert [live.state for live in xen.domains()] == ["running"]
    assert runner.slept == POLL
    runner.finish()


def test_waiting_ends() -> None:
    look = [
        Expected("xl list", listing(("wn.egee.test", 2, 256, 1, "half-built"))),
        Expected("xl list -l", details()),
    ]
    runner = ScriptedRunner(*look * (SETTLE // POLL))
    Xen(runner).settle(["wn.egee.test"])
    assert runner.slept == SETTLE
    runner.finish()


def test_no_one_waits_for_domains_that_were_not_asked_for() -> None:
    runner = ScriptedRunner(Expected("xl list", listing(("wn.egee.test", 2, 256, 1, "half-built"))))
    Xen(runner).settle(["ce.egee.test"])
    assert runner.slept == 0


def test_a_host_without_xen_is_told_from_a_failure() -> None:
    runner = ScriptedRunner(Expected("xl list", rc=1, stderr=NOT_ON_XEN))
    with pytest.raises(BoxError, match="xl list: this host does not run on Xen; boot it with the hypervisor"):
        Xen(runner).domains()


def test_in_check_mode_a_host_without_xen_has_no_domains_yet() -> None:
    xen = Xen(ScriptedRunner(Expected("xl list", rc=1, stderr=NOT_ON_XEN), check_mode=True))
    assert xen.domains() == []
    assert len(xen.warnings) == 1
    assert "does not run on Xen" in xen.warnings[0]


def test_another_failure_of_xl_is_no_host_without_xen_even_in_check_mode() -> None:
    runner = ScriptedRunner(Expected("xl list", rc=1, stderr="libxl: error: xenstore down\n"), check_mode=True)
    with pytest.raises(BoxError, match="xl list: ended with 1: libxl: error: xenstore down"):
        Xen(runner).domains()


def test_a_machine_is_described_with_two_processes() -> None:
    runner = ScriptedRunner(
        Expected("xl info", INFO), Expected("xl list", listing(("ce.egee.test", 1, 512, 1, "running")))
    )
    assert machine(Xen(runner)) == {
        "running": True,
        "version": "4.20.3-pre",
        "commandline": "placeholder dom0_mem=1024M,max:1024M com1=115200,8n1",
        "scheduler": "credit2",
        "cpus": 1,
        "memory": {"total": 4095, "free": 1870},
        "dom0": {"memory": 1024, "vcpus": 1},
        "domains": 1,
    }
    runner.finish()


# The second as Debian's wrapper of Xen 4.20 says it under plain Linux.
@pytest.mark.parametrize("stderr", [NOT_ON_XEN, "ERROR:  Can't find hypervisor information in sysfs!\n"])
def test_a_machine_without_xen_says_so(stderr: str) -> None:
    found = machine(Xen(ScriptedRunner(Expected("xl info", rc=1, stderr=stderr))))
    assert found["running"] is False
    assert "boot it with the hypervisor" in found["reason"]


def real(name: str) -> str:
    return (REAL / name).read_text()


@pytest.mark.parametrize(
    ("recorded", "state", "memory"),
    [
        ("created", "running", 96),
        ("paused", "paused", 96),
        ("crashed", "crashed", 96),
        ("ended", "ended", 96),
        ("half-built", "half-built", 0),
    ],
)
def test_what_a_real_machine_said_is_understood(recorded: str, state: str, memory: int) -> None:
    runner = ScriptedRunner(
        Expected("xl list", real(f"list-{recorded}.txt")), Expected("xl list -l", real(f"list-l-{recorded}.json"))
    )
    (rec,) = Xen(runner).domains()
    assert (rec.name, rec.state, rec.memory) == ("rec", state, memory)
    if state != "half-built":
        assert rec.definition == Definition(
            "rec",
            memory=96,
            maxmem=96,
            kernel="/var/lib/xen/boot/vmlinuz",
            ramdisk="/var/lib/xen/boot/initrd.img",
            cmdline="root=/dev/xvda console=hvc0 sysrq_always_enabled",
            on_poweroff="preserve",
        )


def test_the_devices_of_a_real_domain_are_understood() -> None:
    definition, scheduler = parse_details(real("list-l-devices.json"))[1]
    assert scheduler == "credit2"
    assert definition.disks == (Disk("/dev/disk/by-id/virtio-t1-root", "xvda", "rw", "block-light"),)
    assert definition.vifs == (Vif("00:16:3e:78:00:11", "xenbr0", None, "vif-light"),)


def test_a_real_machine_is_described() -> None:
    runner = ScriptedRunner(Expected("xl info", real("info.txt")), Expected("xl list", real("list-created.txt")))
    found = machine(Xen(runner))
    assert (found["version"], found["scheduler"], found["cpus"], found["domains"]) == ("4.20.5-pre", "credit2", 1, 1)
    assert (found["memory"], found["dom0"]) == ({"total": 4095, "free": 3028}, {"memory": 768, "vcpus": 1})
    assert found["commandline"].startswith("placeholder dom0_mem=768M,max:768M")
