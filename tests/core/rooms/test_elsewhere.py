"""Users of other gateways: who is a member, who left, what followers are told, and what memory it takes."""

from __future__ import annotations

import gc
import itertools
import tracemalloc

import pytest

from tests.core.rooms.kit import raw
from tests.core.rooms.one_of_several import Gateway, entry, info_of
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.announcements import PART
from tidegate.core.rooms.elsewhere import ENTRY_BYTES
from tidegate.core.rooms.entries import RemoteMember, merged
from tidegate.core.rooms.ghosts import GRACE_S
from tidegate.core.rooms.presence import Presence
from tidegate_protocol import (
    LeaveRequest,
    PresenceRequest,
    Principal,
)


@pytest.fixture
def gateway() -> Gateway:
    found = Gateway()
    found.join("ada")
    found.shared.clear()
    found.changes()
    return found


# -- one member of several entries -----------------------------------------------------------------------------------


def test_a_member_is_online_if_any_entry_is_has_all_connections_and_came_first() -> None:
    entries = [entry(1, "away", 300), entry(2, "online", 200), entry(3, "away", 250)]
    for order in itertools.permutations(entries):
        member = merged("u", order)
        assert (member.status, member.connections, member.since) == ("online", 6, 200)
    assert merged("u", [entry(status="away"), entry(status="away")]).status == "away"


def test_the_newest_info_is_shown() -> None:
    entries = [
        entry(info={"n": 1}, version=5),
        entry(info={"n": 2}, version=9),
        entry(version=99),
        entry(info={"n": 3}),
    ]
    for order in itertools.permutations(entries):
        assert info_of(merged("u", order)) == raw({"n": 2})
    same = [entry(info={"n": 1}), entry(info={"n": 2})]
    assert merged("u", same) == merged("u", same[::-1]), "also where two are equally new"


def test_what_a_user_says_here_is_newer_than_all_that_is_known() -> None:
    presence = Presence()
    presence.told("n2", "u", entry(info={"n": "elsewhere"}, version=10_000))
    user = Principal(id="u", name="U", roles=[], anonymous=False)
    presence.enter(user, "c", 50, info=raw({"n": "here"}))
    assert info_of(presence.member("u")) == raw({"n": "here"})
    presence.told("n2", "u", entry(info={"n": "again"}, version=20_000))
    presence.update("u", "c", None, raw({"n": "later"}), 51)
    assert info_of(presence.member("u")) == raw({"n": "later"})


# -- what followers are told -----------------------------------------------------------------------------------------


def test_users_of_another_gateway_join_change_and_leave(gateway: Gateway) -> None:
    gateway.elsewhere("bob", entry())
    gateway.elsewhere("bob", entry())
    gateway.elsewhere("bob", entry(2))
    gateway.elsewhere("bob", entry(1), node="n3")
    gateway.elsewhere("bob", None)
    gateway.elsewhere("bob", None)
    gateway.elsewhere("bob", None, node="n3")
    assert gateway.changes() == [
        ("joined", "bob", 1),
        ("changed", "bob", 2),
        ("changed", "bob", 3),
        ("changed", "bob", 1),
        ("left", "bob", 1),
    ]
    assert gateway.shared == [], "a gateway speaks for its own users"


def test_a_user_here_and_elsewhere_is_one_member_and_each_gateway_shares_its_part(gateway: Gateway) -> None:
    gateway.elsewhere("bob", entry(2, "away"))
    bob = gateway.join("bob")
    assert gateway.present() == {"ada": 1, "bob": 3}
    gateway.run(gateway.rooms.presence(bob, PresenceRequest(room="chat-1", status="away"), gateway.now))
    gateway.run(gateway.rooms.leave(bob, LeaveRequest(room="chat-1"), gateway.now))
    assert [(user, said and (said.connections, said.status)) for _, user, said in gateway.shared] == [
        ("bob", (1, "online")),
        ("bob", (1, "away")),
        ("bob", None),
    ]
    assert [what for what, user, _ in gateway.changes() if user == "bob"] == ["joined", "changed", "changed", "changed"]
    assert gateway.present() == {"ada": 1, "bob": 2}


def test_what_changes_here_is_shared_also_where_no_member_differs(gateway: Gateway) -> None:
    gateway.elsewhere("ada", entry(1, "online", since=1))
    ada = next(iter(gateway.rooms._rooms["chat-1"].sessions))
    gateway.changes()
    gateway.run(gateway.rooms.presence(ada, PresenceRequest(room="chat-1", status="away"), gateway.now))
    assert gateway.changes() == []
    assert [said and said.status for _, _, said in gateway.shared] == ["away"]


def test_lists_replies_and_differences_show_the_same_members(gateway: Gateway) -> None:
    gateway.elsewhere("bob", entry(2))
    for mode in ("diff", "full"):
        session = gateway.join("cy", mode=mode)
        assert gateway.shown[session.sink].keys() == {"ada", "bob", "cy"}
    gateway.elsewhere("dan", entry())
    gateway.now += 10
    gateway.run(gateway.rooms.tick(gateway.now))
    assert len({tuple(sorted(shown)) for shown in gateway.shown.values()}) == 1


def test_members_that_are_not_named_any_more_left(gateway: Gateway) -> None:
    for user in ("bob", "cy"):
        gateway.elsewhere(user, entry())
    gateway.elsewhere("bob", entry(), node="n3")
    gateway.changes()
    gateway.members(RemoteMember("n2", "cy", entry(4)), RemoteMember("n3", "dan", entry()))
    assert sorted(gateway.changes()) == [("changed", "cy", 4), ("joined", "dan", 1), ("left", "bob", 2)]
    gateway.members(RemoteMember("n4", "cy", entry(4)))
    assert gateway.changes() == [("left", "dan", 1)], "a user who moved has not changed"
    gateway.members()
    assert gateway.present() == {"ada": 1}


def test_a_large_difference_comes_in_parts(gateway: Gateway) -> None:
    users = [f"u{number}" for number in range(2 * PART + 1)]
    for user in users:
        gateway.elsewhere(user, entry())
    gateway.diffs.clear()
    gateway.stands("gone")
    assert [len(diff.left) for diff in gateway.diffs] == [PART, PART, 1]
    assert gateway.present() == {"ada": 1}


def test_rooms_without_presence_and_rooms_that_are_not_open_take_no_entries(gateway: Gateway) -> None:
    before = gateway.ledger.total
    gateway.join("bob", "silent-1")
    gateway.elsewhere("cy", entry(), room="silent-1")
    gateway.elsewhere("cy", entry(), room="chat-2")
    gateway.members(RemoteMember("n2", "cy", entry()), room="chat-2")
    gateway.elsewhere("cy", None, room="chat-2")
    assert gateway.changes() == []
    assert gateway.ledger.of_kind("presence") == 0 and gateway.ledger.total > before


def test_a_room_ends_with_its_last_session_here_and_its_entries_with_it(gateway: Gateway) -> None:
    (ada,) = gateway.rooms._rooms["chat-1"].sessions
    gateway.elsewhere("bob", entry(info={"a": 1}))
    gateway.run(gateway.rooms.leave(ada, LeaveRequest(room="chat-1"), gateway.now))
    assert gateway.closed == ["chat-1"]
    assert gateway.ledger.total == 0
    assert gateway.rooms.occupants._elsewhere._held == {}
    gateway.join("ada")
    assert gateway.present() == {"ada": 1}


# -- ghosts ----------------------------------------------------------------------------------------------------------


def test_users_of_a_leaving_gateway_stay_until_it_is_gone(gateway: Gateway) -> None:
    gateway.elsewhere("bob", entry())
    gateway.changes()
    gateway.stands("leaving")
    gateway.stands("leaving")
    assert gateway.changes() == []
    assert gateway.present() == {"ada": 1, "bob": 1}
    gateway.stands("gone")
    gateway.stands("gone")
    assert gateway.changes() == [("left", "bob", 1)]
    assert gateway.rooms.occupants._elsewhere.leaving == set(), "its name never comes back"


def test_a_gateway_that_leaves_is_seen_to_leave_in_each_room(gateway: Gateway) -> None:
    gateway.join("ada", "chat-2")
    for room in ("chat-1", "chat-2"):
        gateway.elsewhere("ada", entry(), room=room)
    gateway.changes()
    gateway.stands("leaving")
    assert gateway.changes() == [("changed", "ada", 1)] * 2
    gateway.stands("present")
    assert gateway.changes() == [("changed", "ada", 2)] * 2


def test_a_user_of_a_leaving_gateway_who_is_back_elsewhere_loses_the_ghost_at_once(gateway: Gateway) -> None:
    gateway.elsewhere("bob", entry(2))
    gateway.elsewhere("ada", entry(3))
    gateway.changes()
    gateway.stands("leaving")
    assert gateway.changes() == [("changed", "ada", 1)]
    gateway.elsewhere("bob", entry(1), node="n3")
    assert gateway.present() == {"ada": 1, "bob": 1}
    gateway.join("bob")
    assert gateway.present() == {"ada": 1, "bob": 2}
    gateway.changes()
    gateway.stands("gone")
    assert gateway.changes() == []
    assert gateway.present() == {"ada": 1, "bob": 2}


def test_a_gateway_that_is_present_again_counts_again(gateway: Gateway) -> None:
    gateway.elsewhere("ada", entry(3))
    gateway.stands("leaving")
    gateway.changes()
    gateway.stands("present")
    gateway.stands("present")
    assert gateway.changes() == [("changed", "ada", 4)]


def test_a_user_who_is_back_at_another_gateway_takes_the_ghost_here_away_at_once(gateway: Gateway) -> None:
    bob = gateway.join("bob")
    gateway.run(gateway.rooms.dropped(bob, gateway.now))
    gateway.shared.clear()
    gateway.changes()
    gateway.elsewhere("bob", entry(since=20_000))
    assert [(user, said) for _, user, said in gateway.shared] == [("bob", None)]
    assert "joined" not in [what for what, _, _ in gateway.changes()], "it never left"
    assert gateway.present() == {"ada": 1, "bob": 1}
    gateway.now += GRACE_S + 1
    gateway.run(gateway.rooms.tick(gateway.now))
    assert gateway.changes() == []


def test_each_new_connection_elsewhere_takes_one_ghost_and_other_changes_none(gateway: Gateway) -> None:
    bobs = [gateway.join("bob") for _ in range(2)]
    for bob in bobs:
        gateway.run(gateway.rooms.dropped(bob, gateway.now))
    gateway.shared.clear()
    gateway.stands("leaving", node="n3")
    gateway.elsewhere("bob", entry(), node="n3")
    assert gateway.shared == [], "a gateway that leaves takes nothing away"
    gateway.elsewhere("bob", entry(1))
    assert gateway.present() == {"ada": 1, "bob": 2}
    gateway.elsewhere("bob", entry(1, "away"))
    assert gateway.present() == {"ada": 1, "bob": 2}
    gateway.elsewhere("bob", entry(2))
    assert gateway.present() == {"ada": 1, "bob": 2}
    assert [said and said.connections for _, _, said in gateway.shared] == [1, None]


def test_a_room_of_ghosts_alone_ends_when_their_user_is_back_elsewhere(gateway: Gateway) -> None:
    bob = gateway.join("bob", "chat-2")
    gateway.run(gateway.rooms.dropped(bob, gateway.now))
    gateway.elsewhere("bob", entry(), room="chat-2")
    assert gateway.closed == ["chat-2"]
    assert "chat-2" not in gateway.rooms._rooms


# -- memory ----------------------------------------------------------------------------------------------------------


def test_entries_are_counted_and_given_back() -> None:
    gateway = Gateway()
    gateway.join("ada")
    before = gateway.ledger.total
    gateway.elsewhere("bob", entry(info={"a": "x" * 500}))
    large = gateway.ledger.total
    gateway.elsewhere("bob", entry(info={"a": "x"}))
    small = gateway.ledger.total
    assert before + ENTRY_BYTES < small < large
    gateway.elsewhere("bob", entry(info={"a": "x" * 500}))
    assert gateway.ledger.total == large
    assert gateway.ledger.of_account("user bob", "presence") == large - before
    gateway.elsewhere("bob", None)
    assert gateway.ledger.total == before


def test_a_user_without_memory_left_is_not_shown_and_nothing_is_left_of_it() -> None:
    gateway = Gateway(Ledger(8 * 20_000))
    gateway.join("ada")
    before = gateway.ledger.total
    gateway.elsewhere("bob", entry(info={"a": "x" * 15_000}))
    assert gateway.present() == {"ada": 1}
    gateway.elsewhere("bob", entry())
    assert gateway.present() == {"ada": 1, "bob": 1}
    gateway.elsewhere("bob", entry(info={"a": "x" * 15_000}))
    assert gateway.present() == {"ada": 1}
    gateway.elsewhere("bob", None)
    assert gateway.ledger.total == before


def test_an_entry_takes_what_it_is_counted_with() -> None:
    gateway = Gateway()
    gateway.join("ada", mode="none")
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(2000):
            gateway.elsewhere(f"user-{number}", entry(info={"n": number}))
        gateway.rooms._rooms["chat-1"].presence_list()
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    counted = gateway.ledger.of_kind("presence")
    assert taken <= counted <= 2 * taken, f"{taken / 2000:.0f} bytes an entry"
