# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which attributes PBS's objects have, of what kind, and which of them nobody can set. Private to the collection."""

from __future__ import annotations

import functools
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.egee.box.plugins.module_utils._pbs import values
from ansible_collections.egee.box.plugins.module_utils._pbs.values import Kind

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RESOURCE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True, eq=False)
class Type:
    """A type of object: how its names look, and its attributes by kind."""

    word: str  # as qmgr calls it
    title: str  # as qmgr's lists head it
    names: str  # the pattern of a name
    rule: str  # the same in words
    kinds: t.Mapping[str, Kind]  # by attribute, in PBS's own spelling
    computed: frozenset[str] = frozenset()  # PBS's own: shown, never set
    fixed: frozenset[str] = frozenset()  # given when the object is made, never after
    kept: frozenset[str] = frozenset()  # what `exact` leaves alone: PBS or a MoM puts it back
    defaults: t.Mapping[str, str] = field(default_factory=dict)  # what `unset` brings back
    given_back: frozenset[str] = frozenset()  # what PBS or a MoM sets again as soon as it is unset
    born_with: t.Mapping[str, str] = field(default_factory=dict)  # what a new one has, and `unset` takes away
    false_when_absent: frozenset[str] = frozenset()
    spelling: t.Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Attribute:
    """One attribute of a type of object, maybe of one resource: resources_max.walltime."""

    name: str
    kind: Kind
    known: bool


def _type(word: str, title: str, names: str, rule: str, groups: t.Mapping[Kind, str], **extra: t.Any) -> Type:
    kinds = {name: kind for kind, words in groups.items() for name in words.split()}
    for key in ("computed", "fixed", "kept", "given_back", "false_when_absent"):
        extra[key] = frozenset(extra.get(key, "").split())
    spelling = {name.lower(): name for name in (*kinds, *extra["computed"], *extra["fixed"])}
    return Type(word, title, names, rule, kinds, spelling=spelling, **extra)


# Kinds of their own only in this file: the value is one of a resource, or a limit on one.
PER_RESOURCE = Kind("resource", values.plain)
LIMIT_PER_RESOURCE = Kind("resource limit", values.plain)

_LIMITS = "max_queued max_run max_run_soft queued_jobs_threshold"
_RESOURCE_LIMITS = "max_queued_res max_run_res max_run_res_soft queued_jobs_threshold_res"
_OLD_LIMITS = "max_running max_user_run max_group_run max_user_run_soft max_group_run_soft"
_OLD_RESOURCE_LIMITS = "max_user_res max_group_res max_user_res_soft max_group_res_soft"

SERVER = _type(
    "server",
    "Server",
    r"",
    "the server has no name here",
    {
        values.STRING: "default_queue mailer mail_from comment default_node require_cred default_qdel_arguments "
        "default_qsub_arguments pbs_license_info cred_renew_tool job_sort_formula",
        values.BOOLEAN: "scheduling acl_host_enable acl_host_moms_enable acl_resv_host_enable acl_resv_group_enable "
        "acl_user_enable acl_resv_user_enable query_other_jobs node_pack flatuid resv_enable require_cred_enable "
        "node_group_enable eligible_time_enable job_history_enable clear_topjob_estimates_enable "
        "show_hidden_attribs acl_krb_realm_enable cred_renew_enable power_provisioning has_runjob_hook",
        values.INTEGER: f"{_OLD_LIMITS} log_events system_cost scheduler_iteration node_fail_requeue max_array_size "
        "resend_term_delay rpp_retry rpp_highwater pbs_license_min pbs_license_max pbs_license_linger_time "
        "reserve_retry_time reserve_retry_init total_jobs max_concurrent_provision backfill_depth "
        "python_restart_max_hooks python_restart_max_objects sync_mom_hookfiles_timeout rpp_max_pkt_check "
        "max_job_sequence_id",
        values.LIMIT: _LIMITS,
        LIMIT_PER_RESOURCE: _RESOURCE_LIMITS,
        PER_RESOURCE: f"{_OLD_RESOURCE_LIMITS} resources_available resources_default default_chunk resources_max "
        "resources_cost resources_assigned",
        values.WORDS: "pnames node_group_key restrict_res_to_release_on_suspend",
        values.ACCESS: "acl_hosts acl_resv_hosts acl_resv_groups acl_users acl_resv_users acl_roots managers "
        "operators acl_krb_realms acl_krb_submit_realms",
        values.DURATION: "job_history_duration resv_post_processing_time job_requeue_timeout "
        "python_restart_min_interval cred_renew_period cred_renew_cache_period",
        values.SIZE: "jobscript_max_size",
    },
    computed="server_state server_host total_jobs state_count resources_assigned license_count pbs_version "
    "power_provisioning has_runjob_hook provision_enable provision_timeout",
    defaults={
        "scheduling": "True",
        "log_events": "511",
        "mailer": "/usr/sbin/sendmail",
        "mail_from": "adm",
        "query_other_jobs": "True",
        "resources_default.ncpus": "1",
        "scheduler_iteration": "600",
        "resv_enable": "True",
        "max_array_size": "10000",
        "pbs_license_min": "0",
        "pbs_license_max": "2147483647",
        "pbs_license_linger_time": "31536000",
        "eligible_time_enable": "False",
        "max_concurrent_provision": "5",
        "clear_topjob_estimates_enable": "False",
    },
    born_with={
        "default_chunk.ncpus": "1",
        "node_fail_requeue": "310",
        "resend_term_delay": "5",
        "max_job_sequence_id": "9999999",
    },
    false_when_absent="acl_host_enable acl_host_moms_enable acl_resv_host_enable acl_resv_group_enable "
    "acl_user_enable acl_resv_user_enable node_pack flatuid require_cred_enable node_group_enable "
    "job_history_enable show_hidden_attribs acl_krb_realm_enable cred_renew_enable",
)

QUEUE = _type(
    "queue",
    "Queue",
    r"[A-Za-z][A-Za-z0-9_-]{0,14}",
    "at most 15 letters, digits, _ and -, the first a letter",
    {
        values.QUEUE_TYPE: "queue_type",
        values.STRING: "comment partition require_cred",
        values.INTEGER: f"{_OLD_LIMITS} Priority max_queuable max_array_size checkpoint_min rendezvous_retry "
        "reserved_expedite reserved_sync kill_delay backfill_depth route_retry_time route_lifetime total_jobs",
        values.LIMIT: _LIMITS,
        LIMIT_PER_RESOURCE: _RESOURCE_LIMITS,
        values.BOOLEAN: "acl_host_enable acl_user_enable acl_group_enable from_route_only require_cred_enable "
        "alt_router route_held_jobs route_waiting_jobs enabled started hasnodes",
        values.ACCESS: "acl_hosts acl_users acl_groups",
        PER_RESOURCE: f"{_OLD_RESOURCE_LIMITS} resources_max resources_min resources_default default_chunk "
        "resources_available resources_assigned",
        values.WORDS: "node_group_key route_destinations",
    },
    computed="total_jobs state_count hasnodes resources_assigned",
    kept="queue_type",
    false_when_absent="acl_host_enable acl_user_enable acl_group_enable from_route_only require_cred_enable "
    "route_held_jobs route_waiting_jobs enabled started",
)

NODE = _type(
    "node",
    "Node",
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}(?:\[[A-Za-z0-9._-]{1,32}\])?",
    "letters, digits, _, - and . (and, for a vnode, an index in brackets)",
    {
        values.STRING: "queue comment current_aoe current_eoe partition Mom",
        values.INTEGER: "Priority max_running max_user_run max_group_run in_multivnode_host vnode_pool Port pcpus "
        "last_state_change_time last_used_time",
        values.BOOLEAN: "no_tasks resv_enable no_multinode_jobs provision_enable power_provisioning poweroff_eligible",
        values.WORDS: "pnames jobs",
        PER_RESOURCE: "resources_available resources_assigned",
    },
    computed="pbs_version ntype pcpus jobs resv resources_assigned sharing license license_info topology_info "
    "maintenance_jobs last_state_change_time last_used_time state resources_available.host "
    "resources_available.vnode",
    fixed="Mom Port vnode_pool",
    born_with={"resv_enable": "True"},
    kept="resv_enable in_multivnode_host resources_available.arch resources_available.mem "
    "resources_available.ncpus resources_available.host resources_available.vnode",
    given_back="resources_available.arch resources_available.mem resources_available.ncpus",
    false_when_absent="no_tasks no_multinode_jobs provision_enable power_provisioning poweroff_eligible",
)

RESOURCE = _type(
    "resource",
    "Resource",
    r"[A-Za-z][A-Za-z0-9_-]{0,62}",
    "letters, digits, _ and -, the first a letter",
    {values.RESOURCE_TYPE: "type", values.FLAGS: "flag"},
    kept="type",
)

HOOK = _type(
    "hook",
    "Hook",
    r"(?!PBS)[A-Za-z][A-Za-z0-9_.-]{0,62}",
    "letters, digits, _, - and ., the first a letter, and not beginning with PBS",
    {
        values.HOOK_WORDS: "event fail_action",
        values.HOOK_BOOLEAN: "enabled debug",
        values.INTEGER: "order alarm freq",
        values.STRING: "user",
        values.CONTENT: "content config",
    },
    computed="type",
    kept="content config",
    defaults={
        "enabled": "true",
        "event": "",
        "user": "pbsadmin",
        "alarm": "30",
        "order": "1",
        "debug": "false",
        "fail_action": "none",
        "freq": "120",
    },
)

SCHED = _type(
    "sched",
    "Sched",
    r"[A-Za-z][A-Za-z0-9_-]{0,14}",
    "at most 15 letters, digits, _ and -, the first a letter",
    {
        values.STRING: "sched_host job_run_wait opt_backfill_fuzzy partition sched_priv sched_log sched_user comment "
        "preempt_prio preempt_order preempt_sort job_sort_formula",
        values.DURATION: "sched_cycle_length",
        values.BOOLEAN: "do_not_span_psets only_explicit_psets sched_preempt_enforce_resumption "
        "preempt_targets_enable throughput_mode scheduling",
        values.FLOAT: "job_sort_formula_threshold",
        values.INTEGER: "scheduler_iteration preempt_queue_prio log_events server_dyn_res_alarm attr_update_period",
    },
    computed="state",
    kept="sched_host sched_priv sched_log sched_user partition job_run_wait scheduling",
    given_back="sched_priv sched_log scheduling",
    defaults={
        "sched_cycle_length": "00:20:00",
        "throughput_mode": "True",
        "job_run_wait": "runjob_hook",
        "scheduler_iteration": "600",
        "preempt_queue_prio": "150",
        "preempt_prio": "express_queue, normal_jobs",
        "preempt_order": "SCR",
        "preempt_sort": "min_time_since_start",
        "log_events": "767",
        "server_dyn_res_alarm": "30",
    },
    false_when_absent="do_not_span_psets only_explicit_psets sched_preempt_enforce_resumption preempt_targets_enable",
)

TYPES = {kind.title: kind for kind in (SERVER, QUEUE, NODE, RESOURCE, HOOK, SCHED)}

# The resources that PBS brings along. A site's own are asked of the server.
_BUILT_IN = {
    values.DURATION: "cput walltime soft_walltime min_walltime max_walltime pcput",
    values.SIZE: "mem file pmem vmem pvmem accelerator_memory hbmem",
    values.INTEGER: "ncpus naccelerators nodect nchunk mpiprocs ompthreads cpupercent nice hpm ssinodes start_time "
    "pcap_node pcap_accelerator",
    values.STRING: "select place nodes arch nodemask host vnode software site exec_vnode pe_mask partition "
    "accelerator_model pstate pgov",
    values.WORDS: "vntype resc aoe eoe preempt_targets accelerator_group",
    values.FLOAT: "energy",
    values.BOOLEAN: "accelerator",
}
RESOURCES: t.Mapping[str, Kind] = {name: kind for kind, words in _BUILT_IN.items() for name in words.split()}


def attribute(of: Type, name: str, resources: t.Mapping[str, Kind]) -> Attribute:
    """The attribute of that name, in PBS's spelling; one that PBS may know and we do not is taken as text."""
    return _attribute(of, name, resources.get(name.partition(".")[2]))


@functools.lru_cache(maxsize=4096)
def _attribute(of: Type, name: str, amount: Kind | None) -> Attribute:
    base, dot, resource = name.partition(".")
    if not _NAME.fullmatch(base) or (dot and not _RESOURCE.fullmatch(resource)):
        raise ValueError(f"{name!r} is no name of an attribute")
    base = of.spelling.get(base.lower(), base)
    kind = of.kinds.get(base)
    if kind is None:
        return Attribute(base + dot + resource, values.STRING, known=False)
    if kind not in (PER_RESOURCE, LIMIT_PER_RESOURCE):
        if dot:
            raise ValueError(f"{name} has no resources")
        return Attribute(base, kind, known=True)
    if not dot:
        raise ValueError(f"{name} needs a resource, as in {name}.ncpus")
    # What a resource costs is a number, whatever the resource is.
    amount = values.INTEGER if base == "resources_cost" else amount
    if amount is not None and kind is LIMIT_PER_RESOURCE:
        amount = values.limit_of(amount)
    return Attribute(f"{base}.{resource}", amount or values.STRING, known=amount is not None)
