# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent of one VM: tells the master what begins and ends here, and stops and starts jobs when told to.

Like the master it owns no socket, thread or clock. One message is under way at a time, in the order of the outbox:
so the end of a job always precedes the start of the next (D13), and nothing is told twice with two meanings.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from .outbox import ADOPTING, LIVE, STARTING, UNBOOKED, Held, Outbox
from .wire import Message

# What a local asker gets: whether it came off, and what to say.
Told = Callable[[bool, str], None]


class Jobs(t.Protocol):
    """What can be done to jobs here. `report` is called once, with an error or an empty string."""

    def suspend(self, jobs: list[Held], report: Callable[[str], None]) -> None: ...

    def resume(self, jobs: list[Held], report: Callable[[str], None]) -> None: ...


class Agent:
    def __init__(
        self,
        outbox: Outbox,
        jobs: Jobs,
        clock: Callable[[], float],
        boot: str,
        *,
        patience: float = 60.0,
        compare: float = 30.0,
    ) -> None:
        self._outbox, self._jobs, self._clock = outbox, jobs, clock
        self._session = f"{boot}/{outbox.epoch}"
        self._patience, self._compare = patience, compare
        self._compared = self._sent = clock()
        outbox.boot(boot)
        self.held = outbox.jobs()
        self._send: Callable[[Message], None] | None = None
        self._registered = False
        self._under_way: tuple[int, Message] | None = None
        self._number = 0
        self._waiting: dict[str, tuple[float, Told]] = {}
        self._answers: list[Callable[[], None]] = []
        for held in list(self.held.values()):
            if held.state == STARTING:  # whoever waited for the answer is gone with the last agent
                self._drop(held.id)
                outbox.add({"op": "stop", "job": held.id})

    # The connection

    def connected(self, send: Callable[[Message], None]) -> None:
        self._send, self._registered, self._under_way = send, False, None
        self._register()

    def lost(self) -> None:
        self._send, self._registered, self._under_way = None, False, None

    @property
    def registered(self) -> bool:
        return self._registered

    @property
    def stuck(self) -> bool:
        """Whether the master has owed an answer for so long that a new connection is the better hope."""
        return self._under_way is not None and self._clock() - self._sent > 3 * self._patience

    def _register(self) -> None:
        self._registered = False
        live = [held.id for held in self.held.values() if held.state == LIVE]
        pending = [held.id for held in self.held.values() if held.state in (STARTING, ADOPTING)]
        self._ask({"op": "register", "session": self._session, "jobs": live, "pending": pending})

    def _ask(self, message: Message) -> None:
        if self._send:
            self._number += 1
            self._sent = self._clock()
            self._under_way = (self._number, message)
            self._send({**message, "id": self._number})

    def received(self, message: Message) -> None:
        if "op" in message:
            self._command(message)
        elif self._under_way and message.get("id") == self._under_way[0]:
            asked = self._under_way[1]
            self._under_way = None
            self._replied(asked, message)
        self._next()

    def _replied(self, asked: Message, reply: Message) -> None:
        if asked["op"] == "register":
            self._registered = reply["ok"]
            if reply.get("stopped"):
                self._jobs.suspend(list(self.held.values()), lambda _error: None)
            self._unknown(reply)
            return
        if reply.get("error") == "unregistered" or "register first" in str(reply.get("text", "")):
            self._register()
            return
        head = self._outbox.head()
        if head and head[0] == asked.get("seq"):
            self._outbox.remove(head[0])
        if asked["op"] == "start":
            self._started(asked, reply)
        elif asked["op"] == "sync":
            self._unknown(reply)

    def _started(self, asked: Message, reply: Message) -> None:
        job = asked["job"]
        held = self.held.get(job)
        if held is None or held.request != asked["request"]:
            return  # given up meanwhile; its stop is in the outbox already
        if reply["ok"]:
            self._put(held._replace(state=LIVE))
        elif held.state == STARTING:
            self._drop(job)
        else:
            self._put(held._replace(state=UNBOOKED))
        self._tell(job, reply["ok"], str(reply.get("text", "")))

    def _unknown(self, reply: Message) -> None:
        """Jobs that run here and that the master does not know: ask it to take them into its books."""
        for job in reply.get("unknown", ()):
            held = self.held.get(job)
            if held and held.state == LIVE:
                self._begin(held._replace(state=ADOPTING, request=f"{held.request}+"))

    def _next(self) -> None:
        if self._send is None or not self._registered or self._under_way:
            return
        head = self._outbox.head()
        if head is None:
            return
        number, message = head
        if message["op"] == "sync":
            live = [held.id for held in self.held.values() if held.state == LIVE]
            pending = [held.id for held in self.held.values() if held.state in (STARTING, ADOPTING)]
            message = {**message, "jobs": live, "pending": pending}
        self._outbox.flush()
        self._ask({**message, "session": self._session, "seq": number})

    def _command(self, message: Message) -> None:
        """The master wants jobs stopped or started; those that ended meanwhile are not there to be stopped."""
        number, send = message.get("id", 0), self._send
        lost = message.get("lost", {})
        named = [self.held[job] for job in message.get("jobs", ()) if job in self.held]
        for held in named:
            if lost.get(held.id, held.lost) != held.lost:
                self._put(self.held[held.id]._replace(lost=float(lost[held.id])))

        def report(error: str) -> None:
            if send is not None and send is self._send:
                send({"id": number, "ok": not error, "text": error})

        if message["op"] == "suspend":
            self._jobs.suspend(named, report)
        elif message["op"] == "resume":
            self._jobs.resume(named, report)
        else:
            report(f"no such command: {str(message['op'])[:40]}")

    # What is asked for here, by prologues and epilogues

    def start(self, held: Held, told: Told, reservation: str = "") -> None:
        """Ask for a job's start. The answer comes when the machine has been handed over, or when patience ends."""
        old = self.held.get(held.id)
        if old and old.state != STARTING:
            # A prologue that is run again for the same job, since somebody restarted in between.
            self._later(told, True, "runs already")
            return
        if old and held.id in self._waiting:
            self._later(told, False, f"{held.id}: its start is under way already")
            return
        self._waiting[held.id] = (self._clock() + self._patience, told)
        self._begin(held, reservation)
        self._next()

    def _begin(self, held: Held, reservation: str = "") -> None:
        self._put(held)
        message: Message = {"op": "start", "job": held.id, "kind": held.kind, "cpus": held.cpus}
        message["request"] = held.request
        if held.label:
            message["label"] = held.label
        if reservation:
            message["reservation"] = reservation
        self._outbox.add(message)

    def stop(self, job: str, told: Told) -> None:
        """A job has ended. That is true at once, whether or not the master can be told now."""
        self._drop(job)
        self._outbox.add({"op": "stop", "job": job})
        self._tell(job, False, "ended before it was started")
        self._later(told, True, "" if self._registered else "queued: the master is not there")
        self._next()

    def stop_all(self, told: Told) -> None:
        for job in list(self.held):
            self._drop(job)
            self._tell(job, False, "ended before it was started")
        self._outbox.add({"op": "stop-all"})
        self._later(told, True, "")
        self._next()

    def ask(self, message: Message, told: Told) -> None:
        """A request that means something only now, such as to be frozen."""
        self._outbox.add(message)
        self._later(told, True, "" if self._registered else "queued: the master is not there")
        self._next()

    def listed(self, jobs: set[str]) -> None:
        """What the batch system says runs here: what it does not know has ended, and nobody told (D12)."""
        for job, held in list(self.held.items()):
            if job not in jobs and held.state != STARTING:
                self.stop(job, lambda _ok, _text: None)

    def wake(self) -> None:
        """Let time take effect: give up on starts, and compare notes with the master."""
        now = self._clock()
        for job, (until, _told) in list(self._waiting.items()):
            if now >= until:
                self._give_up(job)
        if now - self._compared >= self._compare and self._registered and self._outbox.head() is None:
            self._compared = now
            for held in list(self.held.values()):
                if held.state == UNBOOKED:
                    self._begin(held._replace(state=ADOPTING, request=f"{held.request}+"))
            self._outbox.add({"op": "sync", "jobs": []})
        self._next()

    def _give_up(self, job: str) -> None:
        """No answer in time: the job will not start, and its stop follows its start wherever that is now."""
        self._drop(job)
        self._outbox.add({"op": "stop", "job": job})
        self._tell(job, False, f"{job}: no answer from the master within {self._patience:g} s")

    def flush(self) -> None:
        """Make all safe, then give the answers."""
        self._outbox.flush()
        while self._answers:
            answers, self._answers = self._answers, []
            for answer in answers:
                answer()

    def _put(self, held: Held) -> None:
        self.held[held.id] = held
        self._outbox.put(held)

    def _drop(self, job: str) -> None:
        if self.held.pop(job, None):
            self._outbox.drop(job)

    def _tell(self, job: str, ok: bool, text: str) -> None:
        waiting = self._waiting.pop(job, None)
        if waiting:
            self._later(waiting[1], ok, text)

    def _later(self, told: Told, ok: bool, text: str) -> None:
        self._answers.append(lambda: told(ok, text))
