"""What a committed change means for the live subscriptions."""

from __future__ import annotations

import msgspec

from tests.core.rows.kit import ADMIN, client, created, go_live, live, reset, subscribe
from tidegate.core import effects as fx
from tidegate.core.protocol import Protocol
from tidegate.core.rows.effects import CatchUp
from tidegate.core.rows.ports import Change
from tidegate.core.rows.subscription import State
from tidegate_protocol import Update


def test_a_subscription_is_sent_changes_once_it_is_live(protocol: Protocol) -> None:
    session = client()
    subscription = subscribe(protocol, session, filters={"name": "Ada"}, snapshot=True)
    assert protocol.rows.dispatch([created(11)], 11) == []
    go_live(protocol, subscription)
    (push,) = protocol.rows.dispatch([created(12)], 12)
    assert isinstance(push, fx.Push)
    assert list(push.sinks) == [session.sink]
    assert isinstance(push.message, Update)
    assert (push.message.action, push.message.data) == ("create", {"id": 12, "name": "Ada"})
    assert protocol.rows.cursor.seq == 12


def test_equal_subscriptions_of_two_clients_are_one_push(protocol: Protocol) -> None:
    sessions = [client(), client()]
    for session in sessions:
        live(protocol, session, filters={"name": "Ada"})
    (push,) = protocol.rows.dispatch([created(11)], 11)
    assert isinstance(push, fx.Push)
    assert list(push.sinks) == [session.sink for session in sessions]


def test_a_change_that_alters_no_sent_property_is_not_pushed(protocol: Protocol) -> None:
    live(protocol, client(), fields=["name"])
    old, new = {"id": 1, "name": "Ada", "age": 1}, {"id": 1, "name": "Ada", "age": 2}
    change = Change(seq=11, time=0, resource="users", key={"id": 1}, action="update", old=old, new=new)
    assert protocol.rows.dispatch([change], 11) == []


def test_only_the_user_who_made_a_change_is_told_its_origin(protocol: Protocol) -> None:
    writer, reader = client(ADMIN), client()
    for session in (writer, reader):
        live(protocol, session)
    others, own = protocol.rows.dispatch([created(11, origin="k", actor="9")], 11)
    assert isinstance(others, fx.Push)
    assert isinstance(own, fx.Push)
    assert (list(others.sinks), others.message.origin) == ([reader.sink], msgspec.UNSET)  # type: ignore[attr-defined]
    assert (list(own.sinks), own.message.origin) == ([writer.sink], "k")  # type: ignore[attr-defined]
    (push,) = protocol.rows.dispatch([created(12, origin="k", actor="another user")], 12)
    assert isinstance(push, fx.Push)
    assert len(push.sinks) == 2
    protocol.ended(reader, 1000, 1.0)
    (push,) = protocol.rows.dispatch([created(14, origin="k", actor="9")], 14)
    assert isinstance(push, fx.Push)
    assert list(push.sinks) == [writer.sink]


def test_a_reset_starts_live_subscriptions_again_from_a_snapshot(protocol: Protocol) -> None:
    """TRUNCATE emptied a table. Changes before it in the same batch are not sent."""
    user, other, behind = client(), client(), client()
    subscription = live(protocol, user, ref=1)
    elsewhere = live(protocol, other, "places")
    waiting = subscribe(protocol, behind, filters={"name": "Ada"})
    (effect,) = protocol.rows.dispatch([created(11), reset(12), created(13)], 13)
    assert isinstance(effect, CatchUp)
    again = effect.subscription
    assert (again.session, again.group, again.state) == (user, subscription.group, State.SNAPSHOT)
    assert subscription.state is State.ENDED
    assert protocol.rows.subscriptions.catching_up == {user: 1, behind: 1}
    assert list(elsewhere.group.members) == [other]
    assert waiting.state is State.WAITING
