"""What the rules of rows want done, beside replies and pushes.

The first three come from requests and changes. The others are what a catch-up asks for: the gateway carries one out,
then tells `core.rows.catch_up` the result as an event.
Invariant: plain values. They name rows, positions and subscriptions, and know no database and no connection.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tidegate.core.effects import Effect, Ref
from tidegate.core.rows.ports import Change, Mutation, ReadQuery
from tidegate.core.rows.subscription import Subscription
from tidegate.core.session import Session


class ReadRows(Effect, frozen=True, gc=False):
    """Read rows, and answer with `messages.rows_read`."""

    session: Session
    ref: Ref
    query: ReadQuery


class WriteRows(Effect, frozen=True, gc=False):
    """Carry out a mutation, and answer with `messages.rows_written`."""

    session: Session
    ref: Ref
    mutation: Mutation


class CatchUp(Effect, frozen=True, gc=False):
    """Bring a subscription up to the cursor: carry out what its catch-up asks for, until it asks no more."""

    session: Session
    subscription: Subscription


class _Ask(msgspec.Struct, frozen=True, gc=False):
    """Something that a catch-up needs. Each class names the events that answer it."""


class ResumeFeed(_Ask, frozen=True, gc=False):
    """Make the change feed deliver changes. Event: FeedFollows."""


class FindPosition(_Ask, frozen=True, gc=False):
    """Look whether the log has a change with this seq. Events: PositionFound, NotInLog."""

    seq: int


class WaitFor(_Ask, frozen=True, gc=False):
    """Wait until everything up to `seq` is dispatched. Event: PositionReached."""

    seq: int


class RecallChanges(_Ask, frozen=True, gc=False):
    """Read the changes from `after` to the kept ones, once for all that ask, and keep them. Events: ChangesRecalled,
    NotInLog.
    """

    after: int


class ReadChanges(_Ask, frozen=True, gc=False):
    """Read the changes with after < seq <= upto for this subscription alone. Events: ChangesRead, NotInLog."""

    after: int
    upto: int


class SendChanges(_Ask, frozen=True, gc=False):
    """Send what `changes` mean for the subscription. Event: ChangesSent."""

    after: int
    upto: int
    changes: Sequence[Change]
    """All changes with after < seq <= upto."""
    kept: bool
    """Whether the cursor keeps them: others of the group may need the same frames."""


class Drain(_Ask, frozen=True, gc=False):
    """Wait until the client has read most of what it was sent. Event: Drained."""


class ReadSnapshot(_Ask, frozen=True, gc=False):
    """Read the rows of the group. Event: SnapshotBegun, as soon as their moment is known."""


class SendPages(_Ask, frozen=True, gc=False):
    """Send the pages of the snapshot that has begun. Event: PagesSent."""


Ask = ResumeFeed | FindPosition | WaitFor | RecallChanges | ReadChanges | SendChanges | Drain | ReadSnapshot | SendPages
