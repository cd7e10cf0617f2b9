"""What the gateway tells a catch-up: the results of what `core.rows.catch_up` asked for, and that it ends.

Values only. `core.rows.effects` says which events answer which ask.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tidegate.core.rows.ports import Change


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that the gateway tells a catch-up."""


class FeedFollows(Event, frozen=True, gc=False):
    """The change feed delivers changes."""


class PositionFound(Event, frozen=True, gc=False):
    """The log has a change with the seq that was looked for."""


class PositionReached(Event, frozen=True, gc=False):
    """Everything up to the seq that was waited for is dispatched."""


class ChangesRecalled(Event, frozen=True, gc=False):
    """The changes were read from the log, and are kept unless they are too many."""


class ChangesRead(Event, frozen=True, gc=False):
    """All changes after the seq that was asked for, up to `upto`."""

    changes: Sequence[Change]
    upto: int


class NotInLog(Event, frozen=True, gc=False):
    """The log never had the changes that were asked for, or was pruned past them."""


class SnapshotBegun(Event, frozen=True, gc=False):
    """The rows of a snapshot are those of the moment `seq`."""

    seq: int


class PagesSent(Event, frozen=True, gc=False):
    """All pages of the snapshot are on their way."""


class ChangesSent(Event, frozen=True, gc=False):
    """The changes are on their way."""


class Drained(Event, frozen=True, gc=False):
    """The client has read most of what it was sent."""


class Failed(Event, frozen=True, gc=False):
    """What was asked for failed."""


class Stopped(Event, frozen=True, gc=False):
    """The client unsubscribed or is gone, or the subscription starts again."""
