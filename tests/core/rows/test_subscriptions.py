"""The subscriptions of sessions: equal ones are shared, other users' start again, and nothing is left of ended ones."""

from __future__ import annotations

import msgspec

from tests.core.rows.kit import ADMIN, GUEST, client, client_of, created, go_live, live, one, subscribe
from tidegate.core import effects as fx
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.protocol import Protocol
from tidegate.core.rows.catch_up_events import FeedFollows, SnapshotBegun
from tidegate.core.rows.effects import CatchUp, SendPages
from tidegate.core.rows.subscription import State
from tidegate_protocol import (
    FeedPosition,
    PingRequest,
    Pong,
    Subscribed,
    SubscribeRequest,
    Unsubscribed,
    UnsubscribeRequest,
)


def test_a_session_is_told_no_position_while_a_subscription_catches_up(protocol: Protocol) -> None:
    session = client()
    subscription = subscribe(protocol, session, snapshot=True)
    pong = one(protocol, session, PingRequest(ref=1)).message
    assert isinstance(pong, Pong)
    assert (pong.ref, pong.time, pong.position) == (1, 1000, msgspec.UNSET)
    go_live(protocol, subscription)
    assert one(protocol, session, PingRequest(ref=1)).message.position == FeedPosition(epoch="e", seq=10)
    assert list(protocol.receive(session, PingRequest(), 1.0)) == []


def test_a_session_catches_up_until_the_last_of_its_subscriptions_is_live(protocol: Protocol) -> None:
    session = client()
    first, second = subscribe(protocol, session), subscribe(protocol, session, "places")
    assert protocol.rows.subscriptions.catching_up == {session: 2}
    go_live(protocol, first)
    assert protocol.rows.subscriptions.catching_up == {session: 1}
    protocol.receive(session, UnsubscribeRequest(subscription=second.group.id), 1.0)
    assert protocol.rows.subscriptions.catching_up == {}


def test_an_equal_subscription_is_shared(protocol: Protocol) -> None:
    session = client()
    request = SubscribeRequest(resource="users", filters={"name": "Ada"}, ref=2)
    subscription = subscribe(protocol, session, filters={"name": "Ada"})
    assert list(protocol.receive(session, request, 1.0)) == []
    assert subscription.refs == [None, 2]
    go_live(protocol, subscription)
    answer = one(protocol, session, msgspec.structs.replace(request, ref=3)).message
    assert isinstance(answer, Subscribed)
    assert (answer.subscription, answer.mode, answer.ref) == (subscription.group.id, "live", 3)
    assert list(protocol.receive(session, SubscribeRequest(resource="users", filters={"name": "Ada"}), 1.0)) == []
    protocol.receive(session, UnsubscribeRequest(subscription=subscription.group.id), 1.0)
    assert len(protocol.rows.subscriptions.index) == 0


def test_the_answer_to_an_equal_request_has_the_scope(protocol: Protocol) -> None:
    session = client_of("red")
    subscription = live(protocol, session, "notes")
    answer = one(protocol, session, SubscribeRequest(resource="notes", ref=3)).message
    assert (answer.ref, answer.scope) == (3, subscription.group.scope)


def test_nothing_is_kept_of_a_session_that_ended(protocol: Protocol) -> None:
    session = client()
    live(protocol, session)
    waiting = subscribe(protocol, session, "places", ref=1)
    assert list(protocol.ended(session, None, 1.0)) == []
    assert waiting.state is State.ENDED
    assert list(protocol.rows.dispatch([created(11)], 11)) == []
    subscriptions = protocol.rows.subscriptions
    assert (len(subscriptions.index), subscriptions.catching_up, subscriptions.of(session)) == (0, {}, {})
    assert subscriptions._permissions._known == {}


def test_requests_for_a_subscription_that_ends_before_it_is_live_are_answered(protocol: Protocol) -> None:
    session = client()
    subscription = subscribe(protocol, session, ref=1, snapshot=True)
    protocol.receive(session, SubscribeRequest(resource="users", ref=2, snapshot=True), 0.0)
    effects = protocol.receive(session, UnsubscribeRequest(subscription=subscription.group.id, ref=3), 0.0)
    replies = [effect.message for effect in effects if isinstance(effect, fx.Reply)]
    assert [(type(reply).__name__, getattr(reply, "ref", None)) for reply in replies] == [
        ("Subscribed", 1),
        ("Subscribed", 2),
        ("Unsubscribed", 3),
    ]
    assert subscription.refs == []


def test_another_user_starts_from_the_rows_it_may_read_or_loses_the_subscription(protocol: Protocol) -> None:
    session = client(ADMIN)
    secret = subscribe(protocol, session, "secrets")
    users = live(protocol, session, "users", ref=1)
    ended, again = protocol.identified(session, None, VerifiedIdentity(GUEST, None), 1.0)
    assert isinstance(ended, fx.Reply)
    assert isinstance(ended.message, Unsubscribed)
    assert ended.message.subscription == secret.group.id
    assert isinstance(again, CatchUp)
    assert users.state is State.ENDED
    assert again.subscription.state is State.SNAPSHOT
    assert again.subscription.refs == []
    assert protocol.rows.subscriptions.of(session) == {users.group.id: again.subscription}
    assert protocol.rows.subscriptions.catching_up == {session: 1}
    assert again.subscription.group is users.group
    assert session not in users.group.members


def test_a_request_still_unanswered_when_the_user_changes_gets_its_answer(protocol: Protocol) -> None:
    session = client(ADMIN)
    subscribe(protocol, session, "users", ref=1)
    (again,) = protocol.identified(session, None, VerifiedIdentity(GUEST, None), 1.0)
    assert isinstance(again, CatchUp)
    assert (again.subscription.state, again.subscription.refs) == (State.WAITING, [1])
    protocol.rows.subscriptions.tell(again.subscription, FeedFollows())
    replies, ask = protocol.rows.subscriptions.tell(again.subscription, SnapshotBegun(10))
    assert [reply.message.ref for reply in replies if isinstance(reply, fx.Reply)] == [1]  # type: ignore[attr-defined]  # Subscribed
    assert ask == SendPages()


def test_other_claims_bring_other_rows_under_the_same_id(protocol: Protocol) -> None:
    session = client_of("red")
    notes = live(protocol, session, "notes", ref=1)
    assert list(protocol.identified(session, None, VerifiedIdentity(ADMIN, 99.0, {"team": "red"}), 1.0)) == []
    (again,) = protocol.identified(session, None, VerifiedIdentity(ADMIN, None, {"team": "blue"}), 1.0)
    assert isinstance(again, CatchUp)
    assert again.subscription.snapshot
    assert again.subscription.group is not notes.group
    assert again.subscription.group.id == notes.group.id
    assert protocol.rows.subscriptions.of(session) == {notes.group.id: again.subscription}
    assert session not in notes.group.members
