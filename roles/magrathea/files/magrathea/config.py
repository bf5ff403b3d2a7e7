# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daemons are told: one JSON file each, read whole, and refused with a reason."""

from __future__ import annotations

import json
import typing as t
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path

from .model import CPUS, WHOLE


class ConfigError(Exception):
    """A configuration that cannot be used; the text names the file, the key and the cure."""


@dataclass(frozen=True)
class Tls:
    """The credential of this host, and whom it trusts: a grid host has all of this anyway."""

    certificate: str = "/etc/grid-security/hostcert.pem"
    key: str = "/etc/grid-security/hostkey.pem"
    # A directory of hashed CA certificates, or one file.
    trust: str = "/etc/grid-security/certificates"


@dataclass(frozen=True)
class MasterConfig:
    name: str
    mode: str = WHOLE
    cpus: int = 1
    memory: int = 0
    # An address; empty is all of them, of either family.
    listen: str = ""
    port: int = 5678
    socket: str = "/run/magrathea/master.socket"
    # Local group whose members may do what root may; others may look.
    group: str = ""
    state: str = "/var/lib/magrathea"
    driver: str = "xen"
    # For xen: directories of configurations and images; for container: argv lists.
    configs: str = "/etc/xen"
    commands: dict[str, list[str]] = field(default_factory=dict)
    # What containers are called, where that is not the VM's name.
    containers: dict[str, str] = field(default_factory=dict)
    caches: list[str] = field(default_factory=list)
    # Addresses of hosts that this one cannot look up.
    addresses: dict[str, str] = field(default_factory=dict)
    # Hosts that may reserve and boot, and hosts that may defrost, by the names in their certificates.
    batch: list[str] = field(default_factory=list)
    defrosters: list[str] = field(default_factory=list)
    # A file with a secret that allows to defrost.
    token: str = ""
    reservation: float = 60.0
    boot_timeout: float = 300.0
    stop_timeout: float = 120.0
    starved: float = 0.0
    min_run: float = 600.0
    lend_idle: bool = False
    switch_limit: float = 30.0
    image_limit: float = 600.0
    running_weight: int = 1024
    waiting_weight: int = 16
    history: int = 100_000
    tls: Tls = field(default_factory=Tls)


@dataclass(frozen=True)
class AgentConfig:
    name: str
    master: str
    port: int = 5678
    socket: str = "/run/magrathea/agent.socket"
    group: str = ""
    state: str = "/var/lib/magrathea"
    # Which batch system's clock to stop as well: openpbs, slurm or none.
    batch: str = "none"
    patience: float = 60.0
    tls: Tls = field(default_factory=Tls)


@dataclass(frozen=True)
class CacheConfig:
    listen: str = ""
    port: int = 7878
    socket: str = "/run/magrathea/cache.socket"
    group: str = ""
    # Masters that may publish, and hosts that may read, by the names in their certificates.
    machines: list[str] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)
    expiry: float = 1500.0
    tls: Tls = field(default_factory=Tls)


C = t.TypeVar("C", MasterConfig, AgentConfig, CacheConfig)


def load(path: Path, kind: type[C]) -> C:
    try:
        given = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is no JSON: {error}") from None
    return parse(str(path), given, kind)


def parse(where: str, given: t.Any, kind: type[C]) -> C:
    if not isinstance(given, dict):
        raise ConfigError(f"{where}: is no JSON object")
    values = dict(given)
    tls = values.pop("tls", {})
    values = _values(where, values, kind)
    values["tls"] = Tls(**_values(f"{where}: tls", tls, Tls))
    config = kind(**values)
    if isinstance(config, MasterConfig):
        _check(where, "mode", config.mode, (WHOLE, CPUS))
        _check(where, "driver", config.driver, ("xen", "container"))
    if isinstance(config, AgentConfig):
        _check(where, "batch", config.batch, ("openpbs", "slurm", "none"))
    return config


def _check(where: str, key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"{where}: {key} is {value!r}; it is one of {', '.join(known)}")


_TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "bool": (bool,), "int": (int,), "float": (int, float)}


def _values(where: str, given: t.Any, kind: type[t.Any]) -> dict[str, t.Any]:
    known = {entry.name: entry for entry in fields(kind)}
    if not isinstance(given, dict):
        raise ConfigError(f"{where}: is no JSON object")
    for key, value in given.items():
        if key not in known:
            raise ConfigError(f"{where}: no such key: {key}; known are {', '.join(known)}")
        wanted = str(known[key].type)
        right = _TYPES.get(wanted, (list, dict))
        # To Python true is a number too.
        if not isinstance(value, right) or (isinstance(value, bool) and bool not in right):
            raise ConfigError(f"{where}: {key} is {value!r}; a {wanted} is wanted")
        if isinstance(value, int | float) and value < 0:
            raise ConfigError(f"{where}: {key} is {value}; it is not negative")
    for name, entry in known.items():
        if name != "tls" and name not in given and entry.default is MISSING and entry.default_factory is MISSING:
            raise ConfigError(f"{where}: {name} is missing")
    return dict(given)
