"""The messages about rows, and what they may show."""

from __future__ import annotations

import msgspec
import pytest

from tests.core.rows.kit import client, client_of, created, subscribe
from tidegate.core.filters.tree import EVERYTHING, NOTHING, Filter, compile_filters
from tidegate.core.protocol import Protocol
from tidegate.core.rows import messages
from tidegate.core.rows.effects import ReadRows, WriteRows
from tidegate.core.rows.ports import Change, Mutation, ReadQuery, ReadResult, WriteResult
from tidegate_protocol import FeedPosition, Rows

ROWS = [{"id": 1, "owner": "red"}, {"id": 2, "owner": "blue"}]
AT_7 = FeedPosition(epoch="e", seq=7)


@pytest.mark.parametrize("total", [None, 12])
def test_the_answer_to_a_read_has_the_rows_their_position_and_the_count(total: int | None) -> None:
    effect = ReadRows(client(), "r", ReadQuery(resource="users"))
    answer = messages.rows_read(effect, ReadResult(ROWS, 7, total), "e")
    assert answer == Rows(rows=ROWS, position=AT_7, ref="r", **({} if total is None else {"total": total}))


def test_a_request_without_a_ref_gets_no_rows() -> None:
    read = ReadRows(client(), None, ReadQuery(resource="users"))
    write = WriteRows(client(), None, Mutation(kind="create", resource="users"))
    assert messages.rows_read(read, ReadResult(ROWS, 7), "e") is None
    assert messages.rows_written(write, WriteResult(ROWS, 7), "e") is None


@pytest.mark.parametrize(
    ("visible", "shown"),
    [(EVERYTHING, [1, 2]), (compile_filters({"owner": "red"}), [1]), (NOTHING, [])],
)
def test_a_reply_shows_only_the_written_rows_that_the_user_may_read(visible: Filter, shown: list[int]) -> None:
    effect = WriteRows(client(), 1, Mutation(kind="update", resource="notes", visible=visible))
    answer = messages.rows_written(effect, WriteResult(ROWS, 7), "e")
    assert answer is not None
    assert [row["id"] for row in answer.rows] == shown
    assert (answer.position, answer.ref) == (AT_7, 1)


def test_a_reply_names_every_deleted_row() -> None:
    effect = WriteRows(client(), 1, Mutation(kind="delete", resource="notes", visible=NOTHING))
    answer = messages.rows_written(effect, WriteResult([{"id": 1}], 7), "e")
    assert answer is not None
    assert answer.rows == [{"id": 1}]


def test_missed_changes_are_those_of_the_subscription(protocol: Protocol) -> None:
    group = subscribe(protocol, client(), filters={"name": "Ada"}).group
    other = Change(seq=12, time=0, resource="places", key={}, action="create", old=None, new={"name": "Ada"})
    missed = messages.missed(group, [created(11, "Bob"), other, created(13)], "e", "1")
    assert [update.position.seq for update in missed] == [13]


@pytest.mark.parametrize(("user", "origin"), [("9", "k"), ("1", msgspec.UNSET), (None, msgspec.UNSET)])
def test_a_missed_change_has_its_origin_only_for_the_user_who_made_it(
    protocol: Protocol, user: str | None, origin: object
) -> None:
    group = subscribe(protocol, client()).group
    (update,) = messages.missed(group, [created(13, origin="k", actor="9")], "e", user)
    assert update.origin == origin


def test_the_first_page_of_a_snapshot_has_the_scope_and_the_last_one_the_position(protocol: Protocol) -> None:
    group = subscribe(protocol, client_of("red"), "notes").group
    first = messages.snapshot_page(group, ROWS, True, None)
    assert (first.reset, first.done, first.scope, first.position) == (True, False, group.scope, msgspec.UNSET)
    last = messages.snapshot_page(group, ROWS, False, AT_7)
    assert (last.reset, last.done, last.scope, last.position) == (False, True, msgspec.UNSET, AT_7)
    whole = messages.snapshot_page(subscribe(protocol, client()).group, [], True, AT_7)
    assert (whole.reset, whole.done, whole.scope, whole.position) == (True, True, msgspec.UNSET, AT_7)


def test_the_answer_to_a_subscribe_says_how_and_where_it_begins(protocol: Protocol) -> None:
    notes = subscribe(protocol, client_of("red"), "notes").group
    answer = messages.subscribed(notes, "recovered", AT_7, 3)
    assert (answer.subscription, answer.resource, answer.mode, answer.position) == (
        notes.id,
        "notes",
        "recovered",
        AT_7,
    )
    assert (answer.ref, answer.scope) == (3, notes.scope)
    users = subscribe(protocol, client()).group
    assert messages.subscribed(users, "live", AT_7, 3).scope is msgspec.UNSET
