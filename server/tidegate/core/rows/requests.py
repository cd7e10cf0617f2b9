"""Requests about rows: what a client's message wants read, written or subscribed to.

It checks what the session's user may do, and names the rows. It reads no database and sends nothing.
Invariant: a request that is refused changes nothing.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from tidegate.core.access.claim_defaults import filled, missing
from tidegate.core.budgets.costs import check_texts
from tidegate.core.effects import Effect, Reply
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import (
    EVERYTHING,
    Filter,
    both,
    check_size,
    compile_filters,
    identity,
    names_values,
    tree,
)
from tidegate.core.optional import given, given_ref
from tidegate.core.rows.effects import ReadRows, WriteRows
from tidegate.core.rows.named_rows import NamedRows
from tidegate.core.rows.permissions import Permissions, ResourceRules
from tidegate.core.rows.ports import Mutation, ReadQuery
from tidegate.core.rows.subscription import Subscription
from tidegate.core.rows.subscriptions import Subscriptions
from tidegate.core.session import Session
from tidegate_protocol import (
    CreateRequest,
    DeleteRequest,
    GetRequest,
    ListRequest,
    SubscribeRequest,
    Unsubscribed,
    UnsubscribeRequest,
    UpdateRequest,
)

MutationRequest = CreateRequest | UpdateRequest | DeleteRequest


class Requests:
    """One method for each type of message. `now` is not used: no answer depends on the time."""

    def __init__(self, permissions: Permissions, subscriptions: Subscriptions, page: int) -> None:
        """`page`: how many rows a `list` without a limit returns at most."""
        self._permissions = permissions
        self._subscriptions = subscriptions
        self._page = page

    def subscribe(self, session: Session, request: SubscribeRequest, now: float) -> list[Effect]:
        rules = self._permissions.rules(request.resource)
        rule = self._permissions.permitted(session, rules, "read")
        filters, fields = _compiled(request), _fields(rules, request)
        group = self._subscriptions.group(session, rules.name, filters, fields, rule)
        since, snapshot = given(request.since), request.snapshot is True
        if since is not None and given(request.scope) != group.scope:
            # The client has rows that other claims let it read: the changes since then would not make them right.
            since, snapshot = None, True
        return self._subscriptions.start(session, group, since, snapshot, given_ref(request.ref))

    def unsubscribe(self, session: Session, request: UnsubscribeRequest, now: float) -> list[Effect]:
        subscription = self._find(session, request)
        effects = self._subscriptions.end(subscription)
        if request.ref is not UNSET:
            effects.append(Reply(session, Unsubscribed(subscription=subscription.group.id, ref=request.ref)))
        return effects

    def list_rows(self, session: Session, request: ListRequest, now: float) -> list[Effect]:
        rules = self._permissions.rules(request.resource)
        filters = _compiled(request, count=bool(given(request.count)))
        query = ReadQuery(
            resource=rules.name,
            where=both(filters, self._permissions.permitted(session, rules, "read")),
            sort=tuple((term.field, given(term.order) or "asc") for term in given(request.sort) or ()),
            limit=given(request.limit) or self._page,
            offset=given(request.offset) or 0,
            fields=_fields(rules, request),
            count=bool(given(request.count)),
        )
        return [ReadRows(session, given_ref(request.ref), query)]

    def get_rows(self, session: Session, request: GetRequest, now: float) -> list[Effect]:
        rules = self._permissions.rules(request.resource)
        query = ReadQuery(
            resource=rules.name,
            where=self._permissions.permitted(session, rules, "read"),
            keys=_named(rules, request),
            fields=_fields(rules, request),
        )
        return [ReadRows(session, given_ref(request.ref), query)]

    def create(self, session: Session, request: CreateRequest, now: float) -> list[Effect]:
        array = isinstance(request.data, list)
        rows = tuple(request.data) if isinstance(request.data, list) else (request.data,)
        return self._write(session, request, "create", rows=rows, array=array)

    def update(self, session: Session, request: UpdateRequest, now: float) -> list[Effect]:
        return self._write(session, request, "update", data=request.data, array=request.ids is not UNSET)

    def delete(self, session: Session, request: DeleteRequest, now: float) -> list[Effect]:
        return self._write(session, request, "delete", array=request.ids is not UNSET)

    def _find(self, session: Session, request: UnsubscribeRequest) -> Subscription:
        of_session = self._subscriptions.of(session)
        if request.subscription is not UNSET:
            found = of_session.get(request.subscription)
            pointer = "/subscription"
        else:
            asked, found = identity(compile_filters(given(request.filters))), None
            for each in of_session.values():
                if each.group.key[1] == asked and each.group.resource == request.resource:
                    found = each
                    break
            pointer = "/resource"
        if found is None:
            raise Refused("not_found", "this connection has no such subscription", pointer=pointer)
        return found

    def _write(
        self,
        session: Session,
        request: MutationRequest,
        kind: Literal["create", "update", "delete"],
        *,
        rows: tuple[dict[str, Any], ...] = (),
        data: dict[str, Any] | None = None,
        array: bool = False,
    ) -> list[Effect]:
        rules = self._permissions.rules(request.resource)
        allowed = self._permissions.permitted(session, rules, kind)
        key, defaults = given(request.key), rules.access.defaults
        by_claims = tuple(missing(row, defaults) for row in rows) if defaults else ()
        if any(by_claims):
            rows = tuple(
                filled(row, defaults, session.user, session.claims, f"/data/{number}" if array else "/data")
                for number, row in enumerate(rows)
            )
        mutation = Mutation(
            kind=kind,
            resource=rules.name,
            rows=rows,
            filled=by_claims,
            data=data,
            keys=() if isinstance(request, CreateRequest) else tuple(_named(rules, request)),
            expected=None if isinstance(request, CreateRequest) else given(request.if_),
            user=session.user.id,
            idempotency_key=key,
            digest=b"" if key is None else _digest(request),
            visible=self._permissions.readable(session, rules),
            allowed=allowed,
            payer=session.payer,
            array=array,
        )
        return [WriteRows(session, given_ref(request.ref), mutation)]


def _compiled(request: SubscribeRequest | ListRequest, *, count: bool = False) -> Filter:
    """The filter of a request. What is refused is refused before it is compiled, which costs ten times as much."""
    filters = request.filters
    if filters is UNSET or not filters:
        return EVERYTHING
    if not names_values(filters):
        check_size(filters)
        check_texts(filters, count=count)
    return tree(filters)


def _fields(rules: ResourceRules, request: SubscribeRequest | ListRequest | GetRequest) -> tuple[str, ...] | None:
    """The properties to send: those asked for, and always the key."""
    return None if request.fields is UNSET else tuple(sorted({*request.fields, *rules.key}))


def _named(rules: ResourceRules, request: GetRequest | UpdateRequest | DeleteRequest) -> NamedRows:
    return NamedRows(rules.key[0], [request.id] if request.ids is UNSET else request.ids)


def _digest(request: MutationRequest) -> bytes:
    """A hash of the request without `ref`: equal exactly for equal requests, whatever the order of properties."""
    text = msgspec.json.encode(msgspec.structs.replace(request, ref=UNSET), order="deterministic")
    return hashlib.blake2b(text, digest_size=16).digest()
