"""The catch-up of a subscription: each row of its table, and whole ways from a request to a live subscription."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.core.rows.kit import created, reset
from tidegate.core.closes import OVERLOADED
from tidegate.core.effects import Close, Reply
from tidegate.core.filters.tree import EVERYTHING
from tidegate.core.rows import catch_up, catch_up_actions
from tidegate.core.rows.catch_up import TABLE, step
from tidegate.core.rows.catch_up_events import (
    ChangesRead,
    ChangesRecalled,
    ChangesSent,
    Drained,
    Event,
    Failed,
    FeedFollows,
    NotInLog,
    PagesSent,
    PositionFound,
    PositionReached,
    SnapshotBegun,
    Stopped,
)
from tidegate.core.rows.effects import (
    Ask,
    Drain,
    FindPosition,
    ReadChanges,
    ReadSnapshot,
    RecallChanges,
    SendChanges,
    SendPages,
    WaitFor,
)
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.subscription import State, Subscription
from tidegate.core.rows.subscription_index import SubscriptionIndex
from tidegate.core.session import Session
from tidegate_protocol import FeedPosition, Principal

WAITING, SNAPSHOT, RECOVERING, LIVE, ENDED = State
KEPT = [created(seq) for seq in (101, 102, 103)]
CLOSE = [("close", OVERLOADED, "a replay failed; resume")]


def cursor(keep: int = 50) -> FeedCursor:
    """A feed that began at 100 and is at 103."""
    cursor = FeedCursor("e", 100, keep=keep)
    cursor.advance(KEPT, 103)
    return cursor


def at(seq: int, epoch: str = "e") -> FeedPosition:
    return FeedPosition(epoch=epoch, seq=seq)


def subscription(
    state: State = WAITING, since: FeedPosition | None = None, snapshot: bool = False, sent: int = 0
) -> Subscription:
    """A subscription whose first request has the ref 1 if it is unanswered; an equal request came later with ref 2."""
    session = Session("c", object(), Principal(id="1", name="Ada", roles=[], anonymous=False))
    group = SubscriptionIndex().acquire("users", EVERYTHING, None)
    made = Subscription(session, group, since, snapshot, state)
    made.at = sent
    made.refs = [1, None, 2] if state is WAITING else [2]
    return made


def fresh(made: Subscription) -> Subscription:
    """A copy, so that no test changes the table of cases."""
    found = copy.copy(made)
    found.refs = list(made.refs)
    return found


def told(made: Subscription, feed: FeedCursor, event: Event) -> tuple[list[tuple[Any, ...]], Ask | None]:
    """The answers as (ref, mode, seq) or ("close", code, reason), and what is asked for."""
    answers, ask = step(made, feed, event)
    return [_told(answer) for answer in answers], ask


def _told(answer: Reply | Close) -> tuple[Any, ...]:
    if isinstance(answer, Close):
        return "close", answer.code, answer.reason
    message: Any = answer.message
    return message.ref, message.mode, message.position.seq


def send(after: int, upto: int = 103, kept: bool = True) -> SendChanges:
    return SendChanges(after, upto, [change for change in KEPT if change.seq > after], kept)


LIVE_AT_103 = [(1, "live", 103), (2, "live", 103)]
NOTHING_MISSED = [(1, "recovered", 103), (2, "live", 103)]
CASES: list[tuple[str, Subscription, Event, State, list[tuple[Any, ...]], Ask | None]] = [
    # what it is, the subscription, what it is told, its state then, the answers, what it asks for
    ("only changes from now on", subscription(), FeedFollows(), LIVE, LIVE_AT_103, None),
    ("rows", subscription(snapshot=True), FeedFollows(), WAITING, [], ReadSnapshot()),
    ("nothing missed", subscription(since=at(103)), FeedFollows(), LIVE, NOTHING_MISSED, None),
    ("missed kept changes", subscription(since=at(101)), FeedFollows(), RECOVERING, [(1, "recovered", 101)], send(101)),
    ("missed a little more", subscription(since=at(60)), FeedFollows(), WAITING, [], RecallChanges(60)),
    ("missed too many to keep", subscription(since=at(40)), FeedFollows(), WAITING, [], ReadChanges(40, 103)),
    ("another log", subscription(since=at(102, "f")), FeedFollows(), WAITING, [], ReadSnapshot()),
    ("ahead of this gateway", subscription(since=at(105)), FeedFollows(), WAITING, [], FindPosition(105)),
    ("ahead, and in the log", subscription(since=at(105)), PositionFound(), WAITING, [], WaitFor(105)),
    ("ahead, and not in the log", subscription(since=at(105)), NotInLog(), WAITING, [], ReadSnapshot()),
    (
        "ahead until now",
        subscription(since=at(103)), PositionReached(), LIVE, [(1, "recovered", 103), (2, "live", 103)], None,
    ),
    ("woken too early", subscription(since=at(105)), PositionReached(), WAITING, [], ReadSnapshot()),
    ("reached, with more missed", subscription(since=at(60)), PositionReached(), WAITING, [], RecallChanges(60)),
    ("reached, with many missed", subscription(since=at(40)), PositionReached(), WAITING, [], ReadChanges(40, 103)),
    ("recalled", subscription(since=at(100)), ChangesRecalled(), RECOVERING, [(1, "recovered", 100)], send(100)),
    ("recalled, and too many", subscription(since=at(60)), ChangesRecalled(), WAITING, [], ReadChanges(60, 103)),
    (
        "read from the log",
        subscription(since=at(40), sent=40), ChangesRead([], 90), RECOVERING, [(1, "recovered", 40)],
        SendChanges(40, 90, [], kept=False),
    ),
    (
        "read from the log, with a reset",
        subscription(since=at(40)), ChangesRead([reset(50)], 90), SNAPSHOT, [(1, "recovered", 40)], ReadSnapshot(),
    ),
    ("pruned", subscription(since=at(40)), NotInLog(), WAITING, [], ReadSnapshot()),
    ("rows read", subscription(snapshot=True), SnapshotBegun(107), SNAPSHOT, [(1, "snapshot", 107)], SendPages()),
    ("starts again", subscription(SNAPSHOT), FeedFollows(), SNAPSHOT, [], ReadSnapshot()),
    ("rows read again", subscription(SNAPSHOT), SnapshotBegun(107), SNAPSHOT, [], SendPages()),
    ("pages sent", subscription(SNAPSHOT, sent=103), PagesSent(), LIVE, [(2, "live", 103)], None),
    ("pages sent, changes kept", subscription(SNAPSHOT, sent=102), PagesSent(), RECOVERING, [], send(102)),
    ("pages sent, changes logged", subscription(SNAPSHOT, sent=9), PagesSent(), RECOVERING, [], ReadChanges(9, 103)),
    ("pages sent ahead of the feed", subscription(SNAPSHOT, sent=107), PagesSent(), RECOVERING, [], WaitFor(107)),
    ("the feed got there", subscription(RECOVERING, sent=103), PositionReached(), LIVE, [(2, "live", 103)], None),
    ("sent", subscription(RECOVERING, sent=103), ChangesSent(), LIVE, [(2, "live", 103)], None),
    ("sent, and more came", subscription(RECOVERING, sent=102), ChangesSent(), RECOVERING, [], Drain()),
    ("drained", subscription(RECOVERING, sent=102), Drained(), RECOVERING, [], send(102)),
    ("drained, the last", subscription(RECOVERING, sent=103), Drained(), LIVE, [(2, "live", 103)], None),
    (
        "more from the log",
        subscription(RECOVERING, sent=40), ChangesRead(KEPT, 103), RECOVERING, [], send(40, kept=False),
    ),
    ("a reset in the log", subscription(RECOVERING), ChangesRead([reset(50)], 90), SNAPSHOT, [], ReadSnapshot()),
    (
        "another resource's reset",
        subscription(RECOVERING, sent=40), ChangesRead([reset(50, "places")], 90), RECOVERING, [],
        SendChanges(40, 90, [reset(50, "places")], kept=False),
    ),
    ("pruned past the client", subscription(RECOVERING), NotInLog(), SNAPSHOT, [], ReadSnapshot()),
    ("a failure before the answer", subscription(snapshot=True), Failed(), ENDED, [], None),
    ("a failure of a snapshot", subscription(SNAPSHOT), Failed(), ENDED, CLOSE, None),
    ("a failure of a recovery", subscription(RECOVERING), Failed(), ENDED, CLOSE, None),
    ("stopped, nothing wanted", subscription(), Stopped(), ENDED, LIVE_AT_103, None),
    (
        "stopped, rows wanted",
        subscription(snapshot=True), Stopped(), ENDED, [(1, "snapshot", 103), (2, "snapshot", 103)], None,
    ),
    (
        "stopped, changes wanted",
        subscription(since=at(40)), Stopped(), ENDED, [(1, "recovered", 40), (2, "recovered", 40)], None,
    ),
    (
        "stopped, with a position of another log",
        subscription(since=at(40, "f")), Stopped(), ENDED, [(1, "snapshot", 103), (2, "snapshot", 103)], None,
    ),
    ("stopped during pages", subscription(SNAPSHOT, snapshot=True), Stopped(), ENDED, [(2, "snapshot", 103)], None),
    ("stopped during changes", subscription(RECOVERING, since=at(40)), Stopped(), ENDED, [(2, "recovered", 40)], None),
    ("stopped when live", subscription(LIVE), Stopped(), ENDED, [], None),
    ("a failure after the end", subscription(ENDED), Failed(), ENDED, [], None),
    ("pages after the end", subscription(ENDED), SnapshotBegun(9), ENDED, [], None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "event", "state", "answers", "ask"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_each_event_leads_to_one_state_and_at_most_one_ask(
    made: Subscription, event: Event, state: State, answers: list[tuple[Any, ...]], ask: Ask | None
) -> None:
    made = fresh(made)
    assert told(made, cursor(), event) == (answers, ask)
    assert made.state is state


def test_every_row_of_the_table_has_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[int] = set()

    def noting(number: int, row: catch_up.Row) -> catch_up.Row:
        def when(*given: Any) -> bool:
            holds = row.when(*given)
            if holds:
                used.add(number)
            return holds

        return row._replace(when=when)

    noted = [noting(number, row) for number, row in enumerate(TABLE)]
    monkeypatch.setattr(catch_up, "_ROWS", catch_up._by_state_and_event(noted))
    for _, made, event, _, _, _ in CASES:
        step(fresh(made), cursor(), event)
    feed = cursor()
    feed.advance([reset(104)], 104)
    step(subscription(RECOVERING, sent=102), feed, Drained())
    assert [row for number, row in enumerate(TABLE) if number not in used] == []


def test_a_reset_among_the_kept_changes_leads_to_a_snapshot() -> None:
    feed = cursor()
    feed.advance([reset(104)], 104)
    made = subscription(since=at(101))
    assert told(made, feed, FeedFollows()) == ([(1, "recovered", 101)], ReadSnapshot())
    assert made.state is SNAPSHOT
    assert told(made, feed, SnapshotBegun(104)) == ([], SendPages())
    assert told(made, feed, PagesSent()) == ([(2, "live", 104)], None)


def test_a_long_recovery_reads_the_log_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up_actions, "BATCH", 50)
    feed, made = cursor(), subscription(since=at(20))
    assert told(made, feed, FeedFollows()) == ([], ReadChanges(20, 70))
    answers, ask = told(made, feed, ChangesRead([], 70))
    assert (answers, ask) == ([(1, "recovered", 20)], SendChanges(20, 70, [], kept=False))
    assert told(made, feed, ChangesSent()) == ([], Drain())
    assert told(made, feed, Drained()) == ([], ReadChanges(70, 103))
    feed.advance([created(104)], 104)
    assert told(made, feed, ChangesRead(KEPT, 103))[1] == send(70, kept=False)
    assert told(made, feed, ChangesSent()) == ([], Drain())
    assert told(made, feed, Drained()) == ([], SendChanges(103, 104, [created(104)], kept=True))
    assert told(made, feed, ChangesSent()) == ([(2, "live", 104)], None)


def test_a_snapshot_ahead_of_the_feed_waits_for_it_and_misses_nothing() -> None:
    feed, made = cursor(), subscription(snapshot=True)
    assert told(made, feed, FeedFollows()) == ([], ReadSnapshot())
    assert told(made, feed, SnapshotBegun(104)) == ([(1, "snapshot", 104)], SendPages())
    assert told(made, feed, PagesSent()) == ([], WaitFor(104))
    feed.advance([created(104), created(105)], 105)
    assert told(made, feed, PositionReached()) == ([], SendChanges(104, 105, [created(105)], kept=True))
    assert told(made, feed, ChangesSent()) == ([(2, "live", 105)], None)


def test_a_first_request_without_a_ref_gets_no_answer() -> None:
    made = subscription(snapshot=True)
    made.refs = [None]
    assert told(made, cursor(), SnapshotBegun(103)) == ([], SendPages())
    assert made.refs == []


def test_an_event_that_cannot_happen_in_a_state_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        step(subscription(since=at(105)), cursor(), ChangesRecalled())
    with pytest.raises(KeyError):
        step(subscription(LIVE), cursor(), Drained())
