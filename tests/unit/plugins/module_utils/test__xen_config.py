# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A domain's definition: from options, to its file and back, and what differs."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

import pytest
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError
from ansible_collections.egee.box.plugins.module_utils._xen_config import (
    Definition,
    Disk,
    Vif,
    check_together,
    differences,
    from_live,
    from_options,
    parse,
    render,
)
from ansible_collections.egee.box.plugins.module_utils._xen_options import DOMAIN
from ansible_collections.egee.box.tests.unit.xl_outputs import config

FULL = Definition(
    name="ce.egee.test",
    memory=512,
    maxmem=768,
    vcpus=1,
    maxvcpus=2,
    weight=512,
    cap=150,
    kernel="/boot/vmlinuz",
    ramdisk="/boot/initrd.img",
    cmdline='root=/dev/xvda ro motd="it\'s up"',
    disks=(Disk("/dev/vg0/ce-root", "xvda"), Disk("/dev/vg0/base", "xvdb", "ro", "block-light")),
    vifs=(Vif("00:16:3e:00:00:01", "xenbr0", "10.0.0.1", "vif-light"),),
)
FILE = r"""# Written by egee.box.xen_domain, which overwrites changes made here.
name = "ce.egee.test"
memory = 512
maxmem = 768
vcpus = 1
maxvcpus = 2
cpu_weight = 512
cap = 150
type = "pv"
tsc_mode = "default"
kernel = "/boot/vmlinuz"
ramdisk = "/boot/initrd.img"
cmdline = "root=/dev/xvda ro motd=\"it's up\""
disk = [
  "format=raw,vdev=xvda,access=rw,target=/dev/vg0/ce-root",
  "format=raw,vdev=xvdb,access=ro,script=block-light,target=/dev/vg0/base",
]
vif = [
  "mac=00:16:3e:00:00:01,bridge=xenbr0,ip=10.0.0.1,script=vif-light",
]
on_poweroff = "destroy"
on_reboot = "restart"
on_crash = "preserve"
"""


def options(**more: t.Any) -> dict[str, t.Any]:
    """What Ansible makes of a task that gives the least, or more."""
    given = {key: spec.get("default") for key, spec in DOMAIN.items()}
    return {**given, "name": "ce.egee.test", "memory": 512, "kernel": "/boot/vmlinuz", **more}


def disk(**more: t.Any) -> dict[str, t.Any]:
    return {"path": "/dev/vg0/ce-root", "device": "xvda", "mode": "rw", "script": None, **more}


def vif(**more: t.Any) -> dict[str, t.Any]:
    return {"mac": "00:16:3E:00:00:01", "bridge": "xenbr0", "address": None, "script": None, **more}


def test_a_definition_has_one_form_in_its_file() -> None:
    assert render(FULL) == FILE


def test_what_is_written_is_read_back() -> None:
    assert parse(render(FULL)) == FULL


def test_a_file_written_by_hand_is_understood_if_it_says_no_more() -> None:
    text = """# mine
name='t1'
memory=128
kernel = "/boot/vmlinuz"
root = "/dev/xvda"
extra = "ro quiet"
disk=[ 'vdev=xvda,access=w,target=/dev/vg0/t1', 'vdev=xvdb,access=r,target=/dev/vg0/base' ]
"""
    assert parse(text) == Definition(
        "t1",
        128,
        128,
        kernel="/boot/vmlinuz",
        cmdline="root=/dev/xvda ro quiet",
        disks=(Disk("/dev/vg0/t1", "xvda"), Disk("/dev/vg0/base", "xvdb", "ro")),
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("memory = 128\n", id="no name"),
        pytest.param('name = "t1"\n', id="no memory"),
        pytest.param('name = "t1"\nmemory = "128"\n', id="memory that is no number"),
        pytest.param('name = "t1"\nmemory = 128\nvnc = 1\n', id="a setting that the module has not"),
        pytest.param('name = "t1"\nmemory = 128\ndisk = 3\n', id="disks that are no list"),
        pytest.param('name = "t1"\nmemory = 64 + 64\n', id="a computation"),
        pytest.param('name = "t1";;\nmemory = \n', id="no grammar at all"),
        pytest.param('name += "t1"\nmemory = 128\n', id="an addition to a setting"),
        pytest.param("name = open('/etc/passwd').read()\nmemory = 128\n", id="a program, which is not run"),
    ],
)
def test_a_file_that_says_other_things_is_not_understood(text: str) -> None:
    assert parse(text) is None


def test_options_make_a_definition() -> None:
    assert from_options(
        options(
            maxmem=768,
            maxvcpus=2,
            weight=512,
            cap=150,
            ramdisk="/boot/initrd.img",
            root="/dev/xvda",
            extra='ro motd="it\'s up"',
            disks=[disk(), disk(path="/dev/vg0/base", device="xvdb", mode="ro", script="/etc/xen/scripts/block-light")],
            vifs=[vif(address="10.0.0.1", script="vif-light")],
        )
    ) == replace(FULL, kernel="/boot/vmlinuz")


def test_the_least_that_is_given_is_completed() -> None:
    assert from_options(options()) == Definition("ce.egee.test", memory=512, maxmem=512, kernel="/boot/vmlinuz")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        pytest.param({"name": "Domain-0"}, "'Domain-0': not a name for a domain; use letters", id="dom0"),
        pytest.param({"name": "-f"}, "'-f': not a name", id="a name that is an option"),
        pytest.param({"name": "17"}, "'17': not a name", id="a name that is an id"),
        pytest.param({"name": "../ce"}, "'../ce': not a name", id="a name that is a path"),
        pytest.param({"name": "ce\n"}, r"'ce\n': not a name", id="a name with a line break"),
        pytest.param({"memory": 0}, "memory is 0; set it to at least 1", id="no memory"),
        pytest.param({"maxmem": 511}, "maxmem is 511, below memory 512; raise maxmem or leave it out", id="low maxmem"),
        pytest.param({"vcpus": 0}, "vcpus is 0; set it to at least 1", id="no vcpus"),
        pytest.param({"vcpus": 2, "maxvcpus": 1}, "maxvcpus is 1, below vcpus 2; raise", id="low maxvcpus"),
        pytest.param({"weight": 0}, "weight is 0; set it to at least 1", id="no weight"),
        pytest.param({"weight": 65536}, "weight is 65536; set it to at most 65535", id="too much weight"),
        pytest.param({"cap": -1}, "cap is -1; set it to at least 0", id="a negative cap"),
        pytest.param({"autostart": 100}, "autostart is 100; set it to a number from 0 to 99", id="a place past 99"),
        pytest.param({"extra": "ro\nname='x'"}, "cmdline is \"ro\\nname='x'\"; write it without", id="two lines"),
        pytest.param({"disks": [disk(path="vg0/ce")]}, "disk path is 'vg0/ce'; give an absolute", id="relative path"),
        pytest.param({"disks": [disk(path="/a,b")]}, "disk path is '/a,b'; give an absolute path", id="a comma"),
        pytest.param({"disks": [disk(device="C:")]}, "disk device is 'C:'; name it as the domain", id="no device"),
        pytest.param({"disks": [disk(), disk(path="/b")]}, "disk device xvda is there twice", id="two of a device"),
        pytest.param(
            {"disks": [disk(), disk(device="xvdb")]}, "disk path /dev/vg0/ce-root is there", id="two of a path"
        ),
        pytest.param({"vifs": [vif(mac="00:16:3e")]}, "vif mac is '00:16:3e'; give a unicast", id="a short MAC"),
        pytest.param({"vifs": [vif(mac="01:16:3e:00:00:01")]}, "vif mac is '01:", id="a multicast MAC"),
        pytest.param({"vifs": [vif(bridge="br,0")]}, "vif bridge is 'br,0'; write it without", id="a bad bridge"),
        pytest.param({"vifs": [vif(address="")]}, "vif address is ''; write it without", id="an empty address"),
        pytest.param({"vifs": [vif(script="a b")]}, "vif script is 'a b'; write it without", id="a bad script"),
        pytest.param({"disks": [disk(script="a,b")]}, "disk script is 'a,b'; write it without", id="a bad disk script"),
    ],
)
def test_options_that_cannot_be_met_are_refused_with_a_cure(more: dict[str, t.Any], message: str) -> None:
    with pytest.raises(BoxError, match=re.escape(message)):
        from_options(options(**more))


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(BoxError) as caught:
        from_options(options(weight=0, cap=-1, autostart=-1))
    assert caught.value.message.splitlines() == [
        "ce.egee.test: weight is 0; set it to at least 1",
        "ce.egee.test: cap is -1; set it to at least 0",
        "ce.egee.test: autostart is -1; set it to a number from 0 to 99",
    ]


def test_domains_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(BoxError) as caught:
        check_together([FULL, replace(FULL, memory=256), replace(FULL, name="wn.egee.test", vifs=())])
    assert caught.value.message.splitlines() == [
        "ce.egee.test, ce.egee.test: name ce.egee.test is given twice; give each domain its own",
        "ce.egee.test, ce.egee.test: vif mac 00:16:3e:00:00:01 is given twice; give each domain its own",
        "ce.egee.test, ce.egee.test, wn.egee.test: writable disk /dev/vg0/ce-root is given twice; "
        "give each domain its own",
    ]


def test_a_base_may_be_shared_read_only() -> None:
    base = (Disk("/dev/vg0/base", "xvdb", "ro"),)
    check_together([Definition("a", 1, 1, disks=base), Definition("b", 1, 1, disks=base)])


def test_a_live_domain_is_described_like_its_definition() -> None:
    assert from_live("ce.egee.test", config(replace(FULL, vifs=(replace(FULL.vifs[0], address=None),)))) == replace(
        FULL, vifs=(replace(FULL.vifs[0], address=None),)
    )


def test_xens_words_and_paths_are_the_users() -> None:
    live = config(replace(FULL, on_reboot="restart-rename"))
    live["nics"][0]["script"] = "/etc/xen/scripts/vif-light"
    found = from_live("ce.egee.test", live)
    assert found.on_reboot == "rename-restart"
    assert found.vifs[0].script == "vif-light"


def test_only_what_differs_is_told() -> None:
    other = replace(FULL, memory=256, cap=0, disks=FULL.disks[:1])
    assert differences(other, FULL) == [
        ("memory", 256, 512),
        ("cap", 0, 150),
        (
            "disks",
            [{"path": "/dev/vg0/ce-root", "device": "xvda", "mode": "rw"}],
            [
                {"path": "/dev/vg0/ce-root", "device": "xvda", "mode": "rw"},
                {"path": "/dev/vg0/base", "device": "xvdb", "mode": "ro", "script": "block-light"},
            ],
        ),
    ]


def test_xens_own_script_is_no_difference_where_none_is_asked_for() -> None:
    wanted = replace(FULL, vifs=(replace(FULL.vifs[0], script=None),))
    live = replace(FULL, vifs=(replace(FULL.vifs[0], script="vif-bridge"),))
    assert differences(live, wanted) == []
    assert [field for field, _before, _after in differences(live, FULL)] == ["vifs"]
