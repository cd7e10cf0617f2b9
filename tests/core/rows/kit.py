"""What the tests of rows share: a protocol with a few resources, its clients, and the events of a gateway."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tidegate.core.access.rules import RowAccess
from tidegate.core.errors import Refused
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rows import effects
from tidegate.core.rows.catch_up_events import ChangesSent, Event, FeedFollows, PagesSent, SnapshotBegun
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.permissions import ResourceRules
from tidegate.core.rows.ports import Change
from tidegate.core.rows.subscription import State, Subscription
from tidegate.core.session import Session
from tidegate_protocol import Principal, SubscribeRequest

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


def new_protocol(resources: dict[str, ResourceRules] = RESOURCES) -> Protocol:
    return Protocol(resources, lambda name: None, FeedCursor("e", 10), SessionLimits(subscriptions=2, page=50))


def client(user: Principal = GUEST) -> Session:
    return Session("c", object(), user)


def client_of(team: str) -> Session:
    session = client(ADMIN)
    session.become(ADMIN, {"team": team})
    return session


def one(protocol: Protocol, session: Session, request: msgspec.Struct) -> Any:
    """The only effect of `request`."""
    (effect,) = protocol.receive(session, request, 1.0)
    return effect


def subscribe(protocol: Protocol, session: Session, resource: str = "users", **fields: Any) -> Subscription:
    effect = one(protocol, session, SubscribeRequest(resource=resource, **fields))
    assert isinstance(effect, effects.CatchUp)
    return effect.subscription


def go_live(protocol: Protocol, subscription: Subscription) -> None:
    """Carry out everything that the catch-up asks for, at once."""
    event: Event = FeedFollows()
    while subscription.state is not State.LIVE:
        _, ask = protocol.rows.subscriptions.tell(subscription, event)
        match ask:
            case effects.ReadSnapshot():
                event = SnapshotBegun(protocol.rows.cursor.seq)
            case effects.SendPages():
                event = PagesSent()
            case effects.SendChanges():
                event = ChangesSent()


def live(protocol: Protocol, session: Session, resource: str = "users", **fields: Any) -> Subscription:
    subscription = subscribe(protocol, session, resource, **fields)
    go_live(protocol, subscription)
    return subscription


def refused(protocol: Protocol, session: Session, request: msgspec.Struct) -> Refused:
    with pytest.raises(Refused) as caught:
        protocol.receive(session, request, 1.0)
    return caught.value


def created(seq: int, name: str = "Ada", **fields: Any) -> Change:
    row = {"id": seq, "name": name}
    return Change(seq=seq, time=0, resource="users", key={"id": seq}, action="create", old=None, new=row, **fields)


def reset(seq: int, resource: str = "users") -> Change:
    return Change(seq=seq, time=0, resource=resource, key={}, action="reset", old=None, new=None)
