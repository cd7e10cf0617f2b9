"""A simulated client: does this and that at moments of chance, hears everything, keeps copies of rows.

It is a separate program: it knows only what came over its connection, comes back after it was cut off, and goes on
from its positions. Each request of its has a `ref` and must be answered exactly once as long as the line lives.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.simulate.copies import Asked, Copy, Message
from tests.simulate.habits import Habits
from tests.simulate.judge import Judge
from tests.simulate.loop import SimulatedLoop
from tests.simulate.queries import KEYS, TOKENS, Query, Viewer
from tests.simulate.store import EPOCH
from tests.simulate.wire import Pace, Wire

Dial = Callable[["Client", Pace], Wire]
NOBODY = Viewer("")
REMEMBERED = 40
"""Events of a client that its trace tells."""


class Plan(NamedTuple):
    """What a client will do in a history."""

    paces: list[Pace]
    queries: list[Query]
    habits: Habits
    gap: float
    """Seconds between two of its actions, on average."""
    actions: int


class Client:
    def __init__(
        self, name: str, loop: SimulatedLoop, chance: random.Random, judge: Judge, dial: Dial, plan: Plan
    ) -> None:
        self.name = name
        self.copies: dict[Query, Copy] = {}
        self.viewer = NOBODY
        """Who it is for the gateway, as far as it has heard."""
        self.wire: Wire | None = None
        self.events: deque[tuple[float, str, object]] = deque(maxlen=REMEMBERED)
        self._first: list[tuple[float, str, object]] | None = None
        self.heard = 0
        self.left = plan.actions
        self._loop = loop
        self._chance = chance
        self._judge = judge
        self._dial = dial
        self._plan = plan
        self._token: str | None = None
        self._welcome = False
        self._refs = 0
        self._keys = 0
        self._gone = False
        self._outstanding: dict[int, Message] = {}
        self._asked_for: dict[int, Asked] = {}
        """The subscriptions that were asked for, by `ref`."""
        self._of: dict[str, Copy] = {}

    # -- what it does -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        self._loop.in_thread(self._later(), self._connect)
        self._loop.in_thread(self._later(), self._act)

    def _later(self) -> float:
        return self._loop.time() + self._plan.gap * self._chance.expovariate(1.0)

    def _act(self) -> None:
        if self._gone or self.left <= 0:
            return
        self._loop.in_thread(self._later(), self._act)
        if not self._welcome:
            return
        self.left -= 1
        deed = self._plan.habits.deed(self._chance)
        if deed in {"cut", "go back"}:
            self.cut()
        if deed == "go back":
            for copy in self.copies.values():
                copy.go_back()
        elif deed == "keep":
            for copy in self.copies.values():
                copy.keep()
        else:
            self._say(*self._requests(deed))

    def _requests(self, deed: str) -> list[Message]:
        """What it asks for in one breath."""
        match deed:
            case "subscribe":
                return [request for _ in range(1 + int(3 * self._chance.random())) for request in self._query()]
            case "unsubscribe":
                return self._unsubscribe()
            case "swap":
                return [*self._unsubscribe(), *self._query()]
            case "authenticate":
                return [self._authenticate()]
            case "write":
                return [self._write()]
            case "write and subscribe":
                return [*self._query(), self._write(), *self._query()]
            case "ping":
                return [self._asked("ping")]
        return []

    def calm_down(self) -> None:
        """From here on it only wants all that it once wanted."""
        self.left = 0
        if self._welcome and self.wire is not None:
            ping = [] if self._outstanding else [self._asked("ping")]
            self._say(*self._resume(), *ping)
            self.wire.hurry()

    @property
    def settled(self) -> bool:
        """It has everything it asked for."""
        head = self._judge.database.head
        return (
            self._welcome
            and not self._outstanding
            and all(copy.denied or (copy.complete and copy.position == head) for copy in self.copies.values())
        )

    def check(self) -> None:
        """At the end, whether settled or not."""
        for message in self._outstanding.values():
            self._wrong(f"never answered: {message}")
        for copy in self.copies.values():
            if not copy.denied:
                copy.check(self.viewer)

    def abandon(self) -> None:
        """It does nothing more but leave."""
        self.left = 0
        self._gone = True

    def leave(self) -> None:
        """One way or the other."""
        if self.wire is not None and self._chance.random() < 0.5:
            self._say(*(self._asked("unsubscribe", subscription=name) for name in self._of))
        self.cut()

    def _connect(self) -> None:
        if self._gone:
            return
        self.viewer, self._welcome = NOBODY, False
        if self._token is None or self._chance.random() < 0.2:
            self._token = self._chance.choice(self._plan.habits.tokens)
        self.wire = self._dial(self, self._chance.choice(self._plan.paces))
        self._note("connect", self._token)
        self._loop.at_socket(self._loop.time(), self.wire.open, self._token)

    def cut(self) -> None:
        """Its line breaks."""
        if self.wire is not None:
            self._note("cut", "")
            self.wire.cut()
            self._forget_line()

    def _forget_line(self) -> None:
        self.wire, self._welcome = None, False
        self._outstanding.clear()
        self._asked_for.clear()
        self._of.clear()
        for copy in self.copies.values():
            copy.cut(self.viewer)
        self._loop.in_thread(self._later(), self._connect)

    def _say(self, *messages: Message) -> None:
        if messages and self.wire is not None:
            for message in messages:
                self._note("says", message)
            self.wire.say(*messages)

    def _asked(self, kind: str, **fields: Any) -> Message:
        self._refs += 1
        message = {"type": kind, "ref": self._refs, **fields}
        self._outstanding[self._refs] = message
        return message

    def _query(self) -> list[Message]:
        """Subscribe to something; now and then twice, or with a position that leads nowhere."""
        query = self._chance.choice(self._plan.queries)
        copy = self.copies.get(query)
        if copy is None:
            wanted = self._chance.random() < 0.8
            copy = self.copies[query] = Copy(query, wanted, self._judge, self._wrong)
        times = 2 if self._chance.random() < 0.2 else 1
        return [self._subscribe(copy) for _ in range(times)]

    def _subscribe(self, copy: Copy) -> Message:
        asked = copy.request()
        if "since" in asked and self._chance.random() < 0.05:
            head = self._judge.database.head
            asked["since"] = self._chance.choice([{"epoch": "e0", "seq": 1}, {"epoch": EPOCH, "seq": head + 100}])
        copy.asked, copy.denied = True, False
        message = self._asked("subscribe", **asked)
        rows = None if copy.rows is None else dict(copy.rows)
        self._asked_for[self._refs] = Asked(copy, asked.get("since"), rows, self._judge.database.head)
        return message

    def _resume(self) -> list[Message]:
        return [self._subscribe(copy) for copy in self.copies.values() if not copy.asked and not copy.denied]

    def _unsubscribe(self) -> list[Message]:
        if not self.copies:
            return []
        copy = self._chance.choice(list(self.copies.values()))
        if copy.id is not None and self._chance.random() < 0.5:
            return [self._asked("unsubscribe", subscription=copy.id)]
        filters = {"filters": copy.query.filters} if copy.query.filters else {}
        return [self._asked("unsubscribe", resource=copy.query.resource, **filters)]

    def _authenticate(self) -> Message:
        self._token = self._chance.choice([*TOKENS, "forged"])
        return self._asked("authenticate", token=self._token)

    def _write(self) -> Message:
        resource = self._chance.choice(self._plan.queries).resource
        self._keys += 1
        key = {"key": f"{self.name}-{self._keys}"} if self._chance.random() < 0.7 else {}
        if self._chance.random() < 0.2:
            data = {"kind": "a", "size": 7, "owner": "ada"}
            return self._asked("create", resource=resource, data=data, **key)
        identifier = self._chance.choice(KEYS)
        if self._chance.random() < 0.2:
            return self._asked("delete", resource=resource, id=identifier, **key)
        name, value = self._chance.choice([("kind", "b"), ("kind", "a"), ("size", 1), ("size", 9), ("owner", "bob")])
        return self._asked("update", resource=resource, id=identifier, data={name: value}, **key)

    # -- what it hears ----------------------------------------------------------------------------------------------

    def closed(self, code: int | None) -> None:
        """The line has ended, and not by its own will."""
        self._note("closed", code)
        if code is not None and code not in {4001, 4100, 4101, 4202}:
            self._wrong(f"closed with {code}")
        if code == 4001:
            self._token = None
        self._forget_line()

    def hear(self, message: Message) -> None:
        self.heard += 1
        self.events.append((self._loop.time(), "hears", message))
        kind = message["type"]
        request = self._answered(message) if "ref" in message else None
        asked = self._asked_for.pop(message["ref"], None) if request is not None else None
        match kind:
            case "update" | "snapshot":
                self._rows(message)
            case "heartbeat" | "pong":
                if "position" in message:
                    for each in self._of.values():
                        each.passed(message["position"]["seq"], self.viewer)
            case "subscribed" if asked is not None:
                asked.copy.subscribed(message, asked, self.viewer)
                self._of[message["subscription"]] = asked.copy
            case "unsubscribed":
                self._unsubscribed(message)
            case "authenticated" if request is not None:
                self._become(TOKENS[request["token"]])
            case "welcome":
                user = message["user"]["id"]
                self._welcome = True
                self.viewer = Viewer(user) if self._token is None else TOKENS[self._token]
                self._say(*self._resume())
            case "error":
                self._refused(message, request, None if asked is None else asked.copy)

    def _answered(self, message: Message) -> Message | None:
        request = self._outstanding.pop(message["ref"], None)
        if request is None:
            self._wrong(f"an answer that nobody waits for: {message}")
        return request

    def _rows(self, message: Message) -> None:
        copy = self._of.get(message["subscription"])
        if copy is None:
            self._wrong(f"not subscribed to: {message}")
        elif message["type"] == "snapshot":
            copy.page(message, self.viewer)
        else:
            copy.updated(message, self.viewer)
            origin = message.get("origin")
            if origin is not None and not self._may_be_own(message):
                self._wrong(f"the key of somebody else's request: {message}")

    def _may_be_own(self, message: Message) -> bool:
        change = self._judge.database.log[message["position"]["seq"] - 1]
        return change is not None and (change.origin, change.actor) == (message["origin"], self.viewer.id)

    def _unsubscribed(self, message: Message) -> None:
        copy = self._of.pop(message["subscription"], None)
        if copy is None:
            self._wrong(f"there was no such subscription: {message}")
            return
        if "ref" not in message and copy.query.resource != "books":
            self._wrong(f"ended by itself: {copy.query}")
        copy.cut(self.viewer)
        copy.asked = self._asks_for(copy)
        copy.denied = "ref" not in message

    def _asks_for(self, copy: Copy) -> bool:
        return any(asked.copy is copy for asked in self._asked_for.values())

    def _become(self, viewer: Viewer) -> None:
        if viewer != self.viewer:
            for copy in self.copies.values():
                copy.disown(self.viewer)
            for asked in self._asked_for.values():
                asked.by_another = True
            self.viewer = viewer

    def _refused(self, message: Message, request: Message | None, copy: Copy | None) -> None:
        kind, code = request["type"] if request is not None else "", message["code"]
        if copy is not None:
            copy.asked = copy.id is not None or self._asks_for(copy)
            if code in {"forbidden", "unauthenticated"} and copy.query.resource == "books" and not self.viewer.clerk:
                copy.denied = not copy.asked
                return
        token = self._token if request is None else request.get("token")
        if code == "unauthenticated" and token == "forged":
            return
        if code == "limit_reached" and copy is not None:
            copy.denied = not copy.asked
            return
        if code == "not_found" and kind in {"unsubscribe", "update", "delete"}:
            return
        if code != "unavailable" and not (code == "internal" and self._judge.failures):
            self._wrong(f"refused: {message}, asked: {request}")

    # -- what it tells ----------------------------------------------------------------------------------------------

    def _note(self, what: str, about: object) -> None:
        self.events.append((self._loop.time(), what, about))

    def _wrong(self, what: str) -> None:
        self.events.append((self._loop.time(), "WRONG", what))
        if self._first is None:
            self._first = list(self.events)
        self._judge.wrong(self.name, what)

    def trace(self) -> str:
        """The last events before what was wrong first, one a line."""
        events = self._first or self.events
        return "\n".join(f"  {1000 * when:9.3f} ms  {self.name} {what} {about}" for when, what, about in events)
