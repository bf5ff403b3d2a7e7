# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that run for long: the daemons, whoever tells the batch system, the simulator."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import subprocess
import sys
import time
import typing as t

from . import agentd, batch, cached, masterd
from .client import Client
from .config import AgentConfig, CacheConfig, ConfigError, MasterConfig, load
from .say import DONE, NOBODY, REFUSED, SOCKETS, say
from .sim.site import Plan, run, totals

# Seconds to leave a batch system alone that does not answer.
RETRY = 5.0


def daemon(given: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    try:
        if given.command == "master":
            asyncio.run(masterd.serve(load(given.config, MasterConfig)))
        elif given.command == "agent":
            asyncio.run(agentd.serve(load(given.config, AgentConfig)))
        else:
            asyncio.run(cached.serve(load(given.config, CacheConfig)))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{given.config}: {error}") from error
    return DONE


def simulate(given: argparse.Namespace) -> int:
    plan = Plan(given.machines, given.events, given.seed, given.mode, given.faults)
    began = time.monotonic()
    results, history = run(plan, given.processes)
    seconds = time.monotonic() - began
    wrong = [result.wrong for result in results if result.wrong]
    if given.json:
        say(json.dumps({"totals": totals(results), "history": history, "seconds": seconds, "wrong": wrong}))
    else:
        for key, value in totals(results).items():
            say(f"{key:<20} {value:>10}")
        say(f"{'seconds':<20} {seconds:>10.1f}")
        say(f"{'history':<20} {history}")
        for text in wrong:
            say(f"WRONG: {text}")
        say("every invariant held at every event" if not wrong else f"{len(wrong)} machines went wrong")
    return DONE if not wrong else REFUSED


def tell_batch(given: argparse.Namespace) -> int:
    """Follow the cache, and write what changes into the batch system: all that is new, in one go."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    known: dict[str, batch.Node | None] = {}
    with Client(given.socket or SOCKETS["cache"]) as client:
        first = client.ask("watch")
        client.patient()
        told = _write(given, known, first.get("machines", {}))
        for message in client.messages() if told else ():
            if message.get("op") == "publish" and not _write(given, known, message["machines"]):
                break
    # Whoever runs this starts it again, and then all is written again.
    time.sleep(RETRY)
    return NOBODY


def _write(given: argparse.Namespace, known: dict[str, batch.Node | None], machines: t.Any) -> bool:
    """Whether the batch system took it."""
    changed = batch.news(known, batch.nodes(machines, short=given.short))
    if given.system == "openpbs":
        text = batch.qmgr(changed)
        commands = [(["qmgr"], text)] if text else []
    else:
        if changed:
            shown = subprocess.run(["scontrol", "--json", "show", "nodes"], capture_output=True, text=True, check=False)
            kept = batch.not_ours(shown.stdout) if shown.returncode == 0 else set()
            changed = {name: node for name, node in changed.items() if name not in kept}
        commands = [(argv, "") for argv in batch.scontrol(changed, known)]
    took = True
    for argv, text in commands:
        done = subprocess.run(argv, input=text, text=True, capture_output=True, check=False, timeout=120)
        if done.returncode:
            took = False
            logging.getLogger("magrathea.batch").warning("%s: %s", " ".join(argv), done.stderr.strip()[:500])
    known.update(changed)
    return took


COMMANDS: dict[str, t.Callable[[argparse.Namespace], int]] = {
    "master": daemon,
    "agent": daemon,
    "cache": daemon,
    "simulate": simulate,
    "tell-batch": tell_batch,
}
