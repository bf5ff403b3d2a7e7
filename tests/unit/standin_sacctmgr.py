# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test double for sacctmgr, with the part of Slurm's accounting that slurm_account has to do with, kept in a file."""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

_SCRIPT = """#!{python}
import sys
sys.path[:0] = {path!r}
from ansible_collections.egee.box.tests.unit.standin_sacctmgr import command
sys.exit(command({state!r}, sys.argv[1:]))
"""
NEW: dict[str, t.Any] = {"accounts": {"root": {"share": 1, "users": ["root"]}}, "defaults": {"root": "root"}}


def install(directory: Path) -> Path:
    """The program, in a directory; returns the file beside it: clusters by name, who has jobs, and a fault."""
    state = directory / "state.json"
    state.write_text(json.dumps({"clusters": {}, "busy": [], "fault": ""}), encoding="utf-8")
    program = directory / "sacctmgr"
    program.write_text(_SCRIPT.format(python=sys.executable, path=sys.path, state=str(state)), encoding="utf-8")
    program.chmod(0o755)
    return state


def command(place: str, words: list[str]) -> int:
    """What such a program does: take the state up, answer, and put it down again."""
    state = json.loads(Path(place).read_text(encoding="utf-8"))
    verb, kind, *rest = [word for word in words if not word.startswith("--")]
    given = dict(word.split("=", 1) for word in rest if "=" in word)
    names = given.get("name", rest[0]).split(",")
    fault = state["fault"]
    if verb == "delete" and not {*names}.isdisjoint(state["busy"]):
        fault = "Error with request: Job(s) active, cancel job(s) before remove\n"
    if fault:
        sys.stderr.write(fault)
        return 1
    if (verb, kind) == ("add", "cluster"):
        state["clusters"][names[0]] = NEW
    elif given["cluster"] in state["clusters"]:
        _of_a_cluster(state["clusters"][given["cluster"]], verb, kind, names, given)
    Path(place).write_text(json.dumps(state), encoding="utf-8")
    return 0


def _of_a_cluster(cluster: dict[str, t.Any], verb: str, kind: str, names: list[str], given: dict[str, str]) -> None:
    accounts, defaults = cluster["accounts"], cluster["defaults"]
    for name in names:
        match verb, kind:
            case "add", "account":
                accounts[name] = {"share": int(given["fairshare"]), "users": []}
            case "modify", "account":
                accounts[name]["share"] = int(given["fairshare"])
            case "delete", "account":
                del accounts[name]
            case "add", "user":
                accounts[given["account"]]["users"].append(name)
                defaults.setdefault(name, given["account"])
            case "modify", "user":
                defaults[name] = given["defaultaccount"]
            case "delete", "user":
                accounts[given["account"]]["users"].remove(name)
            case "list", "association":
                for account, about in accounts.items():
                    sys.stdout.write(f"{account}||{about['share']}\n")
                    sys.stdout.write("".join(f"{account}|{user}|1\n" for user in about["users"]))
            case "list", "user":
                sys.stdout.write("".join(f"{user}|{default}\n" for user, default in defaults.items()))
