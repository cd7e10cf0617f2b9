"""How requests reach the rules: which part answers, and which feed position a session may get."""

from __future__ import annotations

import msgspec
import pytest

from tidegate.core.effects import Identify, Reply
from tidegate.core.errors import Refused
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.session import Session
from tidegate_protocol import CLIENT_MESSAGES, AuthenticateRequest, FeedPosition, PingRequest, Pong, Principal


@pytest.fixture
def protocol() -> Protocol:
    return Protocol({}, lambda name: None, FeedCursor("e", 7), SessionLimits())


@pytest.fixture
def session() -> Session:
    return Session("c", object(), Principal(id="1", name="Ada", roles=[], anonymous=False))


def test_a_ping_is_answered_with_the_time_and_the_dispatched_position(protocol: Protocol, session: Session) -> None:
    pong = Pong(time=12345, position=FeedPosition(epoch="e", seq=7), ref=1)
    assert list(protocol.receive(session, PingRequest(ref=1), 12.3456)) == [Reply(session, pong)]
    assert list(protocol.receive(session, PingRequest(), 12.3456)) == [], "no reply is wanted"


def test_a_token_is_left_to_be_checked_outside(protocol: Protocol, session: Session) -> None:
    (effect,) = protocol.receive(session, AuthenticateRequest(token="t"), 5.0)
    assert effect == Identify(session, None, "t", 5.0)


def test_every_message_of_the_protocol_has_a_handler(protocol: Protocol) -> None:
    assert set(protocol._handlers) == set(CLIENT_MESSAGES.values())


def test_another_message_is_refused(protocol: Protocol, session: Session) -> None:
    class Unknown(msgspec.Struct):
        """Of a later protocol."""

    with pytest.raises(Refused) as refused:
        protocol.receive(session, Unknown(), 0.0)
    assert (refused.value.code, refused.value.pointer) == ("unknown_type", "/type")
