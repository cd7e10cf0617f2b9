"""How a subscription catches up: from its request to the point where it gets every change as it is dispatched.

Theory of operation. A snapshot is "resume since S": the gateway reads the rows and the log's head S in one transaction,
sends the rows, and then sends the changes after S like any missed ones. So there is one way to become live: have
everything up to a seq (`Subscription.at`), send the changes after it, and go live in the loop turn in which `at` equals
the cursor. There is no gap and no duplicate, because the cursor cannot move during that turn.

- WAITING: the request has no answer yet. The gateway may have to resume the feed, to wait for a position that only
  another gateway has dispatched, or to read the log. The first of these that suffices decides how the request is
  answered: `live`, `recovered` or `snapshot`.
- SNAPSHOT: the client gets the rows. If the subscription started again (a reset, another user), the client knows only
  that it is subscribed, and the first page tells it to drop its rows.
- RECOVERING: the client gets the changes after `at`.
- LIVE: the client gets each change with the group. ENDED: it gets nothing more.

The machine does no I/O. `step` is told an event and returns the answers to send and at most one `Ask`; the gateway
carries the ask out and tells the next event. All decisions stand in `TABLE`. For a state and an event, the first row
whose condition holds applies. If that row asks for nothing and the subscription is not live or ended, the same event is
looked up again in the new state. The diagram in docs/explanation/architecture.md is drawn from `TABLE`.

Invariant: LIVE is entered only when the client was sent everything up to the cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from tidegate.core.effects import Close, Reply
from tidegate.core.rows import catch_up_actions as then
from tidegate.core.rows import catch_up_conditions as when
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
from tidegate.core.rows.effects import Ask
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.subscription import State, Subscription

Condition = Callable[[Subscription, FeedCursor, Any], bool]
Answer = Callable[[Subscription, FeedCursor, Any], Sequence[Reply | Close]]
Asking = Callable[[Subscription, FeedCursor, Any], Ask]


class Row(NamedTuple):
    """In `state`, told one of `events`, if `when` holds: go to `to`, send `answer`, and ask for `ask`."""

    state: State
    events: tuple[type[Event], ...]
    when: Condition
    to: State
    answer: Answer | None = None
    ask: Asking | None = None


WAITING, SNAPSHOT, RECOVERING, LIVE, ENDED = State
DECIDE = (FeedFollows, PositionReached, ChangesRecalled)
"""Events after which a waiting subscription looks how it can begin."""
GO_ON = (FeedFollows, PositionReached, ChangesRecalled, PagesSent, Drained)
"""Events after which a recovering subscription looks how far it is."""
ANY = tuple(Event.__subclasses__())

TABLE = (
    Row(WAITING, (FeedFollows,), when.only_new_changes, LIVE, then.live),
    Row(WAITING, DECIDE, when.since_is_kept, RECOVERING, then.recovered),
    Row(WAITING, (FeedFollows, PositionReached), when.since_can_be_kept, WAITING, None, then.recall_changes),
    Row(WAITING, DECIDE, when.since_is_dispatched, WAITING, None, then.read_since),
    Row(WAITING, (FeedFollows,), when.since_is_ahead, WAITING, None, then.find_position),
    Row(WAITING, (PositionFound,), when.always, WAITING, None, then.wait_for_since),
    Row(WAITING, (ChangesRead,), when.always, RECOVERING, then.recovered),
    Row(WAITING, (FeedFollows, PositionReached, NotInLog), when.always, WAITING, None, then.read_snapshot),
    Row(WAITING, (SnapshotBegun,), when.always, SNAPSHOT, then.snapshot, then.send_pages),
    Row(WAITING, (Failed,), when.always, ENDED),  # the gateway refuses the requests
    Row(SNAPSHOT, (FeedFollows,), when.always, SNAPSHOT, None, then.read_snapshot),
    Row(SNAPSHOT, (SnapshotBegun,), when.always, SNAPSHOT, None, then.send_pages),
    Row(SNAPSHOT, (PagesSent,), when.always, RECOVERING),
    Row(RECOVERING, (*GO_ON, ChangesSent), when.caught_up, LIVE, then.live),
    Row(RECOVERING, (ChangesSent,), when.always, RECOVERING, None, then.drain),
    Row(RECOVERING, GO_ON, when.snapshot_is_ahead, RECOVERING, None, then.wait_for_snapshot),
    Row(RECOVERING, GO_ON, when.kept_reset, SNAPSHOT, None, then.read_snapshot),
    Row(RECOVERING, GO_ON, when.changes_are_kept, RECOVERING, None, then.send_kept_changes),
    Row(RECOVERING, GO_ON, when.always, RECOVERING, None, then.read_changes),
    Row(RECOVERING, (ChangesRead,), when.reset_was_read, SNAPSHOT, None, then.read_snapshot),
    Row(RECOVERING, (ChangesRead,), when.always, RECOVERING, None, then.send_read_changes),
    Row(RECOVERING, (NotInLog,), when.always, SNAPSHOT, None, then.read_snapshot),
    Row(SNAPSHOT, (Failed,), when.always, ENDED, then.close),
    Row(RECOVERING, (Failed,), when.always, ENDED, then.close),
    Row(WAITING, (Stopped,), when.always, ENDED, then.accepted),
    Row(SNAPSHOT, (Stopped,), when.always, ENDED, then.accepted),
    Row(RECOVERING, (Stopped,), when.always, ENDED, then.accepted),
    Row(LIVE, (Stopped,), when.always, ENDED),
    Row(ENDED, ANY, when.always, ENDED),
)


def _by_state_and_event(table: Iterable[Row]) -> dict[State, dict[type[Event], list[Row]]]:
    found: dict[State, dict[type[Event], list[Row]]] = {state: {} for state in State}
    for row in table:
        for event in row.events:
            found[row.state].setdefault(event, []).append(row)
    return found


_ROWS = _by_state_and_event(TABLE)


def step(subscription: Subscription, cursor: FeedCursor, event: Event) -> tuple[list[Reply | Close], Ask | None]:
    """Tell `subscription` that `event` happened. Returns the answers to carry out now, and what it needs next.

    None as the second means that the catch-up is over: the subscription is live or ended.
    """
    answers: list[Reply | Close] = []
    while True:
        for row in _ROWS[subscription.state][type(event)]:
            if row.when(subscription, cursor, event):
                break
        else:
            raise AssertionError((subscription.state, event))
        subscription.state = row.to
        if row.answer is not None:
            answers += row.answer(subscription, cursor, event)
        if row.ask is not None:
            return answers, row.ask(subscription, cursor, event)
        if row.to is LIVE or row.to is ENDED:
            return answers, None
