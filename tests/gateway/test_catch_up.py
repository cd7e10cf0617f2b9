"""The frames of missed changes: which subscriptions share them, and what a client that reads slowly is sent."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from tests.core.rows.kit import ADMIN, GUEST, created, new_protocol, subscribe
from tidegate.core.protocol import Protocol
from tidegate.core.rows.subscription import State, Subscription
from tidegate.core.session import Session
from tidegate.gateway.catch_up import CHUNK_BYTES, CatchUpDriver
from tidegate_protocol import FeedPosition, Principal


class Sink:
    """Takes frames; a test says how many bytes wait in it."""

    def __init__(self, unsent: int = 0) -> None:
        self.unsent = unsent
        self.read = asyncio.Event()
        self.frames: list[bytes] = []

    async def drained(self) -> None:
        await self.read.wait()
        self.unsent = 0

    def received(self) -> list[Any]:
        """What the client got: the mode of its answer, the seq and origin of each change."""
        messages = [json.loads(line) for frame in self.frames for line in frame.splitlines()]
        return [message.get("mode") or (message["position"]["seq"], message.get("origin")) for message in messages]


class Sender:
    """Frames are lines of JSON; it counts the messages that it framed."""

    def __init__(self) -> None:
        self.framed = 0

    def frame(self, message: msgspec.Struct) -> bytes:
        self.framed += 1
        return msgspec.json.encode(message) + b"\n"

    def send(self, session: Session, message: msgspec.Struct) -> None:
        self.send_frame(session, self.frame(message))

    def send_frame(self, session: Session, frame: bytes) -> None:
        session.sink.frames.append(frame)


class Store:
    """A store whose feed follows the log; nothing is read from it here."""

    epoch = "e"
    following = True
    incomplete = ()


class Gateway:
    def __init__(self) -> None:
        self.protocol: Protocol = new_protocol()
        self.sender = Sender()
        self.driver = CatchUpDriver(self.protocol.rows, Store(), self.sender)  # type: ignore[arg-type]  # their parts

    def dispatch(self, seq: int) -> None:
        self.protocol.rows.dispatch([created(seq, origin="k", actor=ADMIN.id)], seq)
        self.driver.advanced()

    def resume(self, sink: Sink, user: Principal = GUEST) -> tuple[Subscription, Any]:
        """A client that has everything up to 10 comes back: its subscription, and what is left to be awaited."""
        session, since = Session("c", sink, user), FeedPosition(epoch="e", seq=10)
        subscription = subscribe(self.protocol, session, since=since, ref=1)
        return subscription, self.driver.begin(subscription)


@pytest.fixture
def gateway() -> Gateway:
    gateway = Gateway()
    gateway.dispatch(11)
    return gateway


async def test_equal_subscriptions_share_the_frames_that_they_missed(gateway: Gateway) -> None:
    sinks = [Sink() for _ in range(3)]
    for sink in sinks:
        subscription, rest = gateway.resume(sink)
        assert (subscription.state, rest) == (State.LIVE, None)
        assert sink.received() == ["recovered", (11, None)]
    assert gateway.sender.framed == len(sinks) + 1, "three answers, and one change"


async def test_the_user_who_made_a_missed_change_gets_frames_with_its_origin(gateway: Gateway) -> None:
    other, own = Sink(), Sink()
    gateway.resume(other)
    gateway.resume(own, ADMIN)
    assert (other.received(), own.received()) == (["recovered", (11, None)], ["recovered", (11, "k")])


async def test_a_slow_client_is_sent_nothing_until_it_has_read_and_then_everything(gateway: Gateway) -> None:
    slow, quick = Sink(CHUNK_BYTES + 1), Sink()
    subscription, rest = gateway.resume(slow)
    assert subscription.state is State.RECOVERING
    task = asyncio.create_task(rest)
    await asyncio.sleep(0)
    assert slow.received() == ["recovered"]
    gateway.dispatch(12)
    gateway.resume(quick)
    assert quick.received() == ["recovered", (11, None), (12, None)], "more than the slow client was to be sent"
    slow.read.set()
    await task
    assert slow.received() == ["recovered", (11, None), (12, None)]
    assert not gateway.protocol.rows.subscriptions.catching_up


async def test_later_subscriptions_do_not_share_the_frames_of_a_send_that_was_late(gateway: Gateway) -> None:
    late, later = Sink(CHUNK_BYTES), Sink()
    _, rest = gateway.resume(late)
    gateway.dispatch(12)
    task = asyncio.create_task(rest)
    await asyncio.sleep(0)
    assert late.received()[:2] == ["recovered", (11, None)]
    gateway.resume(later)
    assert later.received() == ["recovered", (11, None), (12, None)]
    late.read.set()
    await task
    assert late.received() == ["recovered", (11, None), (12, None)]


async def test_a_slow_client_that_unsubscribes_is_sent_nothing_more(gateway: Gateway) -> None:
    slow = Sink(CHUNK_BYTES + 1)
    subscription, rest = gateway.resume(slow)
    task = asyncio.create_task(rest)
    await asyncio.sleep(0)
    gateway.protocol.rows.subscriptions.end(subscription)
    slow.read.set()
    await task
    assert slow.received() == ["recovered"]
    assert subscription.state is State.ENDED
