"""Rows, as the whole core plays them: subscriptions, reads, writes, and what a change means to whom."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tidegate.core import effects as fx
from tidegate.core.access.rules import RowAccess
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import EVERYTHING, NOTHING, And, Term, compile_filters
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rows import effects as row_fx
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.ports import Change
from tidegate.core.rows.requests import ResourceRules
from tidegate.core.rows.subscription import Subscription
from tidegate.core.session import Session
from tidegate_protocol import (
    CreateRequest,
    DeleteRequest,
    FeedPosition,
    GetRequest,
    ListRequest,
    PingRequest,
    Pong,
    Principal,
    Subscribed,
    SubscribeRequest,
    Unsubscribed,
    UnsubscribeRequest,
    Update,
    UpdateRequest,
)

MINE = {"where": {"owner": "$user.team"}}
ANYONE = dict.fromkeys(("read", "create", "update", "delete"), "anyone")
RESOURCES = {
    "users": ResourceRules("users", ("id",), RowAccess("users", ANYONE)),
    "secrets": ResourceRules("secrets", ("id",), RowAccess("secrets", {"read": "role:admin", "create": "anyone"})),
    "notes": ResourceRules("notes", ("id",), RowAccess("notes", {"read": MINE, "update": MINE}, {"owner": str})),
    "places": ResourceRules("places", ("country", "city"), RowAccess("places", ANYONE)),
}
GUEST = Principal(id="anon-1", name="Guest", roles=[], anonymous=True)
ADMIN = Principal(id="9", name="Root", roles=["admin"], anonymous=False)


@pytest.fixture
def protocol() -> Protocol:
    return Protocol(RESOURCES, lambda name: None, FeedCursor("e", 10), SessionLimits(subscriptions=2, page=50))


def client(user: Principal = GUEST) -> Session:
    return Session("c", object(), user)


def one(protocol: Protocol, session: Session, request: msgspec.Struct) -> Any:
    (effect,) = protocol.receive(session, request, 1.0)
    return effect


def subscribe(protocol: Protocol, session: Session, resource: str = "users", **fields: Any) -> Subscription:
    effect = one(protocol, session, SubscribeRequest(resource=resource, **fields))
    assert isinstance(effect, row_fx.Watch)
    return effect.watching


def refused(protocol: Protocol, session: Session, request: msgspec.Struct) -> Refused:
    with pytest.raises(Refused) as caught:
        protocol.receive(session, request, 1.0)
    return caught.value


def created(seq: int, name: str = "Ada", **fields: Any) -> Change:
    return Change(
        seq=seq,
        time=0,
        resource="users",
        key={"id": seq},
        action="create",
        old=None,
        new={"id": seq, "name": name},
        **fields,
    )


def test_a_subscription_is_replaying_until_it_is_live(protocol: Protocol) -> None:
    session = client()
    since = FeedPosition(epoch="e", seq=3)
    watching = subscribe(protocol, session, filters={"name": "Ada"}, since=since, snapshot=True, ref="r")
    assert (watching.since, watching.snapshot, watching.refs, session.replaying) == (since, True, ["r"], 1)
    assert list(protocol.rows.dispatch([created(11)], 11)) == []
    protocol.rows.go_live(watching)
    (push,) = protocol.rows.dispatch([created(12)], 12)
    assert isinstance(push, fx.Push)
    assert list(push.sinks) == [session.sink]
    assert isinstance(push.message, Update)
    assert (push.message.action, push.message.data) == ("create", {"id": 12, "name": "Ada"})
    assert session.replaying == 0
    assert protocol.rows.dispatched.seq == 12


def test_no_position_is_told_while_a_subscription_replays(protocol: Protocol) -> None:
    session = client()
    watching = subscribe(protocol, session, snapshot=True)
    pong = one(protocol, session, PingRequest(ref=1)).message
    assert isinstance(pong, Pong)
    assert (pong.ref, pong.time, pong.position) == (1, 1000, msgspec.UNSET)
    protocol.rows.go_live(watching)
    assert one(protocol, session, PingRequest(ref=1)).message.position == FeedPosition(epoch="e", seq=10)
    assert list(protocol.receive(session, PingRequest(), 1.0)) == []


def test_an_equal_subscription_starts_nothing_new(protocol: Protocol) -> None:
    session = client()
    watching = subscribe(protocol, session, filters={"name": "Ada"})
    assert (
        list(protocol.receive(session, SubscribeRequest(resource="users", filters={"name": "Ada"}, ref=2), 1.0)) == []
    )
    assert watching.refs == [None, 2]
    protocol.rows.go_live(watching)
    answer = one(protocol, session, SubscribeRequest(resource="users", filters={"name": "Ada"}, ref=3)).message
    assert isinstance(answer, Subscribed)
    assert (answer.subscription, answer.mode, answer.ref) == (watching.group.id, "live", 3)
    assert list(protocol.receive(session, SubscribeRequest(resource="users", filters={"name": "Ada"}), 1.0)) == []
    protocol.receive(session, UnsubscribeRequest(subscription=watching.group.id), 1.0)
    assert len(protocol.rows.subscriptions) == 0


def test_equal_subscriptions_of_two_clients_are_one_push(protocol: Protocol) -> None:
    sessions = [client(), client()]
    for session in sessions:
        protocol.rows.go_live(subscribe(protocol, session, filters={"name": "Ada"}))
    (push,) = protocol.rows.dispatch([created(11)], 11)
    assert isinstance(push, fx.Push)
    assert list(push.sinks) == [session.sink for session in sessions]


def test_the_origin_of_a_change_is_told_only_to_the_user_who_made_it(protocol: Protocol) -> None:
    writer, reader = client(ADMIN), client()
    for session in (writer, reader):
        protocol.rows.go_live(subscribe(protocol, session))
    others, own = protocol.rows.dispatch([created(11, origin="k", actor="9")], 11)
    assert isinstance(others, fx.Push)
    assert isinstance(own, fx.Push)
    assert (list(others.sinks), others.message.origin) == ([reader.sink], msgspec.UNSET)  # type: ignore[attr-defined]
    assert (list(own.sinks), own.message.origin) == ([writer.sink], "k")  # type: ignore[attr-defined]
    (push,) = protocol.rows.dispatch([created(12, origin="k", actor="somebody else")], 12)
    assert isinstance(push, fx.Push)
    assert len(push.sinks) == 2
    watching = next(iter(writer.watching.values()))
    for user, origin in (("9", "k"), ("1", msgspec.UNSET), (None, msgspec.UNSET)):
        missed = protocol.rows.missed(watching.group, [created(13, origin="k", actor="9")], user)
        assert [update.origin for update in missed] == [origin]
    protocol.ended(reader, 1000, 1.0)
    (push,) = protocol.rows.dispatch([created(14, origin="k", actor="9")], 14)
    assert isinstance(push, fx.Push)
    assert list(push.sinks) == [writer.sink]


def test_missed_changes_are_those_of_the_subscription(protocol: Protocol) -> None:
    watching = subscribe(protocol, client(), filters={"name": "Ada"})
    other = Change(seq=12, time=0, resource="places", key={}, action="create", old=None, new={"name": "Ada"})
    missed = protocol.rows.missed(watching.group, [created(11, "Bob"), other, created(13)], "1")
    assert [update.position.seq for update in missed] == [13]


def test_unsubscribing_by_id_or_by_what_was_subscribed(protocol: Protocol) -> None:
    session = client()
    first = subscribe(protocol, session, filters={"name": "Ada"})
    second = subscribe(protocol, session)
    protocol.rows.go_live(second)
    answer = one(protocol, session, UnsubscribeRequest(resource="users", filters={"name": "Ada"}, ref=1)).message
    assert isinstance(answer, Unsubscribed)
    assert (answer.subscription, answer.ref) == (first.group.id, 1)
    assert first.ended
    assert session.replaying == 0
    assert list(protocol.receive(session, UnsubscribeRequest(subscription=second.group.id), 1.0)) == []
    assert list(protocol.rows.dispatch([created(11)], 11)) == []
    for request, pointer in (
        (UnsubscribeRequest(subscription="s1"), "/subscription"),
        (UnsubscribeRequest(resource="users"), "/resource"),
    ):
        assert (refused(protocol, session, request).code, refused(protocol, session, request).pointer) == (
            "not_found",
            pointer,
        )


def test_a_client_that_is_gone_hears_nothing(protocol: Protocol) -> None:
    session = client()
    protocol.rows.go_live(subscribe(protocol, session))
    protocol.ended(session, None, 1.0)
    assert list(protocol.rows.dispatch([created(11)], 11)) == []
    assert len(protocol.rows.subscriptions) == 0


def test_subscriptions_are_limited_and_permitted(protocol: Protocol) -> None:
    session = client()
    subscribe(protocol, session, filters={"id": 1})
    subscribe(protocol, session, filters={"id": 2})
    assert refused(protocol, session, SubscribeRequest(resource="users", filters={"id": 3})).code == "limit_reached"
    assert len(protocol.rows.subscriptions) == 2
    assert refused(protocol, session, SubscribeRequest(resource="secrets")).code == "unauthenticated"
    assert refused(protocol, session, SubscribeRequest(resource="nothing")).code == "unknown_resource"


def test_another_user_starts_from_the_rows_it_may_read_or_loses_the_subscription(protocol: Protocol) -> None:
    session = client(ADMIN)
    secret = subscribe(protocol, session, "secrets")
    users = subscribe(protocol, session, "users")
    users.answered = True
    users.refs.clear()
    protocol.rows.go_live(users)
    ended, anew = protocol.identified(session, None, VerifiedIdentity(GUEST, None), 1.0)
    assert isinstance(ended, fx.Reply)
    assert isinstance(ended.message, Unsubscribed)
    assert ended.message.subscription == secret.group.id
    assert isinstance(anew, row_fx.Watch)
    assert users.ended
    assert not anew.watching.live
    assert anew.watching.snapshot
    assert anew.watching.refs == [None]
    assert session.watching == {users.group.id: anew.watching}
    assert session.replaying == 1
    assert anew.watching.group is users.group
    assert session not in users.group.members


def test_rows_that_changed_untold_are_read_anew(protocol: Protocol) -> None:
    """A table was emptied by TRUNCATE: its live subscriptions start again from a snapshot, others go on."""
    user, other, replaying = client(), client(), client()
    watching = subscribe(protocol, user, ref=1)
    protocol.rows.go_live(watching)
    elsewhere = subscribe(protocol, other, "places")
    protocol.rows.go_live(elsewhere)
    waiting = subscribe(protocol, replaying, filters={"name": "Ada"})
    reset = Change(seq=11, time=0, resource="users", key={}, action="reset", old=None, new=None)
    first, second = list(protocol.rows.dispatch([created(11), reset, created(12)], 12))
    assert isinstance(first, fx.Push)
    assert isinstance(second, row_fx.Watch)
    again = second.watching
    assert (again.session, again.group, again.snapshot, again.since) == (user, watching.group, True, None)
    assert watching.ended
    assert user.replaying == 1
    assert list(elsewhere.group.members) == [other]
    assert not waiting.ended


def test_a_request_still_unanswered_when_the_user_changes_gets_its_answer(protocol: Protocol) -> None:
    session = client(ADMIN)
    watching = subscribe(protocol, session, "users")
    refs = list(watching.refs)
    (anew,) = protocol.identified(session, None, VerifiedIdentity(GUEST, None), 1.0)
    assert isinstance(anew, row_fx.Watch)
    assert anew.watching.refs == refs
    assert session.replaying == 1


def test_a_subscription_that_ends_before_it_is_live_is_answered_all_the_same(protocol: Protocol) -> None:
    session = client()
    watching = subscribe(protocol, session, ref=1, snapshot=True)
    protocol.receive(session, SubscribeRequest(resource="users", ref=2, snapshot=True), 0.0)
    effects = protocol.receive(session, UnsubscribeRequest(subscription=watching.group.id, ref=3), 0.0)
    replies = [effect.message for effect in effects if isinstance(effect, fx.Reply)]
    assert [(type(reply).__name__, getattr(reply, "ref", None)) for reply in replies] == [
        ("Subscribed", 1),
        ("Subscribed", 2),
        ("Unsubscribed", 3),
    ]
    assert watching.refs == []


def test_the_fields_of_a_subscription_always_have_the_key(protocol: Protocol) -> None:
    watching = subscribe(protocol, client(), "places", fields=["name", "city"])
    assert watching.group.fields == ("city", "country", "name")


def test_a_list_becomes_a_query(protocol: Protocol) -> None:
    effect = one(
        protocol,
        client(),
        ListRequest(
            resource="users",
            filters={"name": "Ada", "notes": None},
            sort=[],
            limit=5,
            offset=2,
            fields=["name"],
            count=True,
        ),
    )
    assert isinstance(effect, row_fx.Read)
    query = effect.query
    assert query.where == And((Term("name", "eq", "Ada"), Term("notes", "null", True)))
    assert (query.limit, query.offset, query.fields, query.count) == (5, 2, ("id", "name"), True)
    assert one(protocol, client(), ListRequest(resource="users")).query.limit == 50


def test_get_names_rows_by_their_key(protocol: Protocol) -> None:
    assert one(protocol, client(), GetRequest(resource="users", id=1)).query.keys == ({"id": 1},)
    assert one(protocol, client(), GetRequest(resource="users", ids=[1, 2])).query.keys == ({"id": 1}, {"id": 2})
    key: dict[str, str | int] = {"country": "NO", "city": "Bergen"}
    assert one(protocol, client(), GetRequest(resource="places", id=key)).query.keys == (key,)


def test_mutations_become_orders(protocol: Protocol) -> None:
    session = client()
    order = one(protocol, session, CreateRequest(resource="users", data={"name": "Ada"})).order
    assert (order.kind, order.rows, order.array, order.user, order.digest) == (
        "create",
        ({"name": "Ada"},),
        False,
        "anon-1",
        b"",
    )
    order = one(protocol, session, CreateRequest(resource="users", data=[{"name": "Ada"}, {"name": "Bob"}])).order
    assert (len(order.rows), order.array) == (2, True)
    order = one(protocol, session, UpdateRequest(resource="users", id=1, data={"name": "B"}, if_={"name": "A"})).order
    assert (order.kind, order.keys, order.data, order.expected) == (
        "update",
        ({"id": 1},),
        {"name": "B"},
        {"name": "A"},
    )
    order = one(protocol, session, DeleteRequest(resource="users", ids=[1, 2])).order
    assert (order.kind, order.keys) == ("delete", ({"id": 1}, {"id": 2}))


def test_a_request_sent_again_has_the_same_digest_whatever_its_ref(protocol: Protocol) -> None:
    def order(ref: int, name: str, **more: Any) -> Any:
        request = CreateRequest(resource="users", data={**more, "name": name}, key="k", ref=ref)
        return one(protocol, client(), request).order

    assert order(1, "Ada").digest == order(2, "Ada").digest
    assert order(1, "Ada").digest != order(1, "Bob").digest
    request = CreateRequest(resource="users", data={"name": "Ada", "more": {"b": 1, "a": 2}}, key="k")
    assert order(1, "Ada", more={"a": 2, "b": 1}).digest == one(protocol, client(), request).order.digest
    assert order(1, "Ada").idempotency_key == "k"


def test_who_may_write_but_not_read_is_shown_no_rows(protocol: Protocol) -> None:
    assert one(protocol, client(), CreateRequest(resource="secrets", data={})).order.visible == NOTHING
    assert one(protocol, client(ADMIN), CreateRequest(resource="secrets", data={})).order.visible == EVERYTHING
    assert refused(protocol, client(ADMIN), DeleteRequest(resource="secrets", id=1)).code == "forbidden"


def test_a_token_is_checked_outside(protocol: Protocol) -> None:
    from tidegate_protocol import AuthenticateRequest

    effect = one(protocol, client(), AuthenticateRequest(token="t", ref=4))
    assert isinstance(effect, fx.Identify)
    assert (effect.token, effect.ref) == ("t", 4)


def test_a_type_without_a_handler_is_unknown(protocol: Protocol) -> None:
    assert refused(protocol, client(), FeedPosition(epoch="e", seq=1)).code == "unknown_type"


def test_a_row_rule_goes_with_every_read_and_write(protocol: Protocol) -> None:
    session = client(ADMIN)
    session.become(ADMIN, {"team": "red"})
    mine = compile_filters({"owner": "red"})
    assert one(protocol, session, GetRequest(resource="notes", id=1)).query.where == mine
    listed = one(protocol, session, ListRequest(resource="notes", filters={"text": "x"}))
    assert listed.query.where == compile_filters({"owner": "red", "text": "x"})
    assert subscribe(protocol, session, "notes", filters={"text": "x"}).group.where == listed.query.where
    order = one(protocol, session, UpdateRequest(resource="notes", id=1, data={"text": "y"})).order
    assert (order.visible, order.allowed) == (mine, mine)
    assert refused(protocol, session, DeleteRequest(resource="notes", id=1)).code == "forbidden"
    assert one(protocol, client(), GetRequest(resource="notes", id=1)).query.where == NOTHING


def test_other_claims_bring_other_rows_under_the_same_id(protocol: Protocol) -> None:
    session = client(ADMIN)
    session.become(ADMIN, {"team": "red"})
    notes = subscribe(protocol, session, "notes", ref=1)
    protocol.rows.go_live(notes)
    assert list(protocol.identified(session, None, VerifiedIdentity(ADMIN, 99.0, {"team": "red"}), 1.0)) == []
    (anew,) = protocol.identified(session, None, VerifiedIdentity(ADMIN, None, {"team": "blue"}), 1.0)
    assert isinstance(anew, row_fx.Watch)
    assert anew.watching.snapshot
    assert anew.watching.group is not notes.group
    assert anew.watching.group.id == notes.group.id
    assert session.watching == {notes.group.id: anew.watching}
    assert session not in notes.group.members


@pytest.mark.parametrize(("scope", "recovered"), [("own", True), ("another's", False), (None, False)])
def test_rows_are_recovered_only_for_whom_they_were(protocol: Protocol, scope: str | None, recovered: bool) -> None:
    session = client(ADMIN)
    session.become(ADMIN, {"team": "red"})
    given = {} if scope is None else {"scope": scope}
    if scope == "own":
        given = {"scope": str(subscribe(protocol, client_of("red"), "notes").group.scope)}
    since = FeedPosition(epoch="e", seq=3)
    watching = subscribe(protocol, session, "notes", since=since, **given)
    assert (watching.since, watching.snapshot) == ((since, False) if recovered else (None, True))
    users = subscribe(protocol, session, "users", since=since, **given)
    assert (users.since is None) == (scope is not None), "all rows are to be seen there: they come without a scope"


def client_of(team: str) -> Session:
    session = client(ADMIN)
    session.become(ADMIN, {"team": team})
    return session


def test_an_equal_subscription_is_told_its_scope(protocol: Protocol) -> None:
    session = client_of("red")
    watching = subscribe(protocol, session, "notes")
    protocol.rows.go_live(watching)
    answer = one(protocol, session, SubscribeRequest(resource="notes", ref=3)).message
    assert (answer.ref, answer.scope) == (3, watching.group.scope)
