# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the sockets and the master: who may say what, for which VM, and who is told of what.

Knows peers by what their channel proved, never by what they say. No input or output of its own: a peer is anything
that messages can be sent to.
"""

from __future__ import annotations

import hmac
import typing as t
from collections.abc import Callable

from .events import Event
from .master import Answer, Master
from .plan import STOP_JOBS, Step
from .publish import Record, records, summary
from .store import DEFINED
from .wire import AGENT, QUESTIONS, ROOT, Malformed, Message, check, event


class Peer:
    """The other end of a connection, as it was authenticated."""

    def __init__(self, role: str, name: str, send: Callable[[Message], None], close: Callable[[], None]) -> None:
        self.role, self.name, self.send, self.close = role, name, send, close
        self.watches = False


class Front:
    def __init__(
        self,
        wall: Callable[[], float],
        clock: Callable[[], float],
        incarnation: int,
        *,
        token: str = "",
        history: Callable[[int, str], list[dict[str, t.Any]]] = lambda _last, _vm: [],
    ) -> None:
        self._wall, self._clock, self._token, self._history = wall, clock, token, history
        self.master: Master
        self._agents: dict[str, Peer] = {}
        self._asked: dict[int, tuple[Peer, Callable[[str], None]]] = {}
        self._number = 0
        self._watchers: list[Peer] = []
        self._published: dict[str, Record] = {}
        self._of: object = None
        # Grows for ever: by restarts of the master first, then by its publications (I9).
        self._version = [incarnation, 0]

    # Messages

    def received(self, peer: Peer, message: Message) -> None:
        number = message.get("id", 0)
        if "ok" in message:
            self._replied(peer, number, message)
            return
        try:
            self._request(peer, message, number)
        except Malformed as error:
            peer.send({"id": number, "ok": False, "error": "malformed", "text": str(error)})

    def gone(self, peer: Peer) -> None:
        """The connection is closed: whatever it was asked for did not happen, as far as anybody knows."""
        if peer in self._watchers:
            self._watchers.remove(peer)
        for vm, agent in list(self._agents.items()):
            if agent is peer:
                del self._agents[vm]
        for number, (asked, report) in list(self._asked.items()):
            if asked is peer:
                del self._asked[number]
                report("the agent's connection was lost")

    def _request(self, peer: Peer, message: Message, number: int) -> None:
        op = message["op"]
        role = ROOT if op == "defrost" and self._has_token(message) else peer.role
        check(message, role)
        vm = message.get("vm", "")
        if peer.role == AGENT:
            if vm and vm != peer.name:
                raise Malformed(f"{op}: {peer.name} speaks for itself, and not for {vm}")
            vm = peer.name
        if op in QUESTIONS:
            peer.send({"id": number, "ok": True, **self._answer(peer, op, vm, message)})
            return
        asked = event(message, vm)
        if op == "register":
            if not vm or not asked.session:
                raise Malformed("register: whom? vm or session is missing")
        elif peer.role == AGENT and op != "release" and self._agents.get(vm) is not peer:
            peer.send({"id": number, "ok": False, "error": "unregistered", "text": f"{vm}: register first"})
            return
        self.master.submit(asked, lambda answer: self._done(peer, number, asked, answer))

    def _has_token(self, message: Message) -> bool:
        given = message.get("token")
        if not self._token or not isinstance(given, str):
            return False
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    def _done(self, peer: Peer, number: int, asked: Event, answer: Answer) -> None:
        if asked.kind == "register" and answer.ok and peer.role == AGENT:
            old = self._agents.get(peer.name)
            self._agents[peer.name] = peer
            if old is not None and old is not peer:
                self.gone(old)
                old.close()
                self._agents[peer.name] = peer
        reply: Message = {"id": number, "ok": answer.ok}
        if not answer.ok:
            reply["error"] = "refused"
        if answer.text:
            reply["text"] = answer.text
        if answer.unknown:
            reply["unknown"] = list(answer.unknown)
        if asked.kind == "register" and answer.ok:
            # An agent that was restarted must know whether what its batch system starts late may run.
            reply["stopped"] = self.master.machine.vms[asked.vm].preempted
        if answer.took:
            reply.update(took=answer.took, predicted=round(answer.predicted, 3))
        peer.send(reply)
        if asked.kind == "register" and answer.ok:
            self.master.agent_came(asked.vm)

    def _answer(self, peer: Peer, op: str, vm: str, message: Message) -> Message:
        if op == "watch":
            peer.watches = True
            self._watchers.append(peer)
            self.publish()
            return self._picture(self._published)
        if op == "status":
            shown = records(self.master.machine, self._clock(), self._wall())
            if vm:
                if vm not in shown:
                    raise Malformed(f"{vm}: no such VM on {self.master.machine.name}")
                shown = {vm: shown[vm]}
            if peer.role == AGENT:  # not a word about its neighbours
                return {"vms": shown}
            return {**self._picture(shown), **summary(self.master.machine), "switching": self.master.switching}
        if op == "history":
            return {"history": self._history(message.get("last", 20), vm)}
        if op == "lost":
            return {"lost": self._lost(vm)}
        if op == "describe":
            defined = self.master.machine.vms.values()
            return {"vms": {vm.name: {key: getattr(vm, key) for key in DEFINED} for vm in defined}}
        if op == "actual":
            return {"actual": {name: actual._asdict() for name, actual in self.master.actual().items()}}
        return {}

    def _lost(self, vm: str) -> dict[str, float]:
        """Seconds that each present job was stopped for others, up to now."""
        found = self.master.machine.vms.get(vm)
        if found is None:
            raise Malformed(f"{vm}: no such VM on {self.master.machine.name}")
        more = self._clock() - found.since if found.preempted else 0.0
        return {job.id: round(job.lost + more, 3) for job in found.jobs}

    # Publication

    def _picture(self, shown: dict[str, Record]) -> Message:
        return {"machine": self.master.machine.name, "version": list(self._version), "vms": shown}

    def publish(self, *, full: bool = False) -> Message | None:
        """What is new since the last time, told to all who watch; or all of it, as a sign of life."""
        machine = self.master.machine
        if machine is self._of and not full:
            return None
        self._of = machine
        shown = records(machine, self._clock(), self._wall())
        news = {name: new for name, new in shown.items() if full or not _same(self._published.get(name), new)}
        gone = [name for name in self._published if name not in shown]
        self._published = shown
        if not news and not gone and not full:
            return None
        self._version[1] += 1
        message: Message = {"op": "publish", **self._picture(news), "gone": gone, "full": full}
        for peer in self._watchers:
            peer.send(message)
        return message

    # The agents' half of the hands

    def reachable(self) -> set[str]:
        return set(self._agents)

    def do(self, step: Step, report: Callable[[str], None]) -> None:
        """Have an agent stop or start its jobs."""
        peer = self._agents.get(step.vm)
        if peer is None:
            report("its agent is not connected")
            return
        self._number += 1
        self._asked[self._number] = (peer, report)
        op = "suspend" if step.kind == STOP_JOBS else "resume"
        jobs = [job.id for job in self.master.machine.vms[step.vm].jobs]
        peer.send({"op": op, "id": self._number, "jobs": jobs, "lost": self._lost(step.vm)})

    def _replied(self, peer: Peer, number: int, message: Message) -> None:
        asked = self._asked.get(number)
        if asked is None or asked[0] is not peer:
            return  # answered by somebody else, or too late
        del self._asked[number]
        asked[1]("" if message["ok"] else str(message.get("text", "its agent refused"))[:500])


def _same(old: Record | None, new: Record) -> bool:
    """Whether two records say the same. Lost time that merely grows is no news."""
    if old is None:
        return False
    grows = ("lost", "lost-cpu", "changed")
    return all(old[key] == value for key, value in new.items() if key not in grows)
