# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Xen domain is made of, and its form in /etc/xen. Pure. Private to the collection.

One type, Definition, serves what is wanted, what the configuration file says and what a live
domain was built with, so that any two of them are compared by the same code.
"""

from __future__ import annotations

import ast
import json
import re
import typing as t
from dataclasses import asdict, dataclass, fields, replace

from ansible_collections.egee.box.plugins.module_utils._runner import BoxError

HEADER = "# Written by egee.box.xen_domain, which overwrites changes made here.\n"
SCRIPTS = "/etc/xen/scripts/"

# xl takes a number for a domain's id and a leading dash for an option: neither can be a name.
NAME = re.compile(r"(?!\d+$)[A-Za-z0-9][A-Za-z0-9_.+-]*")
DEVICE = re.compile(r"(xvd|sd|hd)[a-z]+[0-9]*")
MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
# Inside a disk or vif a comma ends the value, anywhere a control character breaks the file.
WORD = re.compile(r"[^\s,'\"\\\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Disk:
    path: str
    device: str
    mode: str = "rw"
    script: str | None = None

    def render(self) -> str:
        script = f"script={self.script}," if self.script else ""
        # The target eats the rest of the string, so it comes last.
        return f"format=raw,vdev={self.device},access={self.mode},{script}target={self.path}"

    @classmethod
    def parse(cls, text: str) -> Disk:
        rest, _found, path = text.partition("target=")
        values = _pairs(rest)
        mode = "ro" if values.get("access") in ("r", "ro") else "rw"
        return cls(path, values.get("vdev", ""), mode, _script(values.get("script")))


@dataclass(frozen=True)
class Vif:
    mac: str
    bridge: str
    address: str | None = None
    script: str | None = None

    def render(self) -> str:
        values = {"mac": self.mac, "bridge": self.bridge, "ip": self.address, "script": self.script}
        return ",".join(f"{key}={value}" for key, value in values.items() if value)

    @classmethod
    def parse(cls, text: str) -> Vif:
        values = _pairs(text)
        mac = values.get("mac", "").lower()
        return cls(mac, values.get("bridge", ""), values.get("ip"), _script(values.get("script")))


@dataclass(frozen=True)
class Definition:
    """A domain as xl.cfg(5) describes it. Memory is in MiB."""

    name: str
    memory: int
    maxmem: int
    vcpus: int = 1
    maxvcpus: int = 1
    weight: int = 256
    cap: int = 0
    type: str = "pv"
    tsc_mode: str = "default"
    kernel: str | None = None
    ramdisk: str | None = None
    cmdline: str | None = None
    bootloader: str | None = None
    disks: tuple[Disk, ...] = ()
    vifs: tuple[Vif, ...] = ()
    on_poweroff: str = "destroy"
    on_reboot: str = "restart"
    on_crash: str = "preserve"

    def plain(self) -> dict[str, t.Any]:
        """Itself as data of the kind that a user writes."""
        data = asdict(self)
        for field in ("disks", "vifs"):
            data[field] = [{k: v for k, v in device.items() if v is not None} for device in data[field]]
        return data


# Definition's names in xl.cfg(5), where they differ.
KEYS = {"weight": "cpu_weight", "disks": "disk", "vifs": "vif"}
FIELDS = tuple(field.name for field in fields(Definition))


def _pairs(text: str) -> dict[str, str]:
    return dict(part.strip().split("=", 1) for part in text.split(",") if "=" in part)


def _script(script: str | None) -> str | None:
    """Xen takes a bare name for one in its own directory: keep the short form."""
    return script.removeprefix(SCRIPTS) if script else None


def render(definition: Definition) -> str:
    """The configuration file of a domain."""
    lines = [HEADER]
    for field in FIELDS:
        value = getattr(definition, field)
        if value is None or value == ():
            continue
        if isinstance(value, tuple):
            items = "".join(f"  {_quote(device.render())},\n" for device in value)
            lines.append(f"{KEYS.get(field, field)} = [\n{items}]\n")
        else:
            lines.append(f"{KEYS.get(field, field)} = {value if isinstance(value, int) else _quote(value)}\n")
    return "".join(lines)


def _quote(text: str) -> str:
    # Validation has kept control characters out; what JSON escapes else, xl's lexer reads alike.
    return json.dumps(text, ensure_ascii=False)


def parse(text: str) -> Definition | None:
    """A configuration file's definition; None if it says things that this module never writes."""
    values: dict[str, t.Any] = {}
    try:
        for node in ast.parse(text).body:
            if not (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)):
                return None
            values[node.targets[0].id] = ast.literal_eval(node.value)
        given = {field: values.pop(KEYS.get(field, field)) for field in FIELDS if KEYS.get(field, field) in values}
        given["disks"] = tuple(Disk.parse(text) for text in given.get("disks", ()))
        given["vifs"] = tuple(Vif.parse(text) for text in given.get("vifs", ()))
        given.setdefault("cmdline", _cmdline(values.pop("root", None), values.pop("extra", None)))
        given.setdefault("maxmem", given.get("memory"))
        given.setdefault("maxvcpus", given.get("vcpus", 1))
        definition = Definition(**given)
    except (SyntaxError, ValueError, TypeError, AttributeError):
        return None
    return definition if not values and isinstance(definition.memory, int) else None


def _cmdline(root: str | None, rest: str | None) -> str | None:
    """A kernel's command line from its two parts, as xl makes it."""
    return " ".join([*([f"root={root}"] if root else []), *([rest] if rest else [])]) or None


def from_live(name: str, config: t.Mapping[str, t.Any]) -> Definition:
    """What a live domain was built with and holds now: a `config` of `xl list -l`.

    libxl leaves out what equals its own defaults.
    """
    build, create = config.get("b_info", {}), config.get("c_info", {})
    scheduler = build.get("sched_params", {})
    return Definition(
        name=name,
        memory=build.get("target_memkb", 0) // 1024,
        maxmem=build.get("max_memkb", 0) // 1024,
        vcpus=len(build.get("avail_vcpus", [0])),
        maxvcpus=build.get("max_vcpus", 1),
        weight=scheduler.get("weight", 256),
        cap=scheduler.get("cap", 0),
        type=create.get("type", "pv"),
        tsc_mode=build.get("tsc_mode", "default"),
        kernel=build.get("kernel"),
        ramdisk=build.get("ramdisk"),
        cmdline=build.get("cmdline"),
        bootloader=build.get("bootloader"),
        disks=tuple(
            Disk(
                disk.get("pdev_path", ""),
                disk.get("vdev", ""),
                "rw" if disk.get("readwrite") else "ro",
                _script(disk.get("script")),
            )
            for disk in config.get("disks", [])
        ),
        vifs=tuple(
            Vif(nic.get("mac", "").lower(), nic.get("bridge", ""), nic.get("ip"), _script(nic.get("script")))
            for nic in config.get("nics", [])
        ),
        on_poweroff=_shutdown_action(config.get("on_poweroff")),
        on_reboot=_shutdown_action(config.get("on_reboot")),
        on_crash=_shutdown_action(config.get("on_crash")),
    )


def _shutdown_action(word: str | None) -> str:
    """libxl's word for what xl.cfg(5) calls otherwise."""
    text = (word or "destroy").replace("_", "-")
    return "rename-restart" if text == "restart-rename" else text


def from_options(options: t.Mapping[str, t.Any]) -> Definition:
    """What a user asks for, checked."""
    definition = Definition(
        name=options["name"],
        memory=options["memory"],
        maxmem=options["maxmem"] or options["memory"],
        vcpus=options["vcpus"],
        maxvcpus=options["maxvcpus"] or options["vcpus"],
        weight=options["weight"],
        cap=options["cap"],
        type=options["type"],
        tsc_mode=options["tsc_mode"],
        kernel=options["kernel"],
        ramdisk=options["ramdisk"],
        cmdline=_cmdline(options["root"], options["extra"]),
        bootloader=options["bootloader"],
        disks=tuple(
            Disk(disk["path"], disk["device"], disk["mode"], _script(disk["script"])) for disk in options["disks"]
        ),
        vifs=tuple(
            Vif(vif["mac"].lower(), vif["bridge"], vif["address"], _script(vif["script"])) for vif in options["vifs"]
        ),
        on_poweroff=options["on_poweroff"],
        on_reboot=options["on_reboot"],
        on_crash=options["on_crash"],
    )
    faults = [f"{definition.name}: {fault}" for fault in _faults(definition)]
    if options["autostart"] is not None and not 0 <= options["autostart"] <= 99:
        faults.append(f"{definition.name}: autostart is {options['autostart']}; set it to a number from 0 to 99")
    if faults:
        raise BoxError("\n".join(faults))
    return definition


def check_name(name: str) -> None:
    if not NAME.fullmatch(name) or name == "Domain-0":
        raise BoxError(
            f"{name!r}: not a name for a domain; use letters, digits and any of '_.+-', "
            "beginning with a letter or digit, not a number alone, and not Domain-0"
        )


def _faults(wanted: Definition) -> t.Iterator[str]:
    check_name(wanted.name)
    for field, lowest in (("memory", 1), ("vcpus", 1), ("weight", 1), ("cap", 0)):
        if getattr(wanted, field) < lowest:
            yield f"{field} is {getattr(wanted, field)}; set it to at least {lowest}"
    if wanted.weight > 65535:
        yield f"weight is {wanted.weight}; set it to at most 65535"
    if wanted.maxmem < wanted.memory:
        yield f"maxmem is {wanted.maxmem}, below memory {wanted.memory}; raise maxmem or leave it out"
    if wanted.maxvcpus < wanted.vcpus:
        yield f"maxvcpus is {wanted.maxvcpus}, below vcpus {wanted.vcpus}; raise maxvcpus or leave it out"
    for field in ("kernel", "ramdisk", "bootloader", "cmdline"):
        value = getattr(wanted, field)
        if value is not None and not value.isprintable():
            yield f"{field} is {value!r}; write it without control characters"
    for disk in wanted.disks:
        if not WORD.fullmatch(disk.path) or not disk.path.startswith("/"):
            yield f"disk path is {disk.path!r}; give an absolute path without blanks, commas, quotes or backslashes"
        if not DEVICE.fullmatch(disk.device):
            yield f"disk device is {disk.device!r}; name it as the domain sees it, like xvda"
    for vif in wanted.vifs:
        if not MAC.fullmatch(vif.mac) or int(vif.mac[:2], 16) & 1:
            yield f"vif mac is {vif.mac!r}; give a unicast address, best of Xen's own range 00:16:3e"
    for what, words in (
        ("vif bridge", [vif.bridge for vif in wanted.vifs]),
        ("vif address", [vif.address for vif in wanted.vifs]),
        ("disk script", [disk.script for disk in wanted.disks]),
        ("vif script", [vif.script for vif in wanted.vifs]),
    ):
        for word in words:
            if word is not None and not WORD.fullmatch(word):
                yield f"{what} is {word!r}; write it without blanks, commas, quotes or backslashes"
    for what, keys in (
        ("disk device", [disk.device for disk in wanted.disks]),
        ("disk path", [disk.path for disk in wanted.disks if disk.mode == "rw"]),
        ("vif mac", [vif.mac for vif in wanted.vifs]),
    ):
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            yield f"{what} {key} is there twice; give each its own"


def check_together(wanted: t.Sequence[Definition]) -> None:
    """Refuse domains of one machine that contradict each other."""
    faults = []
    for what, owners in (
        ("name", [(domain.name, domain.name) for domain in wanted]),
        ("vif mac", [(vif.mac, domain.name) for domain in wanted for vif in domain.vifs]),
        (
            "writable disk",
            [(disk.path, domain.name) for domain in wanted for disk in domain.disks if disk.mode == "rw"],
        ),
    ):
        keys = [key for key, _owner in owners]
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            names = ", ".join(owner for owned, owner in owners if owned == key)
            faults.append(f"{names}: {what} {key} is given twice; give each domain its own")
    if faults:
        raise BoxError("\n".join(faults))


def differences(before: Definition, wanted: Definition) -> list[tuple[str, t.Any, t.Any]]:
    """The fields in which two definitions differ, with both values in the user's form."""
    before = replace(
        before, disks=_own_scripts(before.disks, wanted.disks), vifs=_own_scripts(before.vifs, wanted.vifs)
    )
    old, new = before.plain(), wanted.plain()
    return [(field, old[field], new[field]) for field in FIELDS if old[field] != new[field]]


Device = t.TypeVar("Device", Disk, Vif)


def _own_scripts(before: tuple[Device, ...], wanted: tuple[Device, ...]) -> tuple[Device, ...]:
    """Where no script is asked for, the one that Xen chose is right."""
    chosen: list[Device] = []
    for place, old in enumerate(before):
        any_will_do = place < len(wanted) and wanted[place].script is None
        chosen.append(replace(old, script=None) if any_will_do else old)
    return tuple(chosen)
