"""Rooms whose engine answers later, or not at all: what clients get, and in which order.

The engine of these tests does nothing until the test lets it; then it is the engine of one process.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from functools import cache, partial
from typing import Any, cast

import msgspec
import pytest

from tests.support.gateway import ROOT
from tidegate import room_engine, schema
from tidegate.contract import Contract
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.errors import Refused
from tidegate.core.identities import NO_PROOF, GivenIdentity, VerifiedIdentity
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rooms.ports import Answer, EngineListener, HistoryPage, Opened, PresenceEntry, RemoteMember
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.ports import Store
from tidegate.core.sessions import Greeting, Sessions
from tidegate.engines.memory import MemoryEngine
from tidegate.gateway import engine_listener
from tidegate.gateway.assembly import Parts, assemble
from tidegate.gateway.sender import Sender
from tidegate.gateway.work import PENDING_LIMIT
from tidegate.handlers import Gateway
from tidegate.transport import Connection, Outbox
from tidegate.transport.peers import UNKNOWN
from tidegate_protocol import Limits, Principal, RoomPosition
from tidegate_protocol import Sender as Author

LIMITS = Limits(max_message=65536, max_rooms=10, max_subscriptions=100, max_page=100, max_history=100, max_ids=100)
UNAVAILABLE = Refused("unavailable", "the engine cannot be reached", retry_after=1.0)


class SlowEngine(MemoryEngine):
    """Answers its oldest question when the test says so."""

    slow = True
    down = False
    """Refuses at once."""

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        super().__init__(encode, "e", Ledger())
        self.questions: list[tuple[asyncio.Future[Any], Callable[[], Answer[Any]]]] = []

    def _later(self, ask: Callable[[], Answer[Any]]) -> Answer[Any]:
        if self.down:
            raise UNAVAILABLE
        if not self.slow:
            return ask()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.questions.append((future, ask))
        return future

    def publish(
        self, room: str, rules: RoomRules, sender: Author, data: Any, key: str | None, now: float, account: str
    ) -> Answer[RoomPosition]:
        return self._later(partial(super().publish, room, rules, sender, data, key, now, account))

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Opened]:
        return self._later(partial(super().open, room, rules, since, now))

    def history(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[HistoryPage]:
        return self._later(partial(super().history, room, rules, before, limit, now))

    async def answer(self, count: int = 1, index: int = 0) -> None:
        """Answer questions, the oldest first, or those from `index` on; then let the gateway go on."""
        for _ in range(count):
            future, ask = self.questions.pop(index)
            future.set_result(ask().result())
        await settle()

    async def fail(self, error: Exception) -> None:
        future, _ = self.questions.pop(0)
        future.set_exception(error)
        await settle()


class Sink:
    """A client's connection that keeps what it is sent."""

    token = None
    peer = UNKNOWN
    heard = used = 0.0

    def __init__(self, name: str) -> None:
        self.id = name
        self.frames: list[bytes] = []
        self.written: list[bytes] = []
        self.write_side = self
        self.session: Any = None
        self.paused = False
        self.closed: list[tuple[int, str]] = []

    def flush(self) -> None:
        self.written += self.frames
        self.frames.clear()

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))


class NoIdentities:
    def __init__(self) -> None:
        self._count = 0

    def anonymous(self) -> Principal:
        self._count += 1
        return Principal(id=f"u{self._count}", name=f"User {self._count}", roles=[], anonymous=True)

    @property
    def lets_anonymous_in(self) -> bool:
        return True

    def identity(self, user: Principal, first: float | None, now: float) -> GivenIdentity:
        return GivenIdentity(user.id, NO_PROOF)

    def check(self, token: str) -> VerifiedIdentity:
        raise Refused("unauthenticated", "no token is valid here")


class NoRows:
    """A store that is never asked."""

    epoch, healthy, problem, outdated, incomplete = "e", True, None, False, ()

    def follow(self, *_: object) -> None:
        """There are no changes."""


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@cache
def _contract() -> Contract:
    return Contract(schema.bundle(schema.load(ROOT / "schema")))


class House:
    """One gateway without sockets."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        contract = _contract()
        self.outbox = Outbox(asyncio.get_running_loop())
        sender = Sender(contract, self.outbox, check=True)
        self.engine = SlowEngine(sender.encode)
        identities = NoIdentities()
        protocol = Protocol({}, room_engine.rules(contract), FeedCursor("e", 0), SessionLimits())
        sessions = Sessions(protocol, Greeting(25.0, LIMITS, contract.hash), identities.identity, 0.0)
        self.parts: Parts = assemble(
            contract=contract,
            sessions=sessions,
            handlers=Gateway(),
            sender=sender,
            engine=self.engine,
            store=cast(Store, NoRows()),
            identities=identities,
            tasks=tasks,
        )
        self.listener = cast(EngineListener, self.engine._listener)

    def connect(self, name: str) -> Sink:
        sink = Sink(name)
        self.parts.handler.connected(cast(Connection, sink))
        self.read(sink)
        return sink

    def say(self, sink: Sink, type_: str, room: str = "chat-1", **fields: Any) -> None:
        text = json.dumps({"type": type_, "room": room, **fields}).encode()
        self.parts.handler.received(cast(Connection, sink), text)

    def end(self, sink: Sink, code: int | None = None) -> None:
        self.parts.handler.disconnected(cast(Connection, sink), code)

    def read(self, sink: Sink) -> list[dict[str, Any]]:
        """What came since the last call."""
        sink.flush()
        frames, sink.written = sink.written, []
        return [json.loads(frame[2 if frame[1] < 126 else 4 :]) for frame in frames]

    def kinds(self, sink: Sink) -> list[str]:
        """The same in short: the type of a message, and the text of one that was said in a room."""
        return [
            message["data"]["text"] if message["type"] == "message" else message["type"] for message in self.read(sink)
        ]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with asyncio.TaskGroup() as tasks:
        opened = House(tasks)
        yield opened
        for future, _ in opened.engine.questions:  # of a test that failed
            future.cancel()


async def joined(house: House, name: str, presence: str = "none") -> Sink:
    sink = house.connect(name)
    house.say(sink, "join", presence=presence, ref=0)
    await house.engine.answer()
    assert house.kinds(sink) == ["joined"]
    return sink


def message(text: str, **fields: Any) -> dict[str, Any]:
    return {"data": {"text": text}, **fields}


async def test_a_ready_answer_is_used_in_the_same_turn_without_a_task(house: House) -> None:
    house.engine.slow = False
    ada = house.connect("ada")
    house.say(ada, "join", presence="none", ref=1)
    house.say(ada, "message", **message("a", ref=2))
    house.say(ada, "history", ref=3)
    assert house.kinds(ada) == ["joined", "a", "sent", "messages"]
    assert not house.parts.work._under_way


async def test_messages_keep_their_order_and_sent_follows_the_answer(house: House) -> None:
    ada, bob = await joined(house, "ada"), await joined(house, "bob")
    for number, text in enumerate("abc"):
        house.say(ada, "message", **message(text, ref=number))
    await settle()
    assert house.kinds(ada) == house.kinds(bob) == []
    await house.engine.answer(3)
    assert house.kinds(bob) == ["a", "b", "c"]
    messages = house.read(ada)
    positions = [(one.get("ref"), one["position"]["offset"]) for one in messages if one["type"] == "sent"]
    assert positions == [(0, 1), (1, 2), (2, 3)]
    for number, text in enumerate("abc"):
        said = next(index for index, one in enumerate(messages) if one.get("data") == {"text": text})
        answered = next(index for index, one in enumerate(messages) if one.get("ref") == number)
        assert said < answered


@pytest.mark.parametrize("fails", [False, True])
async def test_a_client_is_not_read_from_while_too_many_messages_are_under_way(house: House, fails: bool) -> None:
    ada = await joined(house, "ada")
    for number in range(PENDING_LIMIT - 1):
        house.say(ada, "message", **message("a", ref=number))
    assert not ada.paused
    house.say(ada, "message", **message("a", ref=PENDING_LIMIT))
    assert ada.paused
    for _ in range(PENDING_LIMIT // 2):
        assert ada.paused
        await (house.engine.fail(UNAVAILABLE) if fails else house.engine.answer())
    assert not ada.paused
    for _ in range(PENDING_LIMIT // 2):
        await (house.engine.fail(ValueError("a bug")) if fails else house.engine.answer())
    assert not house.parts.work.busy(ada.session)
    assert not house.parts.work.under_way
    assert house.kinds(ada).count("error" if fails else "sent") == PENDING_LIMIT


async def test_a_message_without_a_ref_is_not_answered(house: House) -> None:
    ada = await joined(house, "ada")
    house.say(ada, "message", **message("a"))
    await house.engine.answer()
    assert house.kinds(ada) == ["a"]


async def test_a_joining_client_gets_the_reply_then_the_missed_then_what_was_said_meanwhile(house: House) -> None:
    ada = await joined(house, "ada")
    house.say(ada, "message", **message("a"))
    house.say(ada, "message", **message("b"))
    await house.engine.answer(2)
    bob = house.connect("bob")
    house.say(bob, "join", presence="diff", ref=1, since={"epoch": "e.0", "offset": 1})
    house.say(ada, "message", **message("c"))
    await house.engine.answer(index=1)
    assert house.kinds(bob) == []
    house.engine.slow = False
    house.say(ada, "message", **message("d"))
    await house.engine.answer()
    assert house.kinds(bob) == ["joined", "b", "c", "d"], "each message once"
    house.say(ada, "message", **message("e"))
    assert house.kinds(bob) == ["e"]
    assert house.kinds(ada) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_refused_join_is_answered_and_leaves_the_room(house: House, at_once: bool) -> None:
    ada, bob = await joined(house, "ada", "diff"), house.connect("bob")
    house.engine.down = at_once
    house.say(bob, "join", ref=1)
    if not at_once:
        await house.engine.fail(UNAVAILABLE)
    (error,) = house.read(bob)
    assert (error["code"], error["ref"], error["retry_after"]) == ("unavailable", 1, 1.0)
    room = house.parts.sessions.protocol.rooms._rooms.get("chat-1")
    assert room is not None
    assert [member.id for member in room.presence.members()] == ["u1"]
    house.engine.down = False
    house.say(bob, "message", **message("x", ref=2))
    assert [error["code"] for error in house.read(bob)] == ["not_joined"]
    assert house.kinds(ada) == ["presence_diff", "presence_diff"], "bob came and went"


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_join_that_is_refused_late_ends_no_membership_that_a_later_join_began(
    house: House, leaves: bool
) -> None:
    ada, bob = await joined(house, "ada"), house.connect("bob")
    house.say(bob, "join", presence="none", ref=1)
    if leaves:
        house.say(bob, "leave")
    house.engine.slow = False
    house.say(bob, "join", presence="none", ref=2)
    await house.engine.fail(UNAVAILABLE)
    assert [(one["type"], one["ref"]) for one in house.read(bob)] == [("joined", 2), ("error", 1)]
    house.say(bob, "message", **message("a"))
    assert (house.kinds(ada), house.kinds(bob)) == (["a"], ["a"])


async def test_a_join_that_fails_with_a_bug_is_answered_internal_and_undone(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    ada = house.connect("ada")
    house.say(ada, "join", ref=1)
    await house.engine.fail(ValueError("a bug of the engine"))
    (error,) = house.read(ada)
    assert (error["code"], error["ref"]) == ("internal", 1)
    assert len(house.parts.sessions.protocol.rooms._rooms) == 0
    assert "a bug of the engine" in caplog.text


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("type_", "fields"), [("message", message("a")), ("history", {})])
async def test_a_refused_request_is_answered_and_the_client_stays_in_the_room(
    house: House, type_: str, fields: dict[str, Any], at_once: bool
) -> None:
    ada = await joined(house, "ada")
    house.engine.down = at_once
    house.say(ada, type_, ref=1, **fields)
    if not at_once:
        await house.engine.fail(UNAVAILABLE)
    (error,) = house.read(ada)
    assert (error["code"], error["ref"], error["temporary"]) == ("unavailable", 1, True)
    house.engine.down = False
    house.say(ada, "message", **message("b", ref=2))
    await house.engine.answer()
    assert house.kinds(ada) == ["b", "sent"]


async def test_a_page_of_history_is_sent_when_it_is_there(house: House) -> None:
    ada = await joined(house, "ada")
    house.say(ada, "message", **message("a"))
    house.say(ada, "history", ref=7)
    assert house.kinds(ada) == []
    await house.engine.answer(2)
    _, page = house.read(ada)
    assert (page["type"], page["ref"], page["more"]) == ("messages", 7, False)
    assert [one["data"]["text"] for one in page["messages"]] == ["a"]


async def test_a_client_that_leaves_before_its_join_is_answered_gets_an_error_for_the_join(house: House) -> None:
    ada = house.connect("ada")
    house.say(ada, "join", ref=1)
    house.say(ada, "leave", ref=2)
    assert house.kinds(ada) == ["left"]
    await house.engine.answer()
    (error,) = house.read(ada)
    assert (error["code"], error["ref"]) == ("not_joined", 1)
    assert len(house.parts.sessions.protocol.rooms._rooms) == 0


async def test_a_connection_that_breaks_before_its_join_is_answered_stays_present_for_the_grace_time(
    house: House,
) -> None:
    ada = house.connect("ada")
    house.say(ada, "join", ref=1)
    house.end(ada)
    await house.engine.answer()
    room = house.parts.sessions.protocol.rooms._rooms.get("chat-1")
    assert room is not None
    assert (list(room.sinks), len(room.presence)) == ([], 1)


async def test_clients_are_told_when_the_engine_lost_messages(house: House) -> None:
    ada = await joined(house, "ada")
    house.listener.restarted("chat-1", RoomPosition(epoch="another", offset=3))
    (told,) = house.read(ada)
    assert told == {
        "type": "joined",
        "room": "chat-1",
        "position": {"epoch": "another", "offset": 3},
        "recovered": False,
        "replayed": 0,
    }


async def test_every_session_of_a_user_is_sent_what_another_gateway_has_for_the_user(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    ada, bob = house.connect("ada"), house.connect("bob")
    house.engine.user("u2", b'{"type": "goodbye"}')
    assert (house.kinds(ada), house.kinds(bob)) == ([], ["goodbye"])
    house.engine.tell(None, "new-kind", "u2")
    assert "does not know" in caplog.text
    assert "new-kind" not in caplog.text and "u2" not in caplog.text


async def test_a_kind_of_text_that_gateways_tell_has_one_receiver_whose_failure_stays_its_own(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[tuple[object, ...]] = []
    monkeypatch.setattr(engine_listener, "NOT_DONE", lambda *arguments: logged.append(arguments))
    heard: list[str] = []
    house.parts.listener.on_told("kick", heard.append)
    house.parts.listener.on_told("broken", lambda text: heard[1000])  # type: ignore[arg-type]
    for kind in ("kick", "broken"):
        house.engine.tell(None, kind, "u2")
    assert heard == ["u2"]
    assert logged == [("IndexError",)]
    with pytest.raises(AssertionError):
        house.parts.listener.on_told("kick", heard.append)


async def test_what_other_gateways_say_of_users_reaches_the_members_of_the_room(house: House) -> None:
    ada = await joined(house, "ada", presence="diff")
    listener = house.listener
    entry = PresenceEntry("Nine", 2, "online", 5, msgspec.Raw(b'{"a":1}'), 3)
    listener.present_elsewhere("chat-1", "node-2", "u9", entry)
    listener.gateway("node-2", "leaving")
    listener.members_elsewhere("chat-1", [RemoteMember("node-2", "u8", entry)])
    listener.present_elsewhere("chat-1", "node-2", "u9", None)
    listener.gateway("node-2", "gone")
    listener.present_elsewhere("chat-2", "node-2", "u9", entry)
    changes = [
        {what: [member["id"] for member in change[what]] for what in ("joined", "left", "changed") if change[what]}
        for change in house.read(ada)
    ]
    assert changes == [{"joined": ["u9"]}, {"joined": ["u8"], "left": ["u9"]}, {"left": ["u8"]}]


async def test_a_session_that_joins_again_while_the_engine_answers_keeps_the_order(house: House) -> None:
    ada, bob = await joined(house, "ada"), await joined(house, "bob")
    house.say(bob, "message", **message("a"))
    await house.engine.answer()
    (said,) = house.read(ada)
    house.say(ada, "join", presence="none", ref=1, since={**said["position"], "offset": 0})
    house.say(bob, "message", **message("b"))
    await house.engine.answer(index=1)
    assert house.kinds(ada) == [], "it would come before what was missed"
    await house.engine.answer()
    assert house.kinds(ada) == ["joined", "a", "b"]
    for failing in (False, True):
        house.say(ada, "join", presence="none", ref=2, since={"epoch": "x", "offset": 0})
        house.say(bob, "message", **message("c"))
        await house.engine.answer(index=1)
        await (house.engine.fail(UNAVAILABLE) if failing else house.engine.answer())
        assert house.kinds(ada) == ["c", "error" if failing else "joined"], "nothing is lost on the way"


async def test_the_sessions_of_a_user_are_found_until_they_end(house: House) -> None:
    sessions = house.parts.sessions
    ada, bob = house.connect("ada"), house.connect("bob")
    assert [len(sessions.of_user(user)) for user in ("u1", "u2", "u3")] == [1, 1, 0]
    becomes = VerifiedIdentity(user=Principal(id="u2", name="Ada", roles=[], anonymous=False), expires_at=None)
    sessions.identified(ada.session, None, becomes, 0.0)
    house.engine.user("u2", b'{"type": "goodbye"}')
    house.engine.user("u1", b'{"type": "goodbye"}')
    assert (house.kinds(ada), house.kinds(bob)) == (["goodbye"], ["goodbye"])
    for sink in (ada, bob):
        house.end(sink)
    assert not sessions._users._sessions


async def test_what_another_gateway_says_and_cannot_be_shown_ends_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[tuple[object, ...]] = []
    monkeypatch.setattr(engine_listener, "NOT_DONE", lambda *arguments: logged.append(arguments))
    ada = await joined(house, "ada", presence="diff")
    # The other gateway is broken: no user is present with no connection.
    house.listener.present_elsewhere("chat-1", "n", "u9", PresenceEntry("x", 0, "online", 0))
    assert logged == [("BrokenOutput",)]
    house.listener.present_elsewhere("chat-1", "n", "u8", PresenceEntry("x", 1, "online", 0))
    assert house.kinds(ada) == ["presence_diff"]
