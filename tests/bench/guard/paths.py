"""The paths whose cost `make bench-check` guards: each does a fixed piece of work in this process, without a socket.

A path is prepared once and then run many times. Each run does the same work: what it adds, it also takes away.
It knows neither clocks nor limits. Invariant: a run takes between a tenth of a millisecond and a few milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import cast

import msgspec

from tests.bench.contract import MESSAGES
from tests.fuzz.frames import Wire
from tests.support.gateway import ROOT
from tests.transport.quiet import QuietHandler
from tests.transport.raw import TEXT, frame, upgrade
from tidegate import schema
from tidegate.contract import Contract
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import compile_filters
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rooms.presence import Presence
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.ports import Change, Mutation, ReadQuery
from tidegate.core.rows.subscription_index import SubscriptionIndex
from tidegate.core.session import Session
from tidegate.engines.memory import MemoryEngine
from tidegate.store.sqlite.connection import connect
from tidegate.store.sqlite.migration import migrate
from tidegate.store.sqlite.serving.mutations import Mutations
from tidegate.store.sqlite.serving.reader import Reader
from tidegate.transport import Connection, ConnectionContext, Outbox, Routes, TransportSettings
from tidegate_protocol import JoinRequest, LeaveRequest, Principal, RoomPosition, Sender

Work = Callable[[], object]
FILTERS = {
    "status": "active",
    "or": [{"name": {"contains": "ada"}}, {"id": {"gte": 10, "lt": 90}}],
    "email": {"in": ["a@example.com", "b@example.com", "c@example.com"]},
}
MATCHING = 10
"""Subscriptions that a change matches, among many."""
SINKS, MEMBERS, MISSED, ROWS = 1_000, 100, 50, 1_000
HISTORY = RoomRules("chat-*", history_size=MISSED, history_ttl=3600.0)


class Turns:
    """The part of an event loop that an outbox uses: it runs what is due when it is told to."""

    def __init__(self) -> None:
        self.due: list[Callable[[], object]] = []

    def call_soon(self, callback: Callable[[], object]) -> None:
        self.due.append(callback)

    def call_later(self, delay: float, callback: Callable[[], object]) -> None:
        self.due.append(callback)

    def run(self) -> None:
        while self.due:
            self.due.pop(0)()

    def outbox(self) -> Outbox:
        """Time stands still in it, so that a flush is never cut short."""
        return Outbox(cast(asyncio.AbstractEventLoop, self), lambda: 0.0)


class Writing:
    """A sink that joins its frames, as a connection does."""

    __slots__ = ("frames", "may_miss", "written")

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.may_miss = False
        self.written = 0

    def flush(self) -> None:
        self.written += len(b"".join(self.frames))
        self.frames.clear()


class Answering(QuietHandler):
    """Counts what it receives."""

    def __init__(self) -> None:
        self.messages = 0

    def received(self, connection: Connection, payload: bytes) -> None:
        self.messages += 1


def user(number: int) -> Principal:
    return Principal(id=f"u{number}", name=f"User {number}", roles=[], anonymous=False)


def decode(kind: str) -> Callable[[ExitStack], Work]:
    """Decode, check and build one of the messages of a client."""

    def prepare(stack: ExitStack) -> Work:
        contract = Contract(schema.bundle(schema.load(ROOT / "schema")))
        payload = json.dumps(MESSAGES[kind]).encode()

        def work() -> None:
            for _ in range(100):
                contract.decode(payload)

        return work

    return prepare


def fan_out(stack: ExitStack) -> Work:
    """One frame to a thousand sinks, and the flush of each."""
    turns = Turns()
    outbox = turns.outbox()
    sinks = dict.fromkeys(Writing() for _ in range(SINKS))

    def work() -> None:
        outbox.push_many(sinks, b"\x81\x05frame")
        turns.run()

    return work


def frames(stack: ExitStack) -> Work:
    """A client's frames: 16 that arrive together, then one alone."""
    context = ConnectionContext(TransportSettings(), Routes(), Turns().outbox(), now=lambda: 0.0)
    handler = Answering()
    connection = Connection(context, handler, "c")
    connection.connection_made(Wire())

    def arrive(segment: bytes) -> None:
        connection.get_buffer(-1)[: len(segment)] = segment
        connection.buffer_updated(len(segment))

    arrive(upgrade())
    one = frame(TEXT, json.dumps(MESSAGES["message"]).encode())

    def work() -> None:
        before = handler.messages
        for _ in range(5):
            arrive(one * 16)
            arrive(one)
        assert handler.messages == before + 85

    return work


def join(members: int) -> Callable[[ExitStack], Work]:
    """A client joins a room of so many members, and leaves it, twenty times."""

    def prepare(stack: ExitStack) -> Work:
        rules = RoomRules("chat-*", access={"join": "anyone", "send": "anyone"})
        protocol = Protocol({}, lambda _: rules, FeedCursor("e", 0), SessionLimits())
        for number in range(members):
            member = Session(f"m{number}", object(), user(number))
            protocol.receive(member, JoinRequest(room="chat-1"), 0.0)
        session = Session("c", object(), user(members))

        def work() -> None:
            for _ in range(20):
                protocol.receive(session, JoinRequest(room="chat-1", ref=1), 0.0)
                protocol.receive(session, LeaveRequest(room="chat-1", ref=2), 0.0)

        return work

    return prepare


def change(subscriptions: int) -> Callable[[ExitStack], Work]:
    """A change among so many subscriptions with different filters, ten of which it matches."""

    def prepare(stack: ExitStack) -> Work:
        index = SubscriptionIndex()
        for number in range(subscriptions):
            name = "same" if number < MATCHING else f"n{number}"
            index.acquire("users", compile_filters({"name": name}), (f"x{number}",) if number < MATCHING else None)
        row = {"id": 1, "name": "same", "status": "active", "x1": 1}
        changed = Change(1, 0, "users", {"id": 1}, "update", row, {**row, "status": "away", "x1": 2})

        def work() -> None:
            for _ in range(20):
                found = [group.update(changed, "e") for group in index.concerned(changed)]
                assert len(found) == MATCHING

        return work

    return prepare


def filters(stack: ExitStack) -> Work:
    """Compile a filter of six conditions to a predicate."""

    def work() -> None:
        for _ in range(20):
            predicate(compile_filters(FILTERS))

    return work


def presence(stack: ExitStack) -> Work:
    """The differences when a member comes, is away and goes, in a room of a hundred."""
    room = Presence()
    for number in range(MEMBERS):
        room.enter(user(number), f"c{number}", 0)
    guest = user(MEMBERS)

    def work() -> None:
        for _ in range(20):
            assert room.enter(guest, "guest", 1)
            assert room.update(guest.id, "guest", "away", None, 2)
            assert room.leave(guest.id, "guest")

    return work


def _engine() -> tuple[MemoryEngine, Work]:
    engine = MemoryEngine(msgspec.json.encode, "e", Ledger(1 << 30))
    sender = Sender(id="1", name="Ada")

    def append() -> None:
        for _ in range(MISSED):
            engine.publish("chat-1", HISTORY, sender, {"text": "x" * 100}, None, 1.0, "user 1").result()

    return engine, append


def append(stack: ExitStack) -> Work:
    """Fifty messages in a room with a history that is full."""
    return _engine()[1]


def replay(stack: ExitStack) -> Work:
    """A client comes back that missed fifty messages."""
    engine, publish = _engine()
    publish()
    publish()
    epoch = engine.open("chat-1", HISTORY, None, 1.0).result().head.epoch
    since = RoomPosition(epoch=epoch, offset=MISSED)

    def work() -> None:
        for _ in range(50):
            missed = engine.open("chat-1", HISTORY, since, 1.0).result().missed
            assert missed is not None
            assert len(missed) == MISSED

    return work


def row(rows: int) -> Callable[[ExitStack], Work]:
    """Read one of so many rows of SQLite by its key, ten times."""

    def prepare(stack: ExitStack) -> Work:
        contract = Contract(schema.bundle(schema.load(ROOT / "schema")))
        path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "rows.db"
        migrate.apply(f"sqlite:///{path}", contract.resources)
        reader = Reader(path, contract.resources)
        stack.callback(reader.close)
        with reader.transaction() as connection:
            names = ((f"n{number}", f"n{number}@example.com") for number in range(rows))
            connection.executemany("INSERT INTO users (name, email) VALUES (?, ?)", names)
        query = ReadQuery(resource="users", keys=[{"id": (rows + 1) // 2}])

        def work() -> None:
            for _ in range(10):
                assert len(reader.read(query).rows) == 1

        return work

    return prepare


def create(stack: ExitStack) -> Work:
    """Create ten rows of SQLite in a transaction that is undone."""
    contract = Contract(schema.bundle(schema.load(ROOT / "schema")))
    path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "rows.db"
    migrate.apply(f"sqlite:///{path}", contract.resources)
    connection = stack.enter_context(closing(connect(path, quoted_text=True)))
    mutations = Mutations(contract.resources)
    rows = [{"name": f"n{number}", "email": f"n{number}@example.com"} for number in range(10)]
    wanted = [Mutation(kind="create", resource="users", rows=(row,), user="u") for row in rows]

    def work() -> None:
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        mutations.begin()
        for mutation in wanted:
            assert len(mutations.carry_out(cursor, mutation).rows) == 1
        cursor.execute("ROLLBACK")

    return work


PATHS: Mapping[str, Callable[[ExitStack], Work]] = {
    "decode: ping": decode("ping"),
    "decode: message": decode("message"),
    "decode: create": decode("create"),
    "fan-out to 1,000 sinks": fan_out,
    "frames of a client": frames,
    "join and leave": join(MEMBERS),
    "change, 1,000 subscriptions": change(1_000),
    "change, 100,000 subscriptions": change(100_000),
    "filter to predicate": filters,
    "presence differences": presence,
    "history: append": append,
    "history: replay": replay,
    "row of SQLite by key": row(ROWS),
    "new rows of SQLite": create,
}


@contextmanager
def prepared(names: list[str] | None = None) -> Iterator[dict[str, Work]]:
    """The work of each path, ready to run."""
    with ExitStack() as stack:
        yield {name: PATHS[name](stack) for name in names or PATHS}
