# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From wishes and what is there to the difference, and from that to few directives. Private to the collection.

Pure: nothing here runs anything. A name reaches a directive only if it has the form of a name of its type, and a value
only through `quote`, so that neither can ever become a directive of its own.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.egee.box.plugins.module_utils._pbs import attributes, text, values
from ansible_collections.egee.box.plugins.module_utils._pbs.attributes import Type
from ansible_collections.egee.box.plugins.module_utils._runner import BoxError

# qmgr searches a directive's names one by one: lists of thousands of names take it longer than lists of a hundred.
NAMES_AT_ONCE = 100

OFFLINE = "offline"  # what a node's `state` says of it beside much that PBS says itself


@dataclass(frozen=True)
class Wish:
    """What one object shall be. An attribute of None shall be unset, an empty one empty: PBS tells these apart."""

    name: str
    present: bool = True
    attributes: t.Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """The difference of one object: what is to be set (text), emptied ("") or unset (None), and what then differs."""

    name: str
    action: str  # create, change or delete
    before: t.Mapping[str, str] = field(default_factory=dict)
    after: t.Mapping[str, str] = field(default_factory=dict)
    moves: t.Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Directive:
    """A line for qmgr, the objects that it is about, and the lines that it reads after it."""

    line: str
    names: tuple[str, ...]
    data: tuple[str, ...] = ()


Objects = t.Mapping[str, t.Mapping[str, str]]
"""What is there: attributes by name, in PBS's spelling and normalised, absent ones left out."""


def wishes(
    of: Type,
    wanted: t.Sequence[t.Mapping[str, t.Any]],
    resources: t.Mapping[str, values.Kind],
    warn: t.Callable[[str], None],
) -> list[Wish]:
    """What a task asks for, checked and in PBS's own form."""
    found: dict[str, Wish] = {}
    for entry in wanted:
        name = str(entry["name"])
        if not re.fullmatch(of.names, name):
            raise BoxError(f"{of.word} {name!r}: this is no name of a {of.word}; use {of.rule}")
        if "." in name and (attribute := _mistaken(name.partition(".")[0], of)):
            raise BoxError(f"{of.word} {name}: qmgr takes this for the attribute {attribute}; use another name")
        if name in found:
            raise BoxError(f"{of.word} {name}: named twice; name it once, with all its attributes")
        attributes_wanted = _attributes(of, name, entry.get("attributes") or {}, resources, warn)
        if entry.get("offline") is not None:
            attributes_wanted[OFFLINE] = str(entry["offline"])
        found[name] = Wish(name, entry.get("present", True), attributes_wanted)
    return list(found.values())


def _attributes(
    of: Type,
    owner: str,
    wanted: t.Mapping[str, t.Any],
    resources: t.Mapping[str, values.Kind],
    warn: t.Callable[[str], None],
) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    who = f"{of.word} {owner}".strip()
    for given, value in flat(wanted):
        try:
            attribute = attributes.attribute(of, given, resources)
            if of is attributes.NODE and attribute.name == "state":
                raise ValueError("is no attribute here; the option `state` says offline, online or drained")
            if attribute.name in of.computed or attribute.name.partition(".")[0] in of.computed:
                raise ValueError("is PBS's own and cannot be set; leave it out")
            if value is None and attribute.name in of.given_back:
                raise ValueError(
                    "cannot stay unset, for PBS or a MoM sets it again at once; give it a value, or leave it out"
                )
            if attribute.name in found:
                raise ValueError("is there twice, in two spellings; leave one out")
            found[attribute.name] = None if value is None else _text(of, attribute, value)
        except ValueError as error:
            shown = "" if value is None else f" = {value!r}"
            raise BoxError(f"{who}: {given}{shown}: {error}") from None
        if not attribute.known:
            warn(f"{who}: {attribute.name} is not known to this collection or not yet to PBS; it is compared as text")
    return found


def flat(wanted: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, t.Any]]:
    """`resources_max: {walltime: 1}` is `resources_max.walltime: 1`; the keys of limits have a colon and stay."""
    for name, value in wanted.items():
        if isinstance(value, dict) and value and not any(":" in str(key) for key in value):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield str(name), value


def _text(of: Type, attribute: attributes.Attribute, value: t.Any) -> str:
    if value in ("", [], {}):
        if not attribute.kind.may_be_empty:
            raise ValueError(f"an empty value is no {attribute.kind.name}; null unsets it")
        return ""
    if of is attributes.NODE and attribute.name.startswith("resources_available.") and str(value).startswith("@"):
        found = str(value)  # not an amount of its own, but a share of the vnode's that it names
    else:
        found = attribute.kind.normalise(value)
    sayable = attribute.kind is values.CONTENT or (of is attributes.NODE and attribute.name == "comment")
    if not sayable and (fault := values.unsayable(found)):
        raise ValueError(fault)
    return found


def normalised(of: Type, listed: t.Mapping[str, str], resources: t.Mapping[str, values.Kind]) -> dict[str, str]:
    """An object's attributes as PBS lists them, in the form that wishes have."""
    found = {}
    for name, value in listed.items():
        if name.partition(".")[0] in of.computed:
            found[name] = value
            continue
        try:
            attribute = attributes.attribute(of, name, resources)
            found[attribute.name] = attribute.kind.normalise(value) if value else ""
        except ValueError:
            # PBS holds what we would refuse, as a comment with a line break: still the truth.
            found[name] = value
    # A hook without events lists them as empty, which is the same as none.
    found = {name: value for name, value in found.items() if value}
    if of is attributes.NODE:
        found[OFFLINE] = str(OFFLINE in found.get("state", "").split(","))
    return found


def changes(
    of: Type, wanted: t.Sequence[Wish], there: Objects, resources: t.Mapping[str, values.Kind], exact: bool = False
) -> list[Change]:
    """The difference between what is wanted and what is there, object by object."""
    found = []
    for wish in wanted:
        now = there.get(wish.name)
        if not wish.present:
            if now is not None:
                found.append(Change(wish.name, "delete", before=_shown(of, now)))
        elif now is None:
            found.append(_creation(of, wish))
        elif change := _change(of, wish, now, resources, exact):
            found.append(change)
    return found


def _shown(of: Type, now: t.Mapping[str, str]) -> dict[str, str]:
    """What a person set, without what PBS counts and computes."""
    return {
        name: value
        for name, value in now.items()
        if name not in of.computed and name.partition(".")[0] not in of.computed and (name, value) != (OFFLINE, "False")
    }


def _creation(of: Type, wish: Wish) -> Change:
    moves = {name: value for name, value in wish.attributes.items() if value and (name, value) != (OFFLINE, "False")}
    unset = {name: of.born_with.get(name) or default(of, name, moves) for name in wish.attributes}
    after = {name: unset[name] if value is None else value for name, value in wish.attributes.items()}
    return Change(wish.name, "create", after={name: value for name, value in after.items() if value}, moves=moves)


def default(of: Type, name: str, has: t.Mapping[str, str | None]) -> str:
    """What an attribute is when it is unset. A hook has a freq only with a periodic event."""
    if name == "freq" and "periodic" not in (has.get("event") or ""):
        return ""
    return of.defaults.get(name, "")


def _change(
    of: Type, wish: Wish, now: t.Mapping[str, str], resources: t.Mapping[str, values.Kind], exact: bool
) -> Change | None:
    moves: dict[str, str | None] = {}
    wanted = dict(wish.attributes)
    if exact:
        wanted.update(dict.fromkeys(_unnamed(of, wish, now)))
    for name, value in wanted.items():
        if same(of, name, value, now, resources):
            continue
        if name in of.fixed:
            raise BoxError(
                f"{of.word} {wish.name}: {name} is {now.get(name)} and cannot become {value} while it exists; "
                f"delete the {of.word} and create it again"
            )
        moves[name] = value
    if not moves:
        return None
    now_and_then = {**now, **moves}
    after = {name: default(of, name, now_and_then) if value is None else value for name, value in moves.items()}
    return Change(
        wish.name,
        "change",
        before={name: now[name] for name in moves if name in now},
        after={name: value for name, value in after.items() if value},
        moves=moves,
    )


def _unnamed(of: Type, wish: Wish, now: t.Mapping[str, str]) -> list[str]:
    """What `exact` removes: all that is set and not named, but what PBS or a MoM would put back."""
    kept = {*wish.attributes, *of.kept, *of.fixed, OFFLINE}
    if now.get("comment", "").startswith("node down:"):
        kept.add("comment")  # the server's own, which goes when the node is back
    return [name for name in _shown(of, now) if name not in kept]


def same(
    of: Type, name: str, value: str | None, now: t.Mapping[str, str], resources: t.Mapping[str, values.Kind]
) -> bool:
    """Whether an attribute is already as wanted."""
    is_there = now.get(name, "")
    if value is None:
        return is_there in (default(of, name, now), of.born_with.get(name))
    if not is_there and value == "False" and name in of.false_when_absent:
        return True
    if value == is_there or not value or not is_there:
        return value == is_there
    if name in of.fixed:
        return value.lower() == is_there.lower()
    kind = values.BOOLEAN if name == OFFLINE else attributes.attribute(of, name, resources).kind
    try:
        return kind.key(value) == kind.key(is_there)
    except ValueError:
        return False


def directives(of: Type, planned: t.Sequence[Change], there: t.Collection[str]) -> list[Directive]:
    """The fewest lines that make the changes: objects that need the same share a line, all of a type a short one."""
    creates = any(change.action == "create" for change in planned)
    all_at_once = of in (attributes.QUEUE, attributes.NODE) and not creates and len(there) > 1
    everything = frozenset(there if all_at_once else ())
    return [
        *_grouped(of, "unset", planned, _unsetting, everything),
        *_grouped(of, "create", planned, _creating, frozenset()),
        *_imports(planned),
        *_grouped(of, "set", planned, _setting, everything),
        *_grouped(of, "set", planned, _calming, frozenset()),
        *_grouped(of, "delete", _last_first(planned, list(there)), _deleting, frozenset()),
    ]


def _grouped(
    of: Type,
    verb: str,
    planned: t.Sequence[Change],
    rest: t.Callable[[Type, Change], str | None],
    everything: frozenset[str],
) -> t.Iterator[Directive]:
    groups: dict[str, list[str]] = {}
    for change in planned:
        payload = rest(of, change)
        if payload is not None:
            groups.setdefault(payload, []).append(change.name)
    for payload, names in groups.items():
        if everything and everything == set(names):
            yield Directive(f"{verb} {of.word} @default {payload}", tuple(names))
            continue
        for start in range(0, len(names), NAMES_AT_ONCE):
            some = names[start : start + NAMES_AT_ONCE]
            objects = ",".join(called(of, name) for name in some)
            yield Directive(" ".join(filter(None, (verb, of.word, objects, payload))), tuple(some))


def called(of: Type, name: str) -> str:
    """qmgr takes a name that is also an attribute's for the attribute, unless it is said whose object it is."""
    return f"{name}@default" if _mistaken(name, of) else name


def _mistaken(word: str, of: Type) -> str:
    """The attribute, of whatever type of object, that qmgr takes a word for."""
    if of in (attributes.HOOK, attributes.RESOURCE):
        return ""
    types = (attributes.SERVER, attributes.QUEUE, attributes.NODE, attributes.SCHED)
    return next((kind.spelling[word.lower()] for kind in types if word.lower() in kind.spelling), "")


def _creating(of: Type, change: Change) -> str | None:
    if change.action != "create":
        return None
    # A hook without an event is inert: one with a body is made so, gets the body, and only then the rest.
    return "" if values_of_hook(change) else _pairs(change.moves, creating=True)


def _setting(of: Type, change: Change) -> str | None:
    if change.action == "change" or (change.action == "create" and values_of_hook(change)):
        return _pairs(change.moves) or None
    return None


def _unsetting(of: Type, change: Change) -> str | None:
    if change.action != "change":
        return None
    gone = (name for name, value in change.moves.items() if value is None and name not in values_of_hook(change))
    return ", ".join(gone) or None


def _last_first(planned: t.Sequence[Change], there: t.Sequence[str]) -> list[Change]:
    """The first vnode of a host can only go when all the others have gone; PBS lists them as they came."""
    places = {name: place for place, name in enumerate(there)}
    return sorted(planned, key=lambda change: -places.get(change.name, 0))


def _calming(of: Type, change: Change) -> str | None:
    """The server leaves the timer of a hook that hosts run periodically, and spins once it strikes a dead hook.

    Deleting a hook that the server runs itself stops the timer, so such a hook dies as one of those.
    """
    events = change.before.get("event", "").split(",")
    strikes = of is attributes.HOOK and "exechost_periodic" in events and "periodic" not in events
    return "event += periodic" if strikes and change.action == "delete" else None


def _deleting(of: Type, change: Change) -> str | None:
    return "" if change.action == "delete" else None


def values_of_hook(change: Change) -> dict[str, str]:
    """The body and configuration that are imported, not set."""
    return {name: change.moves[name] or "" for name in ("content", "config") if name in change.moves}


def _imports(planned: t.Sequence[Change]) -> t.Iterator[Directive]:
    for change in planned:
        for name, value in values_of_hook(change).items():
            form = "python" if name == "content" else "config"
            line = f"import hook {change.name} application/x-{form} base64 -"
            yield Directive(line, (change.name,), tuple(text.encoded(value)))


def _pairs(moves: t.Mapping[str, str | None], creating: bool = False) -> str:
    pairs = []
    for name, value in moves.items():
        if value is None or name in ("content", "config"):
            continue
        if name == OFFLINE:
            pairs.append(f"state {'' if creating else '+' if value == 'True' else '-'}= offline")
        elif name == "comment" and values.unsayable(value):
            continue  # pbsnodes takes any text: see `spoken`
        else:
            pairs.append(f"{name} = {values.quote(value) if value else chr(34) * 2}")
    return ", ".join(pairs)


def spoken(of: Type, planned: t.Sequence[Change]) -> dict[str, list[str]]:
    """Comments of nodes that qmgr cannot be told, and the nodes that shall have them: `pbsnodes -C` takes any text."""
    found: dict[str, list[str]] = {}
    if of is attributes.NODE:
        for change in planned:
            comment = change.moves.get("comment")
            if comment and values.unsayable(comment):
                found.setdefault(comment, []).append(change.name)
    return found
