"""The half of the protocol about rows: subscriptions, reads and writes, and what a committed change means to whom.

Rules only: it checks who may, names what is to be read or written, and turns changes into pushes. It reads no database.
Invariant: a session's subscription is live, and gets its group's frames, only from the loop turn in which it has
everything up to the dispatched position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET

from tidegate.core.access.rules import RowAccess, permission
from tidegate.core.effects import Effect, Push, Ref, Reply
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import NOTHING, Filter, both, compile_filters, identity
from tidegate.core.rows.effects import Read, Watch, Write
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.ports import Change, Key, Mutation, ReadQuery
from tidegate.core.rows.subscription import Subscription
from tidegate.core.rows.subscription_index import SubscriptionGroup, SubscriptionIndex
from tidegate.core.session import Session
from tidegate_protocol import (
    CreateRequest,
    DeleteRequest,
    FeedPosition,
    GetRequest,
    ListRequest,
    Subscribed,
    SubscribeRequest,
    Unsubscribed,
    UnsubscribeRequest,
    Update,
    UpdateRequest,
)

T = TypeVar("T")
MutationRequest = CreateRequest | UpdateRequest | DeleteRequest


class ResourceRules(msgspec.Struct, frozen=True):
    """What the core needs to know of a resource."""

    name: str
    key: tuple[str, ...]
    access: RowAccess

    def key_of(self, identifier: Any) -> Key:
        """A row's key from the `id` of a message: a scalar, or an object for a composite key."""
        return identifier if isinstance(identifier, dict) else {self.key[0]: identifier}


class Rows:
    """All subscriptions, and the requests about rows."""

    def __init__(
        self,
        resources: Mapping[str, ResourceRules],
        dispatched: FeedCursor,
        subscriptions_per_session: int,
        page: int,
    ) -> None:
        self._resources = resources
        self._per_session = subscriptions_per_session
        self._page = page
        self.dispatched = dispatched
        self.subscriptions = SubscriptionIndex()

    # -- requests ---------------------------------------------------------------------------------------------------

    def subscribe(self, session: Session, request: SubscribeRequest, now: float) -> list[Effect]:
        rules = self._rules(request.resource)
        rule = self._permission(session, rules, "read")
        filters = compile_filters(_given(request.filters))
        fields = self._fields(rules, _given(request.fields))
        ref = _ref(request.ref)
        group = self.subscriptions.acquire(rules.name, filters, fields, rule)
        existing = session.watching.get(group.id)
        if existing is not None:
            group.holders -= 1
            return self._already(existing, ref)
        if len(session.watching) >= self._per_session:
            self.subscriptions.release(group, session)
            raise Refused(
                "limit_reached",
                f"a connection may hold {self._per_session} subscriptions at a time; unsubscribe from one first",
                pointer="/resource",
            )
        since, snapshot = _given(request.since), bool(_given(request.snapshot))
        if since is not None and _given(request.scope) != group.scope:
            # It has rows that were another user's to see: what it missed since would not make them right.
            since, snapshot = None, True
        watching = Subscription(session, group, since, snapshot)
        watching.refs.append(ref)
        session.watching[group.id] = watching
        session.replaying += 1
        return [Watch(session, watching)]

    def unsubscribe(self, session: Session, request: UnsubscribeRequest, now: float) -> list[Effect]:
        watching = self._find(session, request)
        effects = self._end_answered(watching)
        if request.ref is not UNSET:
            effects.append(Reply(session, Unsubscribed(subscription=watching.group.id, ref=request.ref)))
        return effects

    def list_rows(self, session: Session, request: ListRequest, now: float) -> list[Effect]:
        rules = self._rules(request.resource)
        query = ReadQuery(
            resource=rules.name,
            where=both(compile_filters(_given(request.filters)), self._permission(session, rules, "read")),
            sort=tuple((term.field, _given(term.order) or "asc") for term in _given(request.sort) or ()),
            limit=_given(request.limit) or self._page,
            offset=_given(request.offset) or 0,
            fields=self._fields(rules, _given(request.fields)),
            count=bool(_given(request.count)),
        )
        return [Read(session, _ref(request.ref), query)]

    def get_rows(self, session: Session, request: GetRequest, now: float) -> list[Effect]:
        rules = self._rules(request.resource)
        query = ReadQuery(
            resource=rules.name,
            where=self._permission(session, rules, "read"),
            keys=_keys(rules, request),
            fields=self._fields(rules, _given(request.fields)),
        )
        return [Read(session, _ref(request.ref), query)]

    def create(self, session: Session, request: CreateRequest, now: float) -> list[Effect]:
        array = isinstance(request.data, list)
        rows = tuple(request.data) if isinstance(request.data, list) else (request.data,)
        return self._write(session, request, "create", rows=rows, array=array)

    def update(self, session: Session, request: UpdateRequest, now: float) -> list[Effect]:
        return self._write(session, request, "update", data=request.data, array=request.ids is not UNSET)

    def delete(self, session: Session, request: DeleteRequest, now: float) -> list[Effect]:
        return self._write(session, request, "delete", array=request.ids is not UNSET)

    # -- subscriptions that come and go -----------------------------------------------------------------------------

    def go_live(self, watching: Subscription) -> None:
        """`watching` has been sent everything up to the dispatched position."""
        watching.live = True
        watching.session.replaying -= 1
        watching.group.go_live(watching.session)

    def end(self, watching: Subscription) -> None:
        """The subscription is over; a replay that is under way for it stops."""
        watching.ended = True
        if not watching.live:
            watching.session.replaying -= 1
        watching.session.watching.pop(watching.group.id, None)
        self.subscriptions.release(watching.group, watching.session)

    def left(self, session: Session) -> None:
        for watching in list(session.watching.values()):
            self.end(watching)

    def recheck(self, session: Session) -> list[Effect]:
        """The session's user or its claims changed: its subscriptions end, or start anew from the rows that it may
        read now.
        """
        effects: list[Effect] = []
        for watching in list(session.watching.values()):
            try:
                rule = self._permission(session, self._resources[watching.group.resource], "read")
            except Refused:
                effects += self._end_answered(watching)
                effects.append(Reply(session, Unsubscribed(subscription=watching.group.id)))
            else:
                effects.append(Watch(session, self._anew(watching, rule)))
        return effects

    def _end_answered(self, watching: Subscription) -> list[Effect]:
        """End a subscription that may still be replaying: whoever waits for its answer is told that it was accepted,
        and of no position up to which nothing was sent.
        """
        self.end(watching)
        refs, watching.refs = watching.refs, []
        return [effect for ref in refs for effect in self._accepted(watching, ref)]

    def _anew(self, old: Subscription, rule: Filter) -> Subscription:
        """The same subscription, about to be brought up from a snapshot of the rows that meet `rule`, too; who still
        waits for an answer gets it.
        """
        group = self.subscriptions.acquire(old.group.resource, old.group.filters, old.group.fields, rule)
        self.end(old)
        watching = Subscription(old.session, group, since=None, snapshot=True)
        watching.refs = [None, *(ref for ref in old.refs if ref is not None)] if old.answered else old.refs
        watching.answered = old.answered
        old.session.watching[group.id] = watching
        old.session.replaying += 1
        return watching

    # -- changes ----------------------------------------------------------------------------------------------------

    def dispatch(self, changes: Sequence[Change], head: int) -> Iterable[Effect]:
        """The pushes that `changes` cause among the live subscriptions; then everything up to `head` is dispatched."""
        effects: list[Effect] = []
        resets = {change.resource: change.seq for change in changes if change.action == "reset"}
        for change in changes:
            if resets and change.seq < resets.get(change.resource, 0):
                continue  # whoever would hear of it starts anew before it could be sent
            if change.action == "reset":
                effects += self._all_anew(change.resource)
                continue
            for group in self.subscriptions.concerned(change):
                if group.members:
                    effects += self._told(group, change)
        self.dispatched.advance(changes, head)
        return effects

    def missed(self, group: SubscriptionGroup, changes: Sequence[Change], user: str | None) -> Iterable[Update]:
        """What a replaying subscription of `group` is sent for `changes`; `user` hears which were its own."""
        for change in changes:
            if change.resource != group.resource:
                continue
            update = group.update(change, self.dispatched.epoch)
            if update is not None:
                if change.origin is not None and user is not None and change.actor == user:
                    update.origin = change.origin
                yield update

    def _all_anew(self, resource: str) -> list[Effect]:
        """The rows changed in ways that the log does not tell: live subscriptions start anew from a snapshot.

        Those that are still being brought up meet the reset on their way, and do the same.
        """
        return [
            Watch(member, self._anew(member.watching[group.id], group.rule))
            for group in self.subscriptions.of_resource(resource)
            for member in list(group.members)
        ]

    def _told(self, group: SubscriptionGroup, change: Change) -> Iterable[Effect]:
        update = group.update(change, self.dispatched.epoch)
        if update is None:
            return
        if change.origin is None:
            yield Push(group.sinks, update)
            return
        own = [member.sink for member in group.members if member.user.id == change.actor]
        others = [member.sink for member in group.members if member.user.id != change.actor] if own else group.sinks
        if others:
            yield Push(others, update)
        if own:
            yield Push(own, msgspec.structs.replace(update, origin=change.origin))

    # -- within -----------------------------------------------------------------------------------------------------

    def _rules(self, resource: str) -> ResourceRules:
        rules = self._resources.get(resource)
        if rules is None:
            raise Refused("unknown_resource", "the schema has no such resource", pointer="/resource")
        return rules

    def _permission(self, session: Session, rules: ResourceRules, action: str) -> Filter:
        """The rows with which the session's user may do `action`. Raises Refused where there are none."""
        known = session.permissions.get((rules.name, action))
        if known is None:
            known = permission(rules.access, action, session.user, session.claims)
            session.permissions[rules.name, action] = known
        return known

    def _visible(self, session: Session, rules: ResourceRules) -> Filter:
        """The rows that the session's user may read, if only none. Raises Refused where nobody knows."""
        try:
            return self._permission(session, rules, "read")
        except Refused as refused:
            if refused.code == "internal":  # a rule of the application failed: it did not say that there are none
                raise
            return NOTHING

    def _already(self, existing: Subscription, ref: str | int | None) -> list[Effect]:
        if not existing.live:
            existing.refs.append(ref)
            return []
        return self._accepted(existing, ref)

    def _accepted(self, existing: Subscription, ref: Ref) -> list[Effect]:
        if ref is None:
            return []
        mode, position = self._begun(existing)
        subscribed = Subscribed(
            subscription=existing.group.id, resource=existing.group.resource, position=position, mode=mode, ref=ref
        )
        if existing.group.scope is not None:
            subscribed.scope = existing.group.scope
        return [Reply(existing.session, subscribed)]

    def _begun(self, watching: Subscription) -> tuple[Literal["live", "recovered", "snapshot"], FeedPosition]:
        """How a subscription begins, or would have begun: nobody who did not get them yet is told that no rows or
        changes of the past follow.
        """
        if watching.live or (watching.since is None and not watching.snapshot):
            return "live", self.dispatched.position
        if watching.since is not None and self.dispatched.recoverable(watching.since):
            return "recovered", watching.since
        return "snapshot", self.dispatched.position

    def _find(self, session: Session, request: UnsubscribeRequest) -> Subscription:
        if request.subscription is not UNSET:
            found = session.watching.get(request.subscription)
            pointer = "/subscription"
        else:
            asked = request.resource, identity(compile_filters(_given(request.filters)))
            found = next((watching for watching in session.watching.values() if watching.group.wish[:2] == asked), None)
            pointer = "/resource"
        if found is None:
            raise Refused("not_found", "this connection has no such subscription", pointer=pointer)
        return found

    def _fields(self, rules: ResourceRules, fields: Sequence[str] | None) -> tuple[str, ...] | None:
        return None if fields is None else tuple(sorted({*fields, *rules.key}))

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
        rules = self._rules(request.resource)
        allowed = self._permission(session, rules, kind)
        key = _given(request.key)
        order = Mutation(
            kind=kind,
            resource=rules.name,
            rows=rows,
            data=data,
            keys=() if isinstance(request, CreateRequest) else _keys(rules, request),
            expected=None if isinstance(request, CreateRequest) else _given(request.if_),
            user=session.user.id,
            idempotency_key=key,
            digest=b"" if key is None else _digest(request),
            visible=self._visible(session, rules),
            allowed=allowed,
            array=array,
        )
        return [Write(session, _ref(request.ref), order)]


def _given(value: T | msgspec.UnsetType) -> T | None:
    return None if value is UNSET else value


def _ref(ref: str | int | msgspec.UnsetType) -> Ref:
    return None if ref is UNSET else ref


def _keys(rules: ResourceRules, request: GetRequest | UpdateRequest | DeleteRequest) -> tuple[Key, ...]:
    identifiers = [request.id] if request.ids is UNSET else request.ids
    return tuple(rules.key_of(identifier) for identifier in identifiers)


def _digest(request: MutationRequest) -> bytes:
    """A hash of the request without `ref`: equal exactly for the same request sent again, in whatever order."""
    text = msgspec.json.encode(msgspec.structs.replace(request, ref=UNSET), order="deterministic")
    return hashlib.blake2b(text, digest_size=16).digest()
