"""A server of an engine, as a model in this process: what one script of a real engine does is one method.

It has positions, histories, keys, presence and leases; it pushes to the gateways that follow a room. Its clock is set
by the test. `faults` break one promise each, so that the suite is seen to find them.
"""

from __future__ import annotations

import copy
import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from tidegate.core.errors import Refused
from tidegate.core.rooms.history import PAGE_BYTES
from tidegate.core.rooms.ports import HistoryPage, Occupancy, PresenceEntry, RemoteMember
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.setup import EngineError, EngineSetup, LeaseTimes
from tidegate.engines.texts import Halves, whole
from tidegate_protocol import RoomPosition

KEY_S = 300.0
DECIDED = "decided"


class Gateway(Protocol):
    """Where a server pushes to: one gateway's connection."""

    @property
    def names(self) -> Sequence[str]: ...

    def message(self, room: str, epoch: str, offset: int, text: bytes) -> None: ...

    def entry(self, room: str, node: str, user: str, entry: PresenceEntry | None) -> None: ...

    def control(self, kind: str, *values: Any) -> None: ...


class Kept(NamedTuple):
    time: float
    offset: int
    text: bytes


class _Room:
    def __init__(self, epoch: str, generation: int) -> None:
        self.epoch = epoch
        self.generation = generation
        self.head = 0
        self.kept: deque[Kept] = deque()


class Server:
    """`faults`: names of promises to break."""

    def __init__(self, times: LeaseTimes, faults: frozenset[str] = frozenset()) -> None:
        self.now = 1000.0
        self.times = times
        self.faults = faults
        self.generation = 1
        self._epochs = itertools.count(1)
        self.rooms: dict[str, _Room] = {}
        self.keys: dict[tuple[str, Any], tuple[bytes, str, int, float]] = {}
        self.presence: dict[str, dict[tuple[str, str], PresenceEntry]] = {}
        self.changes: dict[tuple[str, int], Occupancy] = {}
        """What requests of gateways changed, by gateway and number."""
        self.told: dict[str, tuple[str, float]] = {}
        """What was told about rooms before everything was lost, and until when that is open; or that it was decided."""
        self.leases: dict[str, float] = {}
        self.gateways: dict[str, Gateway] = {}
        """Those that are connected, by node."""
        self.subscribed: dict[str, dict[str, None]] = {}
        self.application = ""

    # -- messages ---------------------------------------------------------------------------------------------------

    def publish(
        self, name: str, rules: RoomRules, text: Halves, key: tuple[Any, bytes] | None, known: RoomPosition | None
    ) -> RoomPosition:
        room = self._room(name, known)
        if key is not None and (said := self.keys.get((name, key[0]))) is not None:
            digest, epoch, offset, end = said
            if end > self.now and (epoch == room.epoch or "keys outlive epochs" in self.faults):
                if digest != key[1] and "no conflict" not in self.faults:
                    raise Refused("conflict", "this idempotency key was already used", pointer="/key")
                return RoomPosition(epoch=epoch, offset=offset)
        room.head += 1
        said_text = whole(text, room.epoch, room.head, int(self.now * 1000))
        if rules.history_size and rules.history_ttl:
            room.kept.append(Kept(self.now, room.head, said_text))
            while len(room.kept) > rules.history_size:
                room.kept.popleft()
        elif "ttl 0 deletes" in self.faults:
            del self.rooms[name]
        if key is not None:
            self.keys[name, key[0]] = (key[1], room.epoch, room.head, self.now + KEY_S)
        for node in self.subscribed.get(name, ()):
            if (gateway := self.gateways.get(node)) is not None:
                gateway.message(name, room.epoch, room.head, said_text)
                if "duplicates" in self.faults:
                    gateway.message(name, room.epoch, room.head, said_text)
        return RoomPosition(epoch=room.epoch, offset=room.head)

    def after(
        self, name: str, rules: RoomRules, since: RoomPosition | None, known: RoomPosition | None
    ) -> tuple[RoomPosition, list[bytes] | None]:
        """The head, and the messages after `since`. `known`: what the gateway that asks has delivered."""
        room = self._room(name, since if "since is known" in self.faults else known)
        head = RoomPosition(epoch=room.epoch, offset=room.head)
        self._expire(room, rules)
        if since is None or since.epoch != room.epoch or not 0 <= room.head - since.offset <= len(room.kept):
            return head, [] if since == head else None
        return head, [kept.text for kept in room.kept if kept.offset > since.offset]

    def page(self, name: str, rules: RoomRules, before: int | None, limit: int) -> HistoryPage:
        room = self._room(name, None)
        self._expire(room, rules)
        newest_first = [kept.text for kept in reversed(room.kept) if before is None or kept.offset < before]
        page: list[bytes] = []
        for text in newest_first[:limit]:
            if page and sum(map(len, page)) + len(text) > PAGE_BYTES:
                break
            page.append(text)
        return HistoryPage(page[::-1], len(newest_first) > len(page))

    def forget(self, name: str) -> None:
        self.rooms.pop(name, None)

    def subscribe(self, node: str, name: str) -> None:
        self.subscribed.setdefault(name, {})[node] = None

    def unsubscribe(self, node: str, name: str) -> None:
        if "deaf to close" not in self.faults:
            self.subscribed.get(name, {}).pop(node, None)

    # -- presence and leases ----------------------------------------------------------------------------------------

    def keep_open(self, name: str, seconds: float, *, occupied: bool) -> None:
        told, end = self.told.get(name, ("vacated", 0.0))
        if told != DECIDED:
            self.told[name] = "occupied" if occupied else told, max(end, self.now + seconds)

    def decide(self, name: str) -> tuple[bool, Occupancy]:
        """Whether it is decided, and what is to be told about the room."""
        told, end = self.told.get(name, (DECIDED, 0.0))
        if told == DECIDED or end > self.now:
            return told == DECIDED, None
        now = "occupied" if self.presence.get(name) else "vacated"
        if told == now == "vacated" or "decisions are forgotten" in self.faults:
            del self.told[name]  # no gateway has said anything that a later one could contradict
        else:
            self.told[name] = DECIDED, end
        if now == told:
            return True, None
        return True, "occupied" if now == "occupied" else "vacated"

    def is_open(self, name: str) -> bool:
        return name in self.told and self.told[name][0] != DECIDED

    def present_once(self, number: int, name: str, node: str, user: str, entry: PresenceEntry | None) -> Occupancy:
        """As `present`. What it changed is kept under `number`, for a gateway whose answer is lost."""
        self.changes[node, number] = change = self.present(name, node, user, entry)
        return change

    def present(self, name: str, node: str, user: str, entry: PresenceEntry | None) -> Occupancy:
        entries = self.presence.setdefault(name, {})
        before = bool(entries)
        if entry is not None:
            entries[node, user] = entry
        elif entries.pop((node, user), None) is None:
            return None
        for listening in self.subscribed.get(name, ()):
            if listening != node and (gateway := self.gateways.get(listening)) is not None:
                gateway.entry(name, node, user, entry)
        if before != bool(entries) and not self.is_open(name):
            return "occupied" if entries else "vacated"
        return "occupied" if "occupied twice" in self.faults and entry is not None else None

    def members(self, name: str, but: str) -> Sequence[RemoteMember]:
        return [
            RemoteMember(node, user, entry)
            for (node, user), entry in self.presence.get(name, {}).items()
            if node != but
        ]

    def beat(self, node: str) -> tuple[bool, Mapping[str, float], float]:
        known = node in self.leases
        self.leases[node] = self.now + self.times.lease
        ends = dict(self.leases)
        if "the reaper's alone" in self.faults:
            for dead in [dead for dead, end in ends.items() if end <= self.now]:
                del self.leases[dead]
        return known, ends, self.now

    def bury(self, node: str, due: Callable[[float, float], bool]) -> None:
        """Delete what `node` said, room by room, and then its lease; nothing of one that has beaten again."""
        for name in list(self.presence):
            if not due(self.leases.get(node, self.now), self.now):
                return
            for owner, user in list(self.presence[name]):
                if owner == node and "ghosts stay" not in self.faults:
                    self._end(name, node, user)
        self.leases.pop(node, None)

    def _end(self, name: str, node: str, user: str) -> None:
        """An entry ends that its gateway does not end itself."""
        if self.present(name, node, user, None) == "vacated" and "vacated silently" not in self.faults:
            for number, gateway in enumerate(self.gateways.values()):
                if number == 0 or "vacated for all" in self.faults:
                    gateway.control("vacated", name)

    def leave(self, node: str) -> None:
        self.leases[node] = self.now
        for gateway in self.gateways.values():
            gateway.control("left", node)

    def tell(self, node: str | None, kind: str, text: str) -> None:
        for gateway in self.gateways.values():
            if node is None or node in gateway.names:
                gateway.control("told", kind, text)

    def user(self, user: str, text: bytes) -> None:
        for gateway in self.gateways.values():
            gateway.control("user", user, text)

    # -- the server's own life --------------------------------------------------------------------------------------

    def join(self, setup: EngineSetup) -> None:
        setup.check_application(self.application)
        if not setup.application:
            raise EngineError("the suite's gateways have rooms")
        self.application = setup.application

    def empty(self) -> None:
        self._lines_end()
        self.rooms, self.keys, self.presence, self.leases, self.told = {}, {}, {}, {}, {}

    def copy(self) -> Any:
        return copy.deepcopy((self.rooms, self.keys, self.presence, self.leases))

    def promoted(self, copied: Any) -> None:
        self._lines_end()
        self.rooms, self.keys, self.presence, self.leases = copied
        self.told = {}

    def _lines_end(self) -> None:
        self.generation += "one generation" not in self.faults
        for gateway in list(self.gateways.values()):
            gateway.control("ended")
        self.subscribed = {}

    def _room(self, name: str, known: RoomPosition | None) -> _Room:
        room = self.rooms.get(name)
        lost = (
            room is not None
            and known is not None
            and known.epoch == room.epoch
            and known.offset > room.head
            and "one generation" not in self.faults
        )
        if room is None or room.generation != self.generation or lost:
            room = self.rooms[name] = _Room(f"e{next(self._epochs)}", self.generation)
        return room

    def _expire(self, room: _Room, rules: RoomRules) -> None:
        while room.kept and room.kept[0].time < self.now - rules.history_ttl and "no ttl" not in self.faults:
            room.kept.popleft()
