"""The beginning and the end of sessions: greetings, tokens, the goodbye."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from msgspec import UNSET

from tidegate.core import authentication_deadlines
from tidegate.core.closes import GOING_AWAY, NORMAL, RESTART, UNAUTHENTICATED
from tidegate.core.effects import Close, Effect, Identify, Push, Reply
from tidegate.core.errors import Refused
from tidegate.core.identities import GivenIdentity, Proof, VerifiedIdentity
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.session import Session
from tidegate.core.sessions import Greeting, Sessions
from tidegate_protocol import (
    Authenticated,
    AuthenticateRequest,
    ErrorCode,
    ErrorMessage,
    Goodbye,
    Heartbeat,
    Identity,
    JoinRequest,
    Limits,
    ListRequest,
    PingRequest,
    Principal,
    Welcome,
)

LIMITS = Limits(max_message=1, max_rooms=2, max_subscriptions=3, max_page=4, max_history=5, max_ids=6)
ADA = Principal(id="1", name="Ada", roles=["clerk"], anonymous=False)
OPEN = RoomRules("*", access={"join": "anyone", "send": "anyone"})


def identity(user: Principal, first: float | None, now: float) -> GivenIdentity | None:
    """An identity lasts for two hours."""
    began = now if first is None else first
    return GivenIdentity(f"token of {user.id} at {now}", Proof(now, None, began)) if now < began + 7200 else None


@pytest.fixture
def sessions() -> Sessions:
    protocol = Protocol({}, lambda name: OPEN, FeedCursor("e", 7), SessionLimits())
    return Sessions(protocol, Greeting(2.0, LIMITS, "hash"), identity, 100.0)


def guest(name: str = "anon-1") -> Session:
    return Session(f"c-{name}", f"sink-{name}", Principal(id=name, name="Guest", roles=[], anonymous=True))


def message(effects: Sequence[Effect], index: int = 0) -> object:
    effect = effects[index]
    assert isinstance(effect, Reply)
    return effect.message


def test_an_anonymous_client_is_greeted_with_a_token_to_come_back_with(sessions: Sessions) -> None:
    session = guest()
    welcome = message(sessions.connected(session, None, 100.0))
    assert isinstance(welcome, Welcome)
    assert (welcome.connection, welcome.user, welcome.contract, welcome.limits) == (
        "c-anon-1",
        session.user,
        "hash",
        LIMITS,
    )
    assert (welcome.position.seq, welcome.heartbeat) == (7, 2.0)
    assert welcome.identity == "token of anon-1 at 100.0"
    assert list(sessions) == [session]


def test_a_client_with_a_valid_token_is_greeted_as_its_user(sessions: Sessions) -> None:
    session = guest()
    welcome = message(sessions.connected(session, VerifiedIdentity(ADA, 150.0, {"team": "a"}), 100.0))
    assert isinstance(welcome, Welcome)
    assert (welcome.user, session.user, session.claims, session.expires_at) == (ADA, ADA, {"team": "a"}, 150.0)
    assert "token of" not in str(welcome.identity)


def test_a_client_with_a_token_that_is_not_valid_gets_the_error_and_is_closed(sessions: Sessions) -> None:
    session = guest()
    error, close = sessions.turned_away(session, Refused("unauthenticated", "no"))
    assert isinstance(error, Reply)
    assert isinstance(error.message, ErrorMessage)
    assert error.message.code == "unauthenticated"
    assert close == Close(session, UNAUTHENTICATED, "the token is not valid")
    assert list(sessions.tick(200.0)) == [], "it gets no heartbeat"
    sessions.ended(session, None, 201.0)
    assert len(sessions) == 0


def test_a_client_that_the_application_refuses_learns_from_the_close_whether_to_come_back(sessions: Sessions) -> None:
    closes: dict[ErrorCode, int] = {"forbidden": 4003, "unauthenticated": 4001, "unavailable": 4100, "internal": 1011}
    for code, expected in closes.items():
        _, close = sessions.turned_away(guest(), Refused(code, "no"))
        assert isinstance(close, Close)
        assert (code, close.code) == (code, expected)


def test_a_binary_frame_is_answered_with_an_error(sessions: Sessions) -> None:
    error = message(sessions.received_binary(guest()))
    assert isinstance(error, ErrorMessage)
    assert error.code == "invalid_json"


def test_a_token_is_checked_outside_and_its_end_counts_from_then_on(sessions: Sessions) -> None:
    session = guest()
    sessions.connected(session, VerifiedIdentity(ADA, 105.0), 100.0)
    (identify,) = sessions.protocol.receive(session, AuthenticateRequest(token="t", ref=3), 101.0)
    assert identify == Identify(session, 3, "t", 101.0)
    answer = message(sessions.identified(session, 3, VerifiedIdentity(ADA, 300.0), 101.0))
    assert answer == Authenticated(user=ADA, expires_at=300_000, ref=3)
    assert not any(isinstance(effect, Close) for effect in sessions.tick(200.0))
    *_, goodbye, close = sessions.tick(301.0)
    assert isinstance(goodbye, Reply)
    assert isinstance(goodbye.message, Goodbye)
    assert isinstance(close, Close)


def test_a_token_without_an_end_is_answered_without_one(sessions: Sessions) -> None:
    session = guest()
    sessions.connected(session, None, 100.0)
    answer = message(sessions.identified(session, 3, VerifiedIdentity(ADA, None), 101.0))
    assert answer == Authenticated(user=ADA, ref=3)
    assert session.expires_at is None


def test_time_brings_heartbeats_with_the_dispatched_position(sessions: Sessions) -> None:
    session = guest()
    sessions.connected(session, None, 100.0)
    told = [effect for now in (101.0, 102.0) for effect in sessions.tick(now)]
    (push,) = told
    assert isinstance(push, Push)
    assert isinstance(push.message, Heartbeat)
    assert push.message.position == sessions.protocol.rows.cursor.position


@pytest.mark.parametrize(
    ("code", "seconds"),
    [(NORMAL, 0.0), (1005, 0.0), (3000, 0.0), (4000, 0.0), (4999, 0.0), (GOING_AWAY, 1.0), (None, 10.0)],
)
def test_a_client_that_closes_its_connection_leaves_its_rooms_at_once_and_a_page_a_second_later(
    sessions: Sessions, code: int | None, seconds: float
) -> None:
    session = guest()
    sessions.connected(session, None, 100.0)
    sessions.protocol.receive(session, JoinRequest(room="chat"), 100.0)
    sessions.ended(session, code, 101.0)
    assert len(sessions) == 0
    for early in (seconds - 0.01,) if seconds else ():
        sessions.tick(101.0 + early)
        assert len(sessions.protocol.rooms._rooms) == 1
    sessions.tick(101.0 + seconds)
    assert len(sessions.protocol.rooms._rooms) == 0


def test_every_client_is_told_the_goodbye_and_another_time_to_come_back(sessions: Sessions) -> None:
    for name in ("anon-1", "anon-2"):
        sessions.connected(guest(name), None, 100.0)
    assert not sessions.draining
    times = itertools.count(1)
    effects = sessions.goodbye(RESTART, lambda: next(times) / 3)
    assert [message(effects, index) for index in range(len(effects))] == [
        Goodbye(code=4201, reason="the gateway restarts", retry_after=retry_after) for retry_after in (0.333, 0.667)
    ]
    assert sessions.draining


# -- identities of anonymous clients ----------------------------------------------------------------------------------


def test_an_identity_is_renewed_at_half_its_life_until_it_is_too_old(sessions: Sessions) -> None:
    one, other = guest("anon-1"), guest("anon-2")
    sessions.connected(one, None, 100.0)
    sessions.connected(other, None, 101.0)
    assert [effect for effect in sessions.tick(1899.9) if told(effect) == "identity"] == []
    (renewed,) = [effect for effect in sessions.tick(1900.0) if told(effect) == "identity"]
    assert isinstance(renewed, Reply) and renewed.session is one
    assert renewed.message == Identity(token="token of anon-1 at 1900.0")
    sessions.ended(other, 1000, 1900.5)
    assert [effect for effect in sessions.tick(1999.0) if told(effect) == "identity"] == []
    later = [(now, told(effect)) for now in range(2000, 20_000, 100) for effect in sessions.tick(now)]
    assert [now for now, kind in later if kind == "identity"] == [3700, 5500]


def test_a_user_who_was_anonymous_gets_no_identity_any_more(sessions: Sessions) -> None:
    session = guest()
    sessions.connected(session, None, 100.0)
    sessions.identified(session, None, VerifiedIdentity(ADA, None), 200.0)
    assert [effect for effect in sessions.tick(10_000.0) if told(effect) == "identity"] == []


def test_an_identity_that_is_given_back_is_answered_with_a_fresh_one(sessions: Sessions) -> None:
    session, known = guest(), Principal(id="anon-7", name="Guest", roles=[], anonymous=True)
    sessions.connected(session, None, 100.0)
    proved = VerifiedIdentity(known, None, proof=Proof(50.0, None, 40.0))
    answer = next(iter(sessions.identified(session, "a", proved, 200.0)))
    assert isinstance(answer, Reply) and isinstance(answer.message, Authenticated)
    assert answer.message.identity == "token of anon-7 at 200.0"
    too_old = VerifiedIdentity(known, None, proof=Proof(50.0, None, -7100.0))
    answer = next(iter(sessions.identified(session, "b", too_old, 200.0)))
    assert isinstance(answer, Reply) and isinstance(answer.message, Authenticated)
    assert answer.message.identity is UNSET


# -- where no anonymous clients are let in ----------------------------------------------------------------------------


@pytest.fixture
def strict() -> Sessions:
    protocol = Protocol({}, lambda name: OPEN, FeedCursor("e", 7), SessionLimits())
    return Sessions(protocol, Greeting(2.0, LIMITS, "hash"), identity, 100.0, authenticate_within=10.0)


def test_a_client_that_must_authenticate_is_greeted_without_an_identity_and_ends_at_its_deadline(
    strict: Sessions,
) -> None:
    late, timely, user = guest("anon-1"), guest("anon-2"), guest("anon-3")
    (welcome,) = strict.connected(late, None, 100.0)
    assert isinstance(welcome, Reply) and isinstance(welcome.message, Welcome) and welcome.message.identity is UNSET
    strict.connected(timely, None, 100.0)
    strict.connected(user, VerifiedIdentity(ADA, None), 100.0)
    for session, request in ((late, JoinRequest(room="lobby")), (late, ListRequest(resource="users"))):
        with pytest.raises(Refused, match="authenticate first") as refused:
            authentication_deadlines.check(session, request)
        assert refused.value.code == "unauthenticated"
    authentication_deadlines.check(late, AuthenticateRequest(token="t"))
    authentication_deadlines.check(late, PingRequest())
    strict.identified(timely, None, VerifiedIdentity(ADA, None), 109.0)
    for session in (timely, user):
        authentication_deadlines.check(session, JoinRequest(room="lobby"))
    assert [effect for effect in strict.tick(109.9) if isinstance(effect, Close)] == []
    (end,) = [effect for effect in strict.tick(110.0) if isinstance(effect, Close)]
    assert (end.session, end.code, end.reason) == (late, UNAUTHENTICATED, "no valid token came in time")
    assert [effect for effect in strict.tick(200.0) if isinstance(effect, Close)] == []


def told(effect: Effect) -> str:
    """The type of the message that an effect sends to one session."""
    return type(effect.message).__name__.lower() if isinstance(effect, Reply) else ""
