from __future__ import annotations

from msgspec import UNSET

from tests.core.rooms.kit import as_read, raw
from tidegate.core.rooms.gathering import Gathering
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
    presence.enter(ADA, "a1", 0, info=raw({"typing": True}))
    presence.update("1", "a1", "away", None)
    assert as_read(presence.members()[0]).info == {"typing": True}
    (changed,) = presence.update("1", "a1", None, raw({"typing": False})).changed
    assert as_read(changed).info == {"typing": False}


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


def test_info_is_that_of_the_remaining_connection_that_said_it_last() -> None:
    presence = Presence()
    presence.enter(ADA, "inbox", 0, info=raw({"page": "inbox"}))
    presence.enter(ADA, "settings", 1, info=raw({"page": "settings", "typing": True}))
    presence.update("1", "inbox", "away", None)
    assert as_read(presence.members()[0]).info == {"page": "settings", "typing": True}, (
        "a status says nothing of the info"
    )
    (changed,) = presence.leave("1", "settings").changed
    changed = as_read(changed)
    assert (changed.info, changed.status, changed.connections) == ({"page": "inbox"}, "away", 1)
    (changed,) = presence.enter(ADA, "silent", 2).changed
    assert as_read(changed).info == {"page": "inbox"}
    (changed,) = presence.leave("1", "inbox").changed
    assert changed.info is UNSET


def test_entering_again_changes_what_it_names_and_nothing_else() -> None:
    presence = Presence()
    presence.enter(ADA, "a1", 0, "away", raw({"colour": "red"}))
    assert presence.enter(ADA, "a1", 9) == NOTHING
    (changed,) = presence.enter(ADA, "a1", 9, "online").changed
    changed = as_read(changed)
    assert (changed.status, changed.info, changed.since) == ("online", {"colour": "red"}, 0)


def test_the_latest_name_of_a_user_is_shown() -> None:
    presence = Presence()
    presence.enter(ADA, "a1", 0)
    difference = presence.enter(Principal(id="1", name="Ada L.", roles=[], anonymous=False), "a2", 1)
    assert [(member.name, member.connections) for member in difference.changed] == [("Ada L.", 2)]


def test_what_waits_for_the_list_becomes_one_difference() -> None:
    presence, gathering = Presence(), Gathering()
    presence.enter(ADA, "a", 0)
    cid, dan = (Principal(id=number, name=number, roles=[], anonymous=False) for number in "34")
    for difference in (
        presence.enter(BOB, "b", 1),
        presence.enter(cid, "c", 1),
        presence.leave("3", "c"),
        presence.update("2", "b", "away", None),
        presence.leave("1", "a"),
        presence.enter(dan, "d", 2),
        presence.enter(ADA, "a", 3),
    ):
        gathering.add(difference)
    told = gathering.difference(presence)
    assert [[member.id for member in part] for part in (told.joined, told.left, told.changed)] == [
        ["2", "4"],
        [],
        ["1"],
    ]
    assert told.joined[0].status == "away", "as it is now"
    assert not gathering
    assert not gathering.difference(presence)
