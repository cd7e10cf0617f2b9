"""A simulated client of rooms: joins, speaks, changes its status, loses its line and comes back to any gateway.

It knows only what came over its lines. A message with a key that was not answered is said again until it is; one
without a key may be lost with the line.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from tests.simulate.rooms.judge import Place, RoomJudge, said_in
from tests.simulate.rooms.view import Message, RoomView
from tests.simulate.wire import Pace


class Line(Protocol):
    """A connection to a gateway, simulated or real."""

    @property
    def cut_off(self) -> bool:
        """The client is gone."""

    def open(self, token: str | None) -> None: ...

    def say(self, *messages: Message) -> None: ...

    def cut(self) -> None:
        """End it without a goodbye."""


class Clock(Protocol):
    """What a client needs of an event loop, simulated or real."""

    def time(self) -> float: ...

    def in_thread(self, when: float, step: Callable[[], object]) -> None: ...

    def at_socket(self, when: float, step: Callable[..., object], *args: Any) -> None: ...


Dial = Callable[["RoomClient"], Line | None]
REFUSED_S = 0.5
"""How long it waits, about, after the gateway refused it."""
AHEAD = 1_000_000
"""How many messages it claims to have beyond those that it has, where it lies."""
HURRIES, HURRY_S = 0.5, 0.05
"""How often a client in haste hurries after a `join`, and within which time."""
REMEMBERED = 60
"""Events that a trace tells."""


class RoomClient:
    def __init__(self, name: str, user: str, loop: Clock, chance: random.Random, judge: RoomJudge, dial: Dial) -> None:
        self.name = name
        self.user = user
        self.pace = Pace(delay=chance.choice((1e-4, 2e-3)), portion=0, high=65536)
        self.lies: Callable[[], bool] = lambda: False
        """Whether it claims to have messages that the room has not."""
        self.haste: random.Random | None = None
        """Decides how it hurries: it joins again, or leaves and comes back, before a `join` is answered."""
        self.rooms: dict[str, RoomView] = {}
        """Those that it wants to be in."""
        self.wire: Line | None = None
        self.events: deque[str] = deque(maxlen=REMEMBERED)
        self.pages: dict[str, list[Message]] = {}
        """The histories that it read, newest page first."""
        self._first: list[str] = []
        self._loop = loop
        self._chance = chance
        self._judge = judge
        self._dial = dial
        self._refs = 0
        self._said = 0
        self._known_as = ""
        self._gone = False
        self._waits = False
        """It will say again what was refused."""
        self._pending: dict[int, tuple[Message, Message | None]] = {}
        """What the gateway has not answered, and the position that a `join` gave."""
        self._leaving: set[str] = set()
        """Rooms whose `left` has not come."""
        self._over: set[int] = set()
        """Its `join`s from before a `left` that are not answered."""
        self._returns: set[str] = set()
        """Rooms that it leaves, and joins again at once."""
        self._hurried: set[str] = set()
        """Rooms that it hurried in on this line: once, for each refused `join` is sent again anyway."""
        self._unsaid: list[Message] = []
        """Messages with a key whose fate is not known."""

    @property
    def open(self) -> bool:
        """The gateway knows who it is."""
        return self.wire is not None and self._known_as == self.user

    @property
    def settled(self) -> bool:
        return self.open and not self._pending and not self._unsaid and all(view.joined for view in self.rooms.values())

    def begin(self) -> None:
        self._later(self._connect)

    def act(self, room: str) -> None:
        """Do one of the things that clients do."""
        if not self.open:
            return
        deed = self._chance.choices(
            ("join", "speak", "status", "leave", "cut", "history", "list"), (4, 12, 2, 1, 2, 1, 1)
        )[0]
        view = self.rooms.get(room)
        if deed == "join" or view is None:
            self.join(room)
        elif not view.joined:
            return
        elif deed == "speak":
            self._speak(room)
        elif deed == "status":
            view.status = self._chance.choice(("online", "away"))
            self._ask({"type": "presence", "room": room, "status": view.status})
        elif deed == "leave":
            self._leave(room)
        elif deed == "history":
            self._ask({"type": "history", "room": room, "limit": 5})
        elif deed == "list":
            self._ask({"type": "presence", "room": room})
        else:
            self.cut()

    def join(self, room: str) -> None:
        view = self.rooms.get(room)
        if room in self._leaving:
            return
        if view is None:
            view = self.rooms[room] = RoomView(room, self._chance.choice(("full", "diff")), self._wrong)
        if view.joined or len(self._joins(room)) > 1:
            return
        request: Message = {"type": "join", "room": room, "presence": view.mode, "status": view.status}
        since = view.position
        if since is not None:
            if self.lies():
                since = {"epoch": since["epoch"], "offset": since["offset"] + AHEAD}
            request["since"] = since
        self._ask(request, since)
        if self.haste is not None and room not in self._hurried and self.haste.random() < HURRIES:
            self._hurried.add(room)
            self._loop.in_thread(self._loop.time() + HURRY_S * self.haste.random(), partial(self._hurry, room))

    def _hurry(self, room: str) -> None:
        """It does not wait any longer."""
        view = self.rooms.get(room)
        if self.haste is None or not self.open or view is None or view.joined:
            return
        if self.haste.random() < 0.5:
            self.join(room)
        else:
            self._leave(room)
            self._returns.add(room)

    def _leave(self, room: str) -> None:
        del self.rooms[room]
        self._leaving.add(room)
        self._ask({"type": "leave", "room": room})

    def _joins(self, room: str) -> list[int]:
        """The `join`s that are not answered: it may ask again before the first answer, as impatient programs do."""
        asked = self._pending.items()
        return [ref for ref, (request, _) in asked if request["type"] == "join" and request["room"] == room]

    def read_all(self, room: str, before: int | None = None) -> None:
        """Read the whole history."""
        request: Message = {"type": "history", "room": room, "limit": 100}
        if before is None:
            self.pages[room] = []
        else:
            request["before"] = before
        self._ask(request)

    def ask_members(self) -> None:
        for room in self.rooms:
            self._ask({"type": "presence", "room": room})

    def retire(self) -> None:
        """It does nothing any more."""
        self._gone = True
        self.cut()

    def cut(self) -> None:
        """The line breaks without a goodbye."""
        if self.wire is not None:
            wire, self.wire = self.wire, None
            wire.cut()
            self._line_ended("cut")

    # -- within -----------------------------------------------------------------------------------------------------

    @property
    def trace(self) -> str:
        """The last events before the first thing that was wrong; otherwise the last ones."""
        return "\n".join(self._first or self.events)

    def _wrong(self, what: str) -> None:
        self._note(f"WRONG {what}")
        self._first = self._first or list(self.events)
        self._judge.wrong(self.name, what)

    def _note(self, what: str) -> None:
        self.events.append(f"{self._loop.time():.4f} {what}")

    def _later(self, do: Callable[[], None], seconds: float = 0.05) -> None:
        self._loop.in_thread(self._loop.time() + seconds * self._chance.expovariate(1.0), do)

    def _connect(self) -> None:
        if self.wire is not None or self._gone:
            return
        wire = self._dial(self)
        if wire is None:
            self._later(self._connect)
            return
        self.wire = wire
        self._loop.at_socket(self._loop.time() + self.pace.delay, wire.open, self.user)

    def closed(self, code: int | None) -> None:
        if self.wire is not None and self.wire.cut_off:
            self.wire = None
            self._line_ended(f"closed {code}")

    def _line_ended(self, how: str) -> None:
        self._note(how)
        self._known_as = ""
        for request, _ in self._pending.values():
            if request["type"] == "message" and "key" in request:
                self._unsaid.append(request)
        self._pending.clear()
        self._leaving.clear()
        self._over.clear()
        self._returns.clear()
        self._hurried.clear()
        for view in self.rooms.values():
            view.line_ended()
        self._later(self._connect)

    def _speak(self, room: str) -> None:
        self._said += 1
        message: Message = {"type": "message", "room": room, "data": {"said": f"{self.name} {self._said}"}}
        if self._chance.random() < 0.7:
            message["key"] = f"{self.name} {self._said} {{}}"
        self._ask(message)

    def _ask(self, request: Message, since: Message | None = None) -> None:
        if self.wire is None:
            return
        self._refs += 1
        self._pending[self._refs] = (request, since)
        self._note(f"-> {request}")
        self.wire.say({**request, "ref": self._refs})

    def say_again(self) -> None:
        """What may not have arrived."""
        self._waits = False
        unsaid, self._unsaid = self._unsaid, []
        for message in unsaid:
            view = self.rooms.get(message["room"])
            if view is None:
                continue
            if view.joined:
                self._ask(message)
            else:
                self._unsaid.append(message)

    def hear(self, message: Message) -> None:
        self._note(f"<- {message}")
        match message["type"]:
            case "welcome":
                self._known_as = message["user"]["id"]
                for room in list(self.rooms):
                    self.join(room)
            case "message":
                self._message(message)
            case "presence" if "ref" not in message and message["room"] in self.rooms:
                self.rooms[message["room"]].list(message["users"], more=False)
            case "presence_diff" if message["room"] in self.rooms:
                self.rooms[message["room"]].differ(message)
            case "joined" if "ref" not in message and message["room"] in self.rooms:
                self.rooms[message["room"]].restarted(message)
        if "ref" in message and message["ref"] in self._pending:
            request, since = self._pending.pop(message["ref"])
            self._reply(message, request, since)

    def _message(self, message: Message) -> None:
        position = message["position"]
        place = Place(message["room"], position["epoch"], position["offset"])
        self._judge.saw(self.name, place, said_in(message))
        view = self.rooms.get(message["room"])
        if view is not None:
            view.heard(position)

    def _reply(self, message: Message, request: Message, since: Message | None) -> None:
        room = request.get("room", "")
        view = self.rooms.get(room)
        match message["type"]:
            case "joined" if message["ref"] in self._over:
                self._wrong(f"{room}: joined by a request from before it left")
            case "joined" if view is not None:
                view.answered(message, since)
                self.say_again()
            case "left":
                self._left(room)
            case "sent":
                position = message["position"]
                place = Place(room, position["epoch"], position["offset"])
                self._judge.sent(self.name, place, (self.user, request["data"]["said"]), request.get("key"))
            case "messages":
                self._page(room, message, whole=request.get("limit") == 100)
            case "presence" if view is not None:
                view.list(message["users"], more=False)
            case "error":
                self._refused(message, request)

    def _left(self, room: str) -> None:
        self._leaving.discard(room)
        self._over.update(self._joins(room))
        if room in self._returns:
            self._returns.discard(room)
            self.join(room)

    def _page(self, room: str, page: Message, *, whole: bool) -> None:
        for message in page["messages"]:
            position = message["position"]
            self._judge.saw(self.name, Place(room, position["epoch"], position["offset"]), said_in(message))
        if whole:
            self.pages[room] = [*page["messages"], *self.pages[room]]
            if page["more"]:
                self.read_all(room, page["messages"][0]["position"]["offset"])

    def _refused(self, error: Message, request: Message) -> None:
        code: Any = error["code"]
        if code not in {"unavailable", "not_joined", "limit_reached"}:
            self._wrong(f"refused: {error} for {request}")
        if request["type"] == "message" and "key" in request:
            self._unsaid.append(request)
        if request["type"] == "leave":
            self._left(request["room"])  # its `join` was refused meanwhile
        elif request["type"] == "join" and request["room"] in self.rooms:
            self._later(lambda: self._join_again(request["room"]), REFUSED_S)
        elif self._unsaid and not self._waits:
            self._waits = True
            self._later(self.say_again, REFUSED_S)

    def _join_again(self, room: str) -> None:
        if room in self.rooms and self.open and not self._joins(room):
            self.join(room)
