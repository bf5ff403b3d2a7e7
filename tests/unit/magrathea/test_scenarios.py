# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios T1 to T24 of the reference that the core alone decides; the others are where their daemons are."""

from __future__ import annotations

import pytest
from bench import Bench, cpus, whole
from magrathea.books import Amount
from magrathea.core import settle
from magrathea.model import Machine
from magrathea.victims import preempt


def test_t1_two_vms_used_exclusively() -> None:
    b = whole("N1", "N2")
    b.start("N1", "a")
    assert b.words("N1", "N2") == ("running", "occupied")
    assert "is in use" in b.start_refused("N2", "b")
    b.ok("stop", "N1", job="a")
    assert b.words("N1", "N2") == ("free", "free")


def test_t2_preemption_and_return() -> None:
    b = whole("N1", "P1")
    b.start("N1", "a", kind="preemptible")
    assert b.words("N1", "P1") == ("running-preemptible", "occupied-would-preempt")
    b.start("P1", "p")
    assert b.words("N1", "P1") == ("preempted", "running")
    b.pass_time(90)
    b.ok("stop", "P1", job="p")
    assert b.words("N1", "P1") == ("running-preemptible", "occupied-would-preempt")
    assert b.vm("N1").jobs[0].lost == 90


def test_t3_a_normal_job_is_not_preempted() -> None:
    b = whole("N1", "P1")
    b.start("N1", "a")
    assert b.word("P1") == "occupied"
    b.start_refused("P1", "p")
    assert b.word("N1") == "running"


def test_t4_any_number_of_vms() -> None:
    b = whole("N1", "N2", "P1", "P2")
    b.start("N1", "a", kind="preemptible")
    assert b.word("N2") == "occupied"
    b.start("P1", "p")
    assert b.words("N2", "P2") == ("occupied", "occupied")
    b.start_refused("P2", "q")


def t5() -> Bench:
    b = cpus("N1", "N2", "P1", "P2")
    b.start("N1", "a", 6, "preemptible")
    return b


def test_t5_counted_cpus() -> None:
    b = t5()
    assert b.shown("N1") == "running-preemptible:6:2"
    assert b.shown("N2") == "free:0:2"
    # The original says occupied-would-preempt, though two CPUs are free (D33).
    assert b.shown("P1") == "free:0:8"


def test_t6_the_victim_is_the_whole_vm() -> None:
    b = t5()
    b.start("P1", "p", 4)
    assert b.shown("N1") == "preempted:6:0"
    assert b.shown("N2") == "occupied:0:0"
    assert b.shown("P1") == "running:4:4"
    # The original says would-preempt here too (D33).
    assert b.shown("P2") == "free:0:4"


def test_t7_idle_cpus_wait_for_the_victim() -> None:
    b = t5()
    b.start("P1", "p", 4)
    b.start("P2", "q", 2)
    assert b.word("N1") == "preempted"
    b.start_refused("N2", "n", 1, "preemptible")
    b.ok("stop", "P2", job="q")
    assert b.word("N1") == "preempted"
    b.ok("stop", "P1", job="p")
    assert b.shown("N1") == "running-preemptible:6:2"


@pytest.mark.parametrize(("asked", "victims"), [(3, {"N2"}), (4, {"N1", "N2"})])
def test_t8_choice_of_victims(asked: int, victims: set[str]) -> None:
    b = cpus("N1", "N2", "N3", "P1")
    for name, n in (("N1", 2), ("N2", 3), ("N3", 3)):
        b.start(name, f"job-{name}", n, "preemptible")
    b.start("P1", "p", asked)
    assert {vm.name for vm in b.machine.vms.values() if vm.preempted} == victims
    b.ok("stop", "P1", job="p")
    assert not [vm for vm in b.machine.vms.values() if vm.preempted]


def test_t9_one_normal_job_shields_its_vm() -> None:
    b = cpus("N1", "P1")
    b.start("N1", "soft", 2, "preemptible")
    b.start("N1", "hard", 2)
    assert b.shown("N1") == "running:4:4"
    assert b.shown("P1") == "free:0:4"
    b.start_refused("P1", "p6", 6)
    b.start("P1", "p4", 4)
    b.ok("stop", "N1", job="hard")
    assert b.shown("N1") == "running-preemptible:2:2"
    b.start("P1", "p2", 2)
    assert b.word("N1") == "running-preemptible"
    b.start("P1", "q2", 2)
    assert b.word("N1") == "preempted"


def test_t10_frozen_cpus_are_lent_to_preemptible_jobs_only() -> None:
    b = cpus("N1", "P1")
    b.start("P1", "service", 4)
    b.ok("freeze", "P1")
    b.start_refused("N1", "hard", 5)
    b.start("N1", "soft", 8, "preemptible")
    assert b.shown("N1") == "running-preemptible:8:0"
    assert b.word("P1") == "frozen"
    b.ok("defrost", "P1")
    assert b.words("N1", "P1") == ("preempted", "running")
    b.ok("freeze", "P1")
    assert b.word("N1") == "running-preemptible"


def test_t11_a_frozen_service_comes_back_a_hundred_times() -> None:
    b = whole("N1", "P1")
    b.start("P1", "service")
    b.ok("freeze", "P1")
    b.start("N1", "soft", kind="preemptible")
    b.start_refused("N1", "hard")
    for _turn in range(100):
        b.ok("defrost", "P1")
        assert b.words("N1", "P1") == ("preempted", "running")
        b.pass_time(3)
        b.ok("freeze", "P1")
        assert b.words("N1", "P1") == ("running-preemptible", "frozen")
        b.pass_time(5)
    assert b.vm("N1").jobs[0].lost == 300
    assert b.vm("P1").jobs[0].frozen == 500 - 5


def test_t12_lent_cpus_keep_their_cover() -> None:
    b = cpus("N1", "P1")
    b.start("P1", "service", 4)
    b.ok("freeze", "P1")
    b.start("N1", "soft", 6, "preemptible")
    assert "kept for frozen" in b.start_refused("N1", "hard", 1)


def test_t12b_history_does_not_matter() -> None:
    b = cpus("N1", "N2", "P1")
    b.start("N1", "soft", 4, "preemptible")
    b.start("P1", "service", 4)
    b.ok("freeze", "P1")
    b.start("N2", "hard", 4)


def boot_bench(mode: str) -> Bench:
    b = (whole if mode == "whole" else cpus)("N1")
    b.define("N2", bootable=True)
    b.do("seen", "N2", present=False)
    b.start("N1", "soft", 8, kind="preemptible")
    assert b.word("N2") == "down-bootable"
    b.boot("N2", job_kind="cluster", cpus=4, reservation="boot-1")
    assert b.words("N1", "N2") == ("preempted", "booting")
    return b


@pytest.mark.parametrize("mode", ["whole", "cpus"])
def test_t13_a_vm_is_booted_for_a_cluster(mode: str) -> None:
    b = boot_bench(mode)
    assert "while N2 boots" in b.start_refused("N1", "other")
    b.ok("register", "N2", session="b2/x")
    assert b.word("N1") == "preempted", "D37: what was preempted for the boot stays until the promise is used"
    b.ok("start", "N2", job="c", job_kind="cluster", cpus=4, label="venus", reservation="boot-1")
    assert b.word("N2") == "running-cluster"
    assert "only jobs of that cluster" in b.start_refused("N2", "stranger")
    b.start("N2", "inner", 1, label="venus")
    b.ok("stop", "N2", job="c")
    assert b.words("N1", "N2")[0] == "running-preemptible"
    b.down("N2")
    assert b.word("N2") == "down-bootable"


@pytest.mark.parametrize("mode", ["whole", "cpus"])
def test_t14_a_boot_that_never_ends_is_ended(mode: str) -> None:
    b = boot_bench(mode)
    b.pass_time(299)
    assert b.word("N2") == "booting"
    b.pass_time(1)
    assert b.word("N2") == "shutting-down"
    assert b.word("N1") == "running-preemptible"
    b.do("seen", "N2", present=False)
    assert b.word("N2") == "down-bootable"
    for turn in range(2):
        b.boot("N2", job_kind="cluster", cpus=4, reservation=f"again-{turn}")
        b.pass_time(300)
        b.do("seen", "N2", present=False)
    assert b.word("N2") == "down", "not again and again"


def test_t15_a_cluster_in_a_priority_vm() -> None:
    b = whole("N1", "P1")
    b.start("N1", "soft", kind="preemptible")
    b.start("P1", "c", kind="cluster", label="venus")
    assert b.words("N1", "P1") == ("preempted", "running-cluster")


def test_t17_a_machine_that_lends_can_be_loaded() -> None:
    b = cpus("P1", "N1", "N2", "P2")
    b.start("P1", "service", 6)
    b.ok("freeze", "P1")
    b.start("N1", "big", 8, "preemptible")
    b.start("P2", "p", 2)
    assert b.word("N1") == "preempted"
    b.start("N2", "five", 5, "preemptible")
    again = Machine(b.machine.name, b.machine.policy, dict(b.machine.vms), b.machine.reservations)
    assert settle(again, b.now) == b.machine


@pytest.mark.parametrize("mode", ["whole", "cpus"])
@pytest.mark.parametrize("state", ["free", "running-preemptible", "running", "preempted", "frozen", "shutting-down"])
def test_t18_a_vm_vanishes_in_each_state(mode: str, state: str) -> None:
    b = (whole if mode == "whole" else cpus)("N1", "P1")
    victim = "P1" if state in ("running", "frozen") else "N1"
    if state == "running-preemptible":
        b.start("N1", "a", 8, "preemptible")
    elif state == "preempted":
        b.start("N1", "a", 8, "preemptible")
        b.start("P1", "p", 8)
    elif state in ("running", "frozen"):
        b.start("N1", "a", 8, "preemptible")
        b.start("P1", "p", 8)
        if state == "frozen":
            b.ok("freeze", "P1")
    elif state == "shutting-down":
        b.ok("down", "N1")
    assert b.word(victim) == state
    others = [job for vm in b.machine.vms.values() if vm.name != victim for job in vm.jobs]
    b.do("seen", victim, present=False)
    assert b.word(victim) == "down"
    assert [job.id for vm in b.machine.vms.values() for job in vm.jobs] == [job.id for job in others]
    if victim == "P1":
        assert b.word("N1") == "running-preemptible"


@pytest.mark.parametrize("mode", ["whole", "cpus"])
def test_t21_two_starts_from_one_stale_picture(mode: str) -> None:
    b = (whole if mode == "whole" else cpus)("N1", "N2")
    b.ok("reserve", "N1", reservation="r1", cpus=8)
    assert b.word("N2") == "occupied"
    b.refused("reserve", "N2", reservation="r2", cpus=8)
    b.start_refused("N2", "b", 8)
    b.start("N1", "a", 8, reservation="r1")
    assert b.words("N1", "N2") == ("running", "occupied")
    b.ok("stop", "N1", job="a")
    b.ok("reserve", "N2", reservation="r3", cpus=8)
    b.pass_time(60)
    assert b.words("N1", "N2") == ("free", "free"), "a promise that is not used expires"
    assert "expired" in b.start_refused("N2", "c", 8, reservation="r3")


def test_t22_all_machines_or_none() -> None:
    benches = [whole("N1", "P1") for _machine in range(3)]
    for b in benches[:2]:
        b.start("N1", "soft", kind="preemptible")
    benches[2].start("N1", "hard")
    took = []
    for b in benches:
        if b.do("reserve", "P1", reservation="wide").refused:
            break
        took.append(b)
    assert len(took) == 2
    for b in took:
        b.ok("release", reservation="wide")
        assert b.word("N1") == "running-preemptible"
        assert b.vm("N1").jobs[0].lost == 0


def test_t24_ids_with_a_shell_in_them() -> None:
    b = whole("N1")
    for job in ("a;reboot", "$(reboot)", "`reboot`", "-x", "a b", "%s%n", "", "a\n", "../x"):
        assert "not a name" in b.start_refused("N1", job)
        assert "not a name" in b.refused("define", job)


def test_memory_goes_to_whoever_runs() -> None:
    b = cpus("N1", "N2", "P1", memory=2048)
    b.start("N1", "a", 2, "preemptible")
    b.start_refused("N2", "b", 2, "preemptible")  # 6 CPUs are free, but both cannot have their memory
    assert b.words("N2", "P1") == ("occupied", "occupied-would-preempt")
    b.start("P1", "p", 2)
    assert b.word("N1") == "preempted"


def test_boot_takes_only_the_memory_that_it_needs() -> None:
    b = cpus("N1", memory=4096)
    b.define("N2", bootable=True)
    b.do("seen", "N2", present=False)
    b.start("N1", "a", 2, "preemptible")
    b.boot("N2", cpus=2, reservation="r")
    assert b.word("N1") == "running-preemptible"


def test_starved_vms_are_left_alone_for_a_while() -> None:
    b = cpus("N1", "P1", starved=60.0, min_run=50.0)
    b.start("N1", "a", 8, "preemptible")
    b.start("P1", "p", 4)
    b.pass_time(100)
    b.ok("stop", "P1", job="p")
    assert b.words("N1", "P1") == ("running-preemptible", "occupied")
    b.start_refused("P1", "q", 1)
    b.pass_time(50)
    assert b.word("P1") == "occupied-would-preempt"


def test_a_start_takes_from_those_that_are_not_shielded() -> None:
    b = cpus("N1", "N2", "P1", starved=60.0, min_run=50.0)
    b.start("N1", "a", 4, "preemptible")
    b.start("P1", "p", 8)
    b.pass_time(100)
    b.ok("stop", "P1", job="p")
    b.start("N2", "b", 4, "preemptible")
    b.start("P1", "q", 2)
    assert b.words("N1", "N2") == ("running-preemptible", "preempted")


def test_whoever_has_starved_comes_back_before_a_larger_one() -> None:
    b = cpus("N1", "N2", "P1", starved=60.0)
    b.start("N1", "a", 2, "preemptible")
    b.start("N2", "b", 4, "preemptible")
    b.start("P1", "p", 4)
    assert b.words("N1", "N2") == ("preempted", "running-preemptible")
    b.pass_time(50)
    b.start("P1", "q", 4)
    b.pass_time(30)
    b.ok("stop", "P1", job="p")
    assert b.words("N1", "N2") == ("running-preemptible", "preempted")


def test_a_victim_that_the_later_ones_made_needless_is_spared() -> None:
    """The first has the CPUs, and the memory takes two others, who have CPUs enough as well."""
    b = cpus(memory=1100)
    for name, memory in (("N1", 200), ("N2", 400), ("N3", 400)):
        b.define(name, memory=memory, floor=100)
        b.ok("register", name, session="boot/box")
    b.start("N1", "a", 4, "preemptible")
    b.start("N2", "b", 2, "preemptible")
    b.start("N3", "c", 2, "preemptible")
    after = preempt(b.machine, Amount(4, 600), b.now, shields=True)
    assert {name for name, vm in after.vms.items() if vm.preempted} == {"N2", "N3"}


def test_definitions_that_cannot_be_are_refused() -> None:
    b = cpus("N1", memory=4096)
    for fields, why in (
        ({"color": 1}, "no such field: color"),
        ({"memory": 64, "floor": 128}, "at most memory"),
        ({"floor": 0}, "set floor"),
        ({"memory": 9999, "floor": 9999}, "do not suffice"),
    ):
        assert why in b.refused("define", "N1", fields=tuple(fields.items()))
    b.ok("define", "N1", fields=(("uuid", "u1"),))
    assert "another VM's" in b.refused("define", "N2", fields=(("memory", 512), ("floor", 64), ("uuid", "u1")))
    b.start("N1", "a")
    assert "only while it holds nothing" in b.refused("define", "N1", fields=(("priority", True),))
    assert "no such VM" in b.refused("boot", "N9")
    assert "no such request" in b.refused("explode", "N1")


def test_what_only_some_states_allow() -> None:
    b = whole("N1", "P1")
    b.define("N2", bootable=True)
    b.do("seen", "N2", present=False)
    b.refused("boot", "N1")
    b.start("N1", "a")
    assert "set force" in b.refused("reboot", "N1")
    assert "still holds" in b.refused("unregister", "N1")
    assert "set force to lose them" in b.refused("down", "N1")
    assert "no priority VM" in b.refused("freeze", "N1")
    assert "it holds jobs" in b.refused("remove", "N1")
    assert "runs no cluster" in b.start_refused("N1", "i", kind="inner")
    assert "such class" in b.start_refused("N1", "i", kind="odd")
    assert "holds jobs; a cluster" in b.start_refused("N1", "c", kind="cluster")
    assert "give 1 to 8" in b.start_refused("N1", "big", 9)
    assert "already holds" in b.start_refused("N1", "a")
    assert "no reservation" in b.start_refused("N1", "r", reservation="none")
    b.ok("stop-all", "N1")
    assert b.ok("stop-all", "N1").text == "N1 holds no jobs"
    b.start("N1", "all", -1)
    b.ok("reboot", "N1", force=True)
    assert "is refused while N1 boots" in b.refused("freeze", "P1")
    b.ok("register", "N1", session="b9/x")
    b.ok("unregister", "N1")
    assert "shutting down" in b.refused("register", "N1", session="b9/x")
    b.do("seen", "N1", present=False)
    assert b.ok("unregister", "N1").text
    assert b.ok("down", "N1").text
    b.start("P1", "service")
    b.ok("freeze", "P1")
    assert "discard it" in b.refused("down", "P1")
    assert "is frozen in the books" in b.ok("register", "P1", session="boot/box").text
    b.ok("down", "P1", force=True)
    assert b.ok("defrost", "P1").text == "P1 is not frozen"


def test_promises_are_for_what_they_promise() -> None:
    b = cpus("N1", "N2", "P1")
    b.ok("reserve", "N1", reservation="r", cpus=2, job_kind="preemptible")
    assert b.ok("reserve", "N1", reservation="r", cpus=2).text == "r is reserved already"
    assert "is for N1" in b.start_refused("N2", "a", 2, reservation="r")
    assert "promises 2 CPUs preemptible" in b.start_refused("N1", "a", 2, reservation="r")
    b.start("P1", "p", 8, kind="normal")
    assert not b.machine.reservations, "promises of preemptible jobs give way first"
    assert b.ok("release", reservation="r").text


def test_the_same_message_counts_once() -> None:
    b = whole("N1")
    start = {"job": "a", "cpus": 1, "request": "r1", "session": "boot/box", "seq": 1}
    b.ok("start", "N1", **start)
    assert b.ok("start", "N1", **start).text == "said again"
    b.ok("stop", "N1", job="a", session="boot/box", seq=2)
    assert "refused, or the job has ended" in b.refused("start", "N1", **start)
    assert "unregistered" in b.refused("start", "N1", **{**start, "session": "old/box", "seq": 9})
    b.ok("start", "N1", job="a", cpus=1, request="r2", session="boot/box", seq=3)
    assert b.ok("start", "N1", job="a", cpus=1, request="r2").text
    assert b.ok("register", "N1", session="boot/box", jobs=("a", "ghost")).unknown == ("ghost",)
    b.ok("register", "N1", session="boot2/box", jobs=())
    assert not b.vm("N1").jobs, "what ran in the last boot is gone"


def test_a_vm_that_cannot_have_its_memory_is_not_served() -> None:
    b = cpus("N1", "N2", memory=1400)
    b.define("N3", memory=256, floor=256)
    b.start("N1", "a")
    assert "memory does not suffice" in b.refused("register", "N3", session="b/x")
