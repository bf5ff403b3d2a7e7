# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `magrathea`, for people and scripts. Exit code 0: done; 1: refused; 2: misused; 3: nobody there."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import typing as t
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .client import Client, Unreachable
from .config import ConfigError
from .say import DONE, MISUSED, NOBODY, REFUSED, SOCKETS, say
from .wire import Message


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="magrathea", description="Virtual machines that share a node.")
    top.add_argument("--version", action="version", version=__version__)
    top.add_argument("--json", action="store_true", help="answer as JSON")
    top.add_argument("--socket", help="the daemon's socket, if it is not where it always is")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, about: str, *names: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about, description=about)
        for argument in names:
            command.add_argument(argument)
        return command

    add("status", "the machine, its VMs and what may start in them").add_argument("vm", nargs="?")
    add("watch", "the same, and each change as it comes")
    history = add("history", "what happened on the machine")
    history.add_argument("vm", nargs="?")
    history.add_argument("--last", type=int, default=20, help="so many lines (%(default)s)")
    define = add("define", "register a VM, or change what it is", "vm")
    define.add_argument("--priority", action=argparse.BooleanOptionalAction)
    define.add_argument("--bootable", action=argparse.BooleanOptionalAction)
    for name, about in (("memory", "MiB with jobs"), ("floor", "MiB without"), ("kept", "MiB kept while frozen")):
        define.add_argument(f"--{name}", type=int, help=about)
    define.add_argument("--cluster", help="label for jobs inside a cluster")
    add("remove", "forget a VM that is down", "vm")
    _claim(add("boot", "boot a VM that is down-bootable", "vm"), reservation=True)
    for name, about in (("down", "shut a VM down"), ("reboot", "reboot a VM")):
        add(name, about, "vm").add_argument("--force", action="store_true", help="lose its jobs")
    add("freeze", "freeze a priority VM with its service", "vm")
    add("defrost", "bring a frozen VM back", "vm").add_argument("--token-file", help="the secret that allows it")
    reserve = add("reserve", "promise a start, for a minute", "vm", "reservation")
    _claim(reserve)
    add("release", "give a promise back", "reservation").add_argument("--vm", help="needed at the cache's socket")
    add("lost", "seconds that jobs were stopped for others", "vm")
    _jobs(add("job", "starts and ends of jobs: in a VM by its agent, on the machine by hand"))
    for name, about in (("master", "run the machine's daemon"), ("agent", "run a VM's"), ("cache", "run a cluster's")):
        add(name, about).add_argument("--config", type=Path, default=Path(f"/etc/magrathea/{name}.json"))
    tell = add("tell-batch", "keep the batch system told of what the cache knows")
    tell.add_argument("system", choices=["openpbs", "slurm"])
    tell.add_argument("--short", action="store_true", help="its nodes have short names")
    simulate = add("simulate", "the real daemons on simulated machines, with faults")
    simulate.add_argument("--machines", type=int, default=140)
    simulate.add_argument("--events", type=int, default=10_000, help="of each machine (%(default)s)")
    simulate.add_argument("--seed", type=int, default=0)
    simulate.add_argument("--mode", choices=["whole", "cpus", "both"], default="both")
    simulate.add_argument("--faults", type=float, default=0.01, help="how likely each is (%(default)s)")
    simulate.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return top


def _claim(command: argparse.ArgumentParser, *, reservation: bool = False) -> None:
    command.add_argument("--class", dest="kind", choices=["normal", "preemptible", "cluster"], default="normal")
    command.add_argument("--cpus", type=_cpus, default=1, help="a number, or all")
    if reservation:
        command.add_argument("--reservation", help="its name, to start the job by that the boot is for")


def _cpus(text: str) -> int | str:
    return text if text == "all" else int(text)


def _jobs(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", required=True)
    start = actions.add_parser("start", help="may this job start? Returns when the machine has been handed over")
    start.add_argument("job")
    _claim(start, reservation=True)
    start.add_argument("--cluster", dest="label", help="the virtual cluster that it makes, or runs inside")
    start.add_argument("--process", type=int, help="a process of the job, where its environment does not tell")
    stop = actions.add_parser("stop", help="this job has ended")
    stop.add_argument("job")
    listed = actions.add_parser("list", help="these jobs run here, and no others")
    listed.add_argument("jobs", nargs="*")
    everything = actions.add_parser("stop-all", help="no job runs here")
    for action in (start, stop, everything):
        action.add_argument("--vm", help="by hand, at the master and not in the VM: for this VM")


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    try:
        return _COMMANDS.get(given.command, _ask)(given)
    except ConfigError as error:
        sys.stderr.write(f"magrathea: {error}\n")
        return MISUSED
    except Unreachable as error:
        sys.stderr.write(f"magrathea: {error}\n")
        return NOBODY
    except KeyboardInterrupt:
        return DONE
    except BrokenPipeError:
        return DONE


def _socket(given: argparse.Namespace) -> str:
    if given.socket:
        return str(given.socket)
    if given.command == "job" and not getattr(given, "vm", None):
        return SOCKETS["agent"]
    # On a machine there is a master, on the batch system's host a cache.
    return next((SOCKETS[name] for name in ("master", "cache") if Path(SOCKETS[name]).exists()), SOCKETS["master"])


def _request(given: argparse.Namespace) -> tuple[str, dict[str, t.Any]]:
    """What to ask for, from what was typed."""
    fields = dict(vars(given))
    for key in ("json", "socket", "command"):
        fields.pop(key)
    op = given.command
    if op == "job":
        op = fields.pop("action")
    elif op == "define":
        op_fields = {key: fields.pop(key) for key in ("priority", "bootable", "memory", "floor", "kept")}
        op_fields["label"] = fields.pop("cluster")
        fields["fields"] = {key: value for key, value in op_fields.items() if value is not None}
    elif op == "defrost":
        path = fields.pop("token_file")
        fields["token"] = Path(path).read_text("utf-8").strip() if path else None
    if op == "boot" and not fields["reservation"]:
        fields = {"vm": given.vm}
    return op, fields


def _ask(given: argparse.Namespace) -> int:
    op, fields = _request(given)
    with Client(_socket(given)) as client:
        return _told(given, client.ask(op, **fields))


def _told(given: argparse.Namespace, reply: Message) -> int:
    ok = bool(reply.get("ok"))
    if given.json:
        say(json.dumps(reply))
    elif not ok:
        sys.stderr.write(f"magrathea: {reply.get('text', 'refused')}\n")
    else:
        for line in _human(given, reply):
            say(line)
    return DONE if ok else REFUSED


def _human(given: argparse.Namespace, reply: Message) -> t.Iterator[str]:
    if given.command == "history":
        for entry in reply["history"]:
            when = time.strftime("%F %T", time.localtime(entry["at"]))
            yield f"{when}  {entry['kind']:<16} {entry['vm']:<24} {entry['text']}"
    elif "vms" in reply:
        yield from _table(reply)
    elif "machines" in reply:
        for name, vms in reply["machines"].items():
            yield from _table({"machine": name, "vms": vms})
    elif "lost" in reply:
        for job, seconds in reply["lost"].items():
            yield f"{job:<24} {seconds:.1f} s"
    else:
        if "took" in reply:
            yield f"took {sum(reply['took'].values()):.3f} s, predicted {reply['predicted']:.3f} s"
            for name, seconds in reply["took"].items():
                yield f"  {name:<32} {seconds:8.3f} s"
        yield reply.get("text") or "done"


def _table(reply: Message) -> t.Iterator[str]:
    if "books" in reply:
        books = reply["books"]
        counted = f"{reply['cpus']} CPUs" if reply["mode"] == "cpus" else "whole machine"
        held = " ".join(f"{key}={value}" for key, value in books.items())
        yield f"{reply['machine']}: {counted}, {reply['memory'] or 'uncounted'} MiB, {held}"
        if reply["switching"]:
            yield f"under way: {reply['switching']}"
        if reply["fault"]:
            yield f"FAULT: {reply['fault']}"
    elif "machine" in reply:
        yield f"{reply['machine']}:"
    yield f"  {'VM':<24} {'STATE':<24} {'CPUS':>4}  {'ACCEPTS':<24} {'LOST':>8}  JOBS"
    for name, shown in reply["vms"].items():
        if shown is None:
            yield f"  {name:<24} gone"
            continue
        accept = ",".join(shown["accept"]) or "-"
        jobs = " ".join(shown["jobs"]) or "-"
        line = f"  {name:<24} {shown['state']:<24} {shown['cpus']:>4}  {accept:<24} {shown['lost']:>7.0f}s  {jobs}"
        yield line + (f"  (reserved: {', '.join(shown['locked'])})" if shown["locked"] else "")


def _watch(given: argparse.Namespace) -> int:
    with Client(_socket(given)) as client:
        code = _told(given, client.ask("watch"))
        client.patient()
        for message in client.messages():
            if message.get("op") == "publish":
                if given.json:
                    say(json.dumps(message))
                else:
                    for line in _human(given, message):
                        say(line)
    return code


def _long(given: argparse.Namespace) -> int:
    """What runs for long may take its time to load; what prologues and epilogues wait for may not."""
    from . import long

    return long.COMMANDS[given.command](given)


_COMMANDS: dict[str, t.Callable[[argparse.Namespace], int]] = {
    "watch": _watch,
    **dict.fromkeys(("master", "agent", "cache", "simulate", "tell-batch"), _long),
}
