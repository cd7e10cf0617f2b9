"""Requests about rows: what is read, written and subscribed to, and with which permission."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.rows.kit import ADMIN, client, client_of, live, one, refused, subscribe
from tidegate.core import effects as fx
from tidegate.core.filters.tree import EVERYTHING, NOTHING, And, Term, compile_filters
from tidegate.core.protocol import Protocol
from tidegate.core.rows import requests
from tidegate.core.rows.effects import ReadRows, WriteRows
from tidegate.core.rows.subscription import State
from tidegate_protocol import (
    AuthenticateRequest,
    CreateRequest,
    DeleteRequest,
    FeedPosition,
    GetRequest,
    ListRequest,
    SubscribeRequest,
    Unsubscribed,
    UnsubscribeRequest,
    UpdateRequest,
)


def test_a_subscribe_request_starts_a_catch_up(protocol: Protocol) -> None:
    since = FeedPosition(epoch="e", seq=3)
    subscription = subscribe(protocol, client(), filters={"name": "Ada"}, since=since, snapshot=True, ref="r")
    assert (subscription.since, subscription.snapshot, subscription.refs) == (since, True, ["r"])
    assert subscription.state is State.WAITING


def test_subscriptions_are_limited_and_permitted(protocol: Protocol) -> None:
    session = client()
    subscribe(protocol, session, filters={"id": 1})
    subscribe(protocol, session, filters={"id": 2})
    assert refused(protocol, session, SubscribeRequest(resource="users", filters={"id": 3})).code == "limit_reached"
    assert len(protocol.rows.subscriptions.index) == 2
    assert refused(protocol, session, SubscribeRequest(resource="secrets")).code == "unauthenticated"
    assert refused(protocol, session, SubscribeRequest(resource="nothing")).code == "unknown_resource"


@pytest.mark.parametrize("kind", [SubscribeRequest, ListRequest])
def test_what_looks_into_too_many_texts_is_refused_before_it_is_compiled(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    def compiled(filters: Any) -> None:
        raise AssertionError("a refusal must not cost that much")

    monkeypatch.setattr(requests, "tree", compiled)
    filters = {"or": [{"name": {"contains": str(number)}} for number in range(21)]}
    assert refused(protocol, client(), kind(resource="users", filters=filters)).code == "limit_reached"
    too_many = {"or": [{"name": {"contains": str(number)}} for number in range(101)]}
    assert refused(protocol, client(), kind(resource="users", filters=too_many)).code == "invalid_message"


def test_the_fields_of_a_subscription_always_have_the_key(protocol: Protocol) -> None:
    subscription = subscribe(protocol, client(), "places", fields=["name", "city"])
    assert subscription.group.fields == ("city", "country", "name")


@pytest.mark.parametrize(("scope", "recovered"), [("own", True), ("another's", False), (None, False)])
def test_rows_are_recovered_only_in_the_scope_they_were_sent_in(
    protocol: Protocol, scope: str | None, recovered: bool
) -> None:
    session = client_of("red")
    given = {} if scope is None else {"scope": scope}
    if scope == "own":
        given = {"scope": str(subscribe(protocol, client_of("red"), "notes").group.scope)}
    since = FeedPosition(epoch="e", seq=3)
    notes = subscribe(protocol, session, "notes", since=since, **given)
    assert (notes.since, notes.snapshot) == ((since, False) if recovered else (None, True))
    users = subscribe(protocol, session, "users", since=since, **given)
    assert (users.since is None) == (scope is not None), "every user may read all users: they come without a scope"


def test_a_client_unsubscribes_by_id_or_by_resource_and_filter(protocol: Protocol) -> None:
    session = client()
    first = subscribe(protocol, session, filters={"name": "Ada"})
    second = live(protocol, session)
    answer = one(protocol, session, UnsubscribeRequest(resource="users", filters={"name": "Ada"}, ref=1)).message
    assert isinstance(answer, Unsubscribed)
    assert (answer.subscription, answer.ref) == (first.group.id, 1)
    assert first.state is State.ENDED
    assert list(protocol.receive(session, UnsubscribeRequest(subscription=second.group.id), 1.0)) == []
    assert second.state is State.ENDED


@pytest.mark.parametrize(
    ("request_", "pointer"),
    [
        (UnsubscribeRequest(subscription="s1"), "/subscription"),
        (UnsubscribeRequest(resource="users"), "/resource"),
    ],
)
def test_a_client_cannot_unsubscribe_from_what_it_has_not(protocol: Protocol, request_: Any, pointer: str) -> None:
    error = refused(protocol, client(), request_)
    assert (error.code, error.pointer) == ("not_found", pointer)


def test_a_list_request_becomes_a_query(protocol: Protocol) -> None:
    request = ListRequest(
        resource="users",
        filters={"name": "Ada", "notes": None},
        sort=[],
        limit=5,
        offset=2,
        fields=["name"],
        count=True,
        ref=1,
    )
    effect = one(protocol, client(), request)
    assert isinstance(effect, ReadRows)
    assert effect.ref == 1
    query = effect.query
    assert query.where == And((Term("name", "eq", "Ada"), Term("notes", "null", True)))
    assert (query.limit, query.offset, query.fields, query.count) == (5, 2, ("id", "name"), True)
    assert one(protocol, client(), ListRequest(resource="users")).query.limit == 50


def test_a_get_request_names_rows_by_their_key(protocol: Protocol) -> None:
    assert one(protocol, client(), GetRequest(resource="users", id=1)).query.keys == ({"id": 1},)
    assert one(protocol, client(), GetRequest(resource="users", ids=[1, 2])).query.keys == ({"id": 1}, {"id": 2})
    key: dict[str, str | int] = {"country": "NO", "city": "Bergen"}
    assert one(protocol, client(), GetRequest(resource="places", id=key)).query.keys == (key,)


def test_write_requests_become_mutations(protocol: Protocol) -> None:
    session = client()
    effect = one(protocol, session, CreateRequest(resource="users", data={"name": "Ada"}, ref=1))
    assert isinstance(effect, WriteRows)
    mutation = effect.mutation
    assert (mutation.kind, mutation.rows, mutation.array) == ("create", ({"name": "Ada"},), False)
    assert (mutation.user, mutation.digest) == ("anon-1", b"")
    mutation = one(protocol, session, CreateRequest(resource="users", data=[{"name": "A"}, {"name": "B"}])).mutation
    assert (len(mutation.rows), mutation.array) == (2, True)
    request = UpdateRequest(resource="users", id=1, data={"name": "B"}, if_={"name": "A"})
    mutation = one(protocol, session, request).mutation
    assert (mutation.kind, mutation.keys, mutation.data) == ("update", ({"id": 1},), {"name": "B"})
    assert mutation.expected == {"name": "A"}
    mutation = one(protocol, session, DeleteRequest(resource="users", ids=[1, 2])).mutation
    assert (mutation.kind, mutation.keys) == ("delete", ({"id": 1}, {"id": 2}))


def test_a_repeated_request_has_the_same_digest_whatever_its_ref(protocol: Protocol) -> None:
    def mutation(ref: int, name: str, **more: Any) -> Any:
        request = CreateRequest(resource="users", data={**more, "name": name}, key="k", ref=ref)
        return one(protocol, client(), request).mutation

    assert mutation(1, "Ada").digest == mutation(2, "Ada").digest
    assert mutation(1, "Ada").digest != mutation(1, "Bob").digest
    request = CreateRequest(resource="users", data={"name": "Ada", "more": {"b": 1, "a": 2}}, key="k")
    assert mutation(1, "Ada", more={"a": 2, "b": 1}).digest == one(protocol, client(), request).mutation.digest
    assert mutation(1, "Ada").idempotency_key == "k"


def test_a_user_who_may_write_but_not_read_is_shown_no_rows(protocol: Protocol) -> None:
    assert one(protocol, client(), CreateRequest(resource="secrets", data={})).mutation.visible == NOTHING
    assert one(protocol, client(ADMIN), CreateRequest(resource="secrets", data={})).mutation.visible == EVERYTHING
    assert refused(protocol, client(ADMIN), DeleteRequest(resource="secrets", id=1)).code == "forbidden"


def test_a_row_rule_restricts_every_read_and_write(protocol: Protocol) -> None:
    session = client_of("red")
    mine = compile_filters({"owner": "red"})
    assert one(protocol, session, GetRequest(resource="notes", id=1)).query.where == mine
    listed = one(protocol, session, ListRequest(resource="notes", filters={"text": "x"}))
    assert listed.query.where == compile_filters({"owner": "red", "text": "x"})
    assert subscribe(protocol, session, "notes", filters={"text": "x"}).group.where == listed.query.where
    mutation = one(protocol, session, UpdateRequest(resource="notes", id=1, data={"text": "y"})).mutation
    assert (mutation.visible, mutation.allowed) == (mine, mine)
    assert refused(protocol, session, DeleteRequest(resource="notes", id=1)).code == "forbidden"
    assert one(protocol, client(), GetRequest(resource="notes", id=1)).query.where == NOTHING


def test_a_token_is_checked_outside_the_core(protocol: Protocol) -> None:
    effect = one(protocol, client(), AuthenticateRequest(token="t", ref=4))
    assert isinstance(effect, fx.Identify)
    assert (effect.token, effect.ref) == ("t", 4)


def test_a_type_without_a_handler_is_unknown(protocol: Protocol) -> None:
    assert refused(protocol, client(), FeedPosition(epoch="e", seq=1)).code == "unknown_type"
