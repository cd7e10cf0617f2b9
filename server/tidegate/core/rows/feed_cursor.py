"""Where the gateway and its clients are in the change feed.

`FeedCursor` is the gateway's own place: everything up to it is already in the queues of the live subscribers. It keeps
the last changes, so that a subscriber who is nearly there catches up without asking the log. It reads no log itself.
Invariant: `recent` holds, without a gap, the changes after `floor` up to `seq`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from tidegate.core.rows.ports import Change
from tidegate_protocol import FeedPosition

RECENT_CHANGES = 2_000


class FeedCursor:
    """The dispatched feed position, and the changes that led to it."""

    def __init__(self, epoch: str, seq: int, keep: int = RECENT_CHANGES) -> None:
        self.epoch = epoch
        self.seq = seq
        self.floor = seq
        """`recent` begins after it."""
        self.keep = keep
        """How many changes are kept at most."""
        self._recent: deque[Change] = deque()
        self.position = FeedPosition(epoch=epoch, seq=seq)
        """`epoch` and `seq` as messages carry them."""

    def advance(self, changes: Sequence[Change], head: int) -> None:
        """`changes` are dispatched, and with them everything up to `head`."""
        self._recent.extend(changes)
        self.seq = head
        self.position = FeedPosition(epoch=self.epoch, seq=head)
        while len(self._recent) > self.keep:
            self.floor = self._recent.popleft().seq

    def jump(self, head: int) -> None:
        """Everything up to `head` is past, and nobody listened: what it was is not known."""
        self._recent.clear()
        self.seq = self.floor = head
        self.position = FeedPosition(epoch=self.epoch, seq=head)

    def remember(self, changes: Sequence[Change], since: int, floor: int) -> None:
        """`changes` are all those after `since` up to `floor`; they are kept if they fit to what is there already."""
        if floor == self.floor and len(changes) + len(self._recent) <= self.keep:
            self._recent.extendleft(reversed(changes))
            self.floor = since

    def since(self, seq: int) -> list[Change] | None:
        """The changes after `seq`, or None where they reach further back than what is kept."""
        if seq < self.floor:
            return None
        return [change for change in self._recent if change.seq > seq]

    def recoverable(self, since: FeedPosition) -> bool:
        """Whether `since` is of this feed and not ahead of it; the log may still have been pruned."""
        return since.epoch == self.epoch and since.seq <= self.seq
