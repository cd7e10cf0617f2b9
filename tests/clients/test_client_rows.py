"""A live query's copy of the rows: pages, updates and positions, as protocol.md has them. No sockets."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate_client.models import Change
from tidegate_client.positions import advance, is_seen
from tidegate_client.rows import RowsState, key_of


def at(seq: int, epoch: str = "e") -> dict[str, Any]:
    return {"epoch": epoch, "seq": seq}


def page(*ids: int, reset: bool = False, done: int | None = None) -> dict[str, Any]:
    """`done`: it is the last page of a snapshot of that position."""
    about = {"done": False} if done is None else {"done": True, "position": at(done)}
    return {"type": "snapshot", "rows": [{"id": number} for number in ids], "reset": reset, **about}


def update(action: str, data: dict[str, Any], seq: int, epoch: str = "e") -> dict[str, Any]:
    return {"type": "update", "action": action, "data": data, "position": at(seq, epoch)}


@pytest.fixture
def loaded() -> RowsState:
    """Rows 1 and 2, read at position 5."""
    state = RowsState(("id",))
    state.subscribed({"mode": "snapshot", "position": at(5)})
    state.snapshot(page(1, 2, reset=True, done=5))
    return state


def test_first_subscribe_asks_for_a_snapshot() -> None:
    assert RowsState(("id",)).resume() == {"snapshot": True}
    assert RowsState(("id",), wanted=False).resume() == {}


def test_rows_appear_with_the_last_page_and_so_does_the_position() -> None:
    state = RowsState(("id",))
    state.subscribed({"mode": "snapshot", "position": at(5)})
    assert state.snapshot(page(1, 2, reset=True)) == []
    assert (state.rows, state.position, state.complete) == ({}, None, False)
    assert state.snapshot(page(3, done=5)) == [Change("reset", position=at(5))]
    assert list(state.rows) == [1, 2, 3]
    assert state.position == at(5)
    assert state.complete
    assert state.resume() == {"snapshot": True, "since": at(5)}


def test_cut_between_pages_asks_for_a_snapshot_again() -> None:
    state = RowsState(("id",))
    state.subscribed({"mode": "snapshot", "position": at(5)})
    state.snapshot(page(1, 2, reset=True))
    state.cut()
    assert state.resume() == {"snapshot": True}
    state.subscribed({"mode": "snapshot", "position": at(9)})
    state.snapshot(page(3, reset=True, done=9))
    assert list(state.rows) == [3]
    assert state.position == at(9)


def test_cut_before_the_first_page_asks_again_although_old_rows_are_there(loaded: RowsState) -> None:
    loaded.cut()
    loaded.subscribed({"mode": "snapshot", "position": at(50)})
    loaded.cut()
    assert loaded.resume() == {"snapshot": True}
    assert list(loaded.rows) == [1, 2]


def test_dispatched_positions_do_not_count_while_a_snapshot_loads() -> None:
    state = RowsState(("id",))
    state.dispatched(at(3))
    assert state.position is None
    state.subscribed({"mode": "snapshot", "position": at(5)})
    state.dispatched(at(7))
    state.snapshot(page(1, reset=True))
    state.dispatched(at(8))
    assert state.position is None
    state.snapshot(page(2, done=5))
    assert state.position == at(5)
    state.dispatched(at(9))
    assert state.position == at(9)


def test_updates_do_what_they_say_and_advance_the_position(loaded: RowsState) -> None:
    assert loaded.update(update("create", {"id": 3, "n": 1}, 6)) == [
        Change("create", 3, {"id": 3, "n": 1}, position=at(6))
    ]
    old = {"id": 3, "n": 1}
    assert loaded.update(update("update", {"id": 3}, 7)) == [Change("update", 3, {"id": 3}, old, position=at(7))]
    assert loaded.rows[3] == {"id": 3}, "update replaces, it does not merge"
    assert loaded.update(update("delete", {"id": 1}, 8)) == [Change("delete", 1, old={"id": 1}, position=at(8))]
    assert list(loaded.rows) == [2, 3]
    assert loaded.position == at(8)


def test_create_of_a_known_row_replaces_it(loaded: RowsState) -> None:
    (change,) = loaded.update(update("create", {"id": 1, "n": 2}, 6))
    assert (change.action, change.old) == ("create", {"id": 1})
    assert loaded.rows[1] == {"id": 1, "n": 2}


def test_delete_of_an_unknown_row_is_silent_but_counts(loaded: RowsState) -> None:
    assert loaded.update(update("delete", {"id": 99}, 6)) == []
    assert loaded.position == at(6)


def test_an_action_of_the_future_changes_nothing(loaded: RowsState) -> None:
    assert loaded.update(update("fold", {"id": 1}, 6)) == []
    assert loaded.position == at(5)


def test_cause_and_origin_are_handed_on(loaded: RowsState) -> None:
    (change,) = loaded.update({**update("delete", {"id": 1}, 6), "cause": "update", "origin": "key-1"})
    assert (change.cause, change.origin) == ("update", "key-1")


def test_recovered_keeps_the_own_position_until_updates_come(loaded: RowsState) -> None:
    loaded.cut()
    loaded.dispatched(at(70))
    assert loaded.resume() == {"snapshot": True, "since": at(5)}, "another connection's positions are not ours"
    loaded.subscribed({"mode": "recovered", "position": at(80)})
    assert loaded.position == at(5)
    loaded.update(update("create", {"id": 4}, 6))
    assert loaded.position == at(6)


def test_live_adopts_the_position_of_the_reply() -> None:
    state = RowsState(("id",), wanted=False)
    state.subscribed({"mode": "live", "position": at(12)})
    assert state.complete
    assert state.resume() == {"since": at(12)}


def test_the_gateway_may_start_a_snapshot_any_time(loaded: RowsState) -> None:
    assert loaded.snapshot(page(7, reset=True)) == []
    assert list(loaded.rows) == [1, 2], "no half table is ever seen"
    assert loaded.position is None
    assert loaded.snapshot(page(8, done=20)) == [Change("reset", position=at(20))]
    assert list(loaded.rows) == [7, 8]
    assert loaded.resume() == {"snapshot": True, "since": at(20)}


def test_a_second_reset_throws_the_first_pages_away(loaded: RowsState) -> None:
    loaded.snapshot(page(7, reset=True))
    loaded.snapshot(page(8, reset=True, done=6))
    assert list(loaded.rows) == [8]


def test_updates_among_pages_belong_to_the_new_rows(loaded: RowsState) -> None:
    loaded.snapshot(page(7, reset=True))
    assert loaded.update(update("create", {"id": 9}, 6)) == []
    assert loaded.position is None
    loaded.snapshot(page(8, done=6))
    assert list(loaded.rows) == [7, 9, 8]


def test_another_epoch_never_moves_the_position(loaded: RowsState) -> None:
    loaded.dispatched(at(900, "other"))
    assert loaded.position == at(5)
    loaded.update(update("create", {"id": 3}, 901, "other"))
    assert loaded.position == at(5)
    assert 3 in loaded.rows


def test_positions_never_go_back(loaded: RowsState) -> None:
    loaded.dispatched(at(9))
    loaded.dispatched(at(7))
    assert loaded.position == at(9)


def test_forget_leaves_nothing(loaded: RowsState) -> None:
    loaded.forget()
    assert (loaded.rows, loaded.position, loaded.complete) == ({}, None, False)
    assert loaded.resume() == {"snapshot": True}


def test_keys_of_several_properties() -> None:
    state = RowsState(("user_id", "room"))
    state.subscribed({"mode": "snapshot", "position": at(1)})
    state.snapshot({"rows": [{"room": "a", "user_id": 1, "x": 0}], "reset": True, "done": True, "position": at(1)})
    assert list(state.rows) == [(1, "a")]
    state.update(update("delete", {"user_id": 1, "room": "a"}, 2))
    assert state.rows == {}
    with pytest.raises(LookupError, match="'room'"):
        key_of({"user_id": 1}, state.key)


def test_advance_and_is_seen() -> None:
    assert advance(None, None) is None
    assert advance(at(1), None) == at(1)
    assert advance(None, at(1)) == at(1)
    assert advance(at(1), at(2)) == at(2)
    assert advance(at(2), at(1)) == at(2)
    assert advance(at(1), at(2, "f")) == at(1)
    assert is_seen({"epoch": "r", "offset": 2}, {"epoch": "r", "offset": 2})
    assert not is_seen({"epoch": "r", "offset": 2}, {"epoch": "r", "offset": 3})
    assert not is_seen({"epoch": "r", "offset": 2}, {"epoch": "s", "offset": 1})
    assert not is_seen(None, {"epoch": "r", "offset": 1})


def test_rows_of_some_scope_are_asked_for_with_it() -> None:
    state = RowsState(("id",))
    state.subscribed({"mode": "snapshot", "position": at(5), "scope": "mine"})
    assert state.resume() == {"snapshot": True}
    state.snapshot(page(1, reset=True, done=5) | {"scope": "mine"})
    state.cut()
    assert state.resume() == {"snapshot": True, "since": at(5), "scope": "mine"}
    state.subscribed({"mode": "recovered", "position": at(5), "scope": "mine"})
    assert state.scope == "mine"


def test_a_snapshot_of_another_scope_takes_the_place_of_the_first() -> None:
    state = RowsState(("id",))
    state.subscribed({"mode": "live", "position": at(5), "scope": "mine"})
    state.snapshot(page(1, reset=True) | {"scope": "yours"})
    state.snapshot(page(2, done=7))
    assert state.resume() == {"snapshot": True, "since": at(7), "scope": "yours"}
    state.snapshot(page(1, reset=True, done=8))
    assert state.resume() == {"snapshot": True, "since": at(8)}
