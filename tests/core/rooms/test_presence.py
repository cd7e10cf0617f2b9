from __future__ import annotations

from tidegate.core.rooms.presence import NOTHING, Presence
from tidegate_protocol import Principal

ADA = Principal(id="1", name="Ada", roles=[], anonymous=False)
BOB = Principal(id="2", name="Bob", roles=[], anonymous=False)


def test_a_user_over_two_connections_is_one_member() -> None:
    presence = Presence()
    assert [member.id for member in presence.enter(ADA, "a1", 5).joined] == ["1"]
    changed = presence.enter(ADA, "a2", 6).changed
    assert [(member.connections, member.since) for member in changed] == [(2, 5)]
    assert len(presence) == 1
    assert [member.connections for member in presence.leave("1", "a1").changed] == [1]
    assert [member.id for member in presence.leave("1", "a2").left] == ["1"]
    assert presence.members() == []


def test_a_user_is_away_when_every_connection_is() -> None:
    presence = Presence()
    presence.enter(ADA, "a1", 0, "away")
    assert presence.members()[0].status == "away"
    presence.enter(ADA, "a2", 0, "online")
    assert presence.members()[0].status == "online"
    presence.update("1", "a2", "away", None)
    assert presence.members()[0].status == "away"


def test_info_is_shown_and_kept_until_it_is_replaced() -> None:
    presence = Presence()
    presence.enter(ADA, "a1", 0, info={"typing": True})
    presence.update("1", "a1", "away", None)
    assert presence.members()[0].info == {"typing": True}
    assert presence.update("1", "a1", None, {"typing": False}).changed[0].info == {"typing": False}


def test_what_changes_nothing_is_nothing() -> None:
    presence = Presence()
    presence.enter(ADA, "a1", 0)
    assert presence.update("1", "a1", "online", None) == NOTHING
    assert presence.enter(ADA, "a1", 9) == NOTHING
    assert presence.leave("1", "unknown") == NOTHING
    assert presence.leave("2", "b1") == NOTHING
    assert not NOTHING


def test_coming_back_in_the_place_of_a_dropped_connection_is_no_change() -> None:
    presence = Presence()
    presence.enter(ADA, "old", 0)
    assert presence.enter(ADA, "new", 9, instead_of=["old"]) == NOTHING
    assert presence.members()[0].connections == 1
    assert presence.leave("1", "old") == NOTHING


def test_members_stand_in_the_order_in_which_they_came() -> None:
    presence = Presence()
    presence.enter(BOB, "b", 0)
    presence.enter(ADA, "a", 1)
    assert [member.name for member in presence.members()] == ["Bob", "Ada"]
