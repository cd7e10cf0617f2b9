"""A client of rooms that rows decide about: it joins, speaks, leaves, is cut off, and tries again."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.simulate.loop import SimulatedLoop
from tests.simulate.queries import KINDS, OWNERS
from tests.simulate.wire import Message, Pace, Wire

ROOMS = [f"owned-{kind}-{owner}" for kind in KINDS for owner in OWNERS]
Dial = Callable[[Pace, Callable[[Message], None], Callable[[int | None], None]], Wire]


class Client:
    """Wants to be in some rooms, and goes on wanting it."""

    def __init__(self, loop: SimulatedLoop, chance: random.Random, dial: Dial, gap: float) -> None:
        self.heard = 0
        self.answers: dict[str, str] = {}
        """How the newest `join` of each room was answered, or that the gateway ended the membership."""
        self._loop = loop
        self._chance = chance
        self._dial = dial
        self._gap = gap
        self._wire: Wire | None = None
        self._welcome = False
        self._ref = 0
        self._asked: dict[int, str] = {}
        self.active, self._acts = True, False

    def begin(self) -> None:
        pace = Pace(delay=self._chance.choice((1e-4, 2e-3)), portion=0, high=65536)
        self._welcome, self.answers = False, {}
        self._wire = self._dial(pace, self._hear, self._closed)
        self._loop.at_socket(self._loop.time(), self._wire.open, self._chance.choice(("ada", "bob")))
        if not self._acts:
            self._acts = True
            self._later()

    def cut(self) -> None:
        if self._wire is not None and not self._wire.cut_off:
            self._wire.cut()
            self._closed(None)

    def ask_for_all(self) -> None:
        """Join every room, to see what is answered."""
        if self._welcome and self._wire is not None and not self._wire.cut_off:
            for room in ROOMS:
                self._join(room)

    def _later(self) -> None:
        self._loop.in_thread(self._loop.time() + self._gap * self._chance.expovariate(1.0), self._act)

    def _act(self) -> None:
        if not self.active:
            return
        self._later()
        if not self._welcome or self._wire is None or self._wire.cut_off:
            return
        room, dice = self._chance.choice(ROOMS[:3]), self._chance.random()
        if dice < 0.5:
            self._join(room)
        elif dice < 0.85:
            self._wire.say({"type": "message", "room": room, "data": self._ref})
        elif dice < 0.88:
            self._wire.say({"type": "leave", "room": room})
        elif dice < 0.93:
            self._wire.say({"type": "history", "room": room, "ref": f"h{self._ref}"})
        elif dice < 0.98:
            self._wire.say({"type": "authenticate", "token": self._chance.choice(("ada", "bob"))})
        else:
            self.cut()

    def _join(self, room: str) -> None:
        assert self._wire is not None
        self._ref += 1
        self._asked[self._ref] = room
        since = {"since": {"epoch": "r1", "offset": 0}} if self._chance.random() < 0.3 else {}
        self._wire.say({"type": "join", "room": room, "presence": "none", "ref": self._ref, **since})

    def _hear(self, message: Message) -> None:
        self.heard += 1
        match message["type"]:
            case "welcome":
                self._welcome = True
            case "joined" if message.get("ref") in self._asked:
                self.answers[self._asked.pop(message["ref"])] = "joined"
            case "error" if message.get("ref") in self._asked:
                self.answers[self._asked.pop(message["ref"])] = message["code"]
            case "left" if "reason" in message:
                self.answers[message["room"]] = message["reason"]

    def _closed(self, code: int | None) -> None:
        self._wire, self._welcome = None, False
        if self.active:
            self._loop.in_thread(self._loop.time() + self._gap, self.begin)
