"""Where this gateway is in the change feed, and the last changes that it dispatched.

Every change up to the cursor is already in the queues of the live subscribers. The cursor keeps the last changes, so
that a client that missed only a few catches up without a read of the log. It reads no log itself.
Invariant: the kept changes are all changes after `floor` up to `seq`, without a gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from tidegate.core.rows.ports import Change
from tidegate_protocol import FeedPosition

KEPT_CHANGES = 2_000
KEPT_BYTES = 8 * 1024**2
"""Of the kept changes, at most, as their images are in the log."""
SHARED_LISTS = 64
"""Positions for which the list of later changes is remembered, because many clients resume from the same one."""


class FeedCursor:
    """The dispatched feed position, and the changes that led to it."""

    def __init__(self, epoch: str, seq: int, keep: int = KEPT_CHANGES) -> None:
        self.epoch = epoch
        self.seq = seq
        self.floor = seq
        """The kept changes begin after this seq."""
        self.keep = keep
        """How many changes are kept at most."""
        self.position = FeedPosition(epoch=epoch, seq=seq)
        """`epoch` and `seq` as messages carry them."""
        self._kept: deque[Change] = deque()
        self._bytes = 0
        self._lists: dict[int, list[Change]] = {}
        self._resets: dict[str, int] = {}
        """The seq of the last kept `reset` of a resource; it may be below `floor`."""

    def advance(self, changes: Sequence[Change], head: int) -> None:
        """`changes` are dispatched, and with them everything up to `head`."""
        self._kept.extend(changes)
        self._bytes += _size(changes)
        self._note_resets(changes)
        self._move(head)
        while len(self._kept) > self.keep or self._bytes > KEPT_BYTES:
            oldest = self._kept.popleft()
            self.floor = oldest.seq
            self._bytes -= oldest.size

    def jump(self, head: int) -> None:
        """The feed was paused and goes on at `head`: the changes up to there are not known here."""
        self._kept.clear()
        self._bytes = 0
        self.floor = head
        self._move(head)

    def remember(self, changes: Sequence[Change], after: int, upto: int) -> None:
        """Keep `changes`, which are all changes after `after` up to `upto`, if they join the kept ones and fit."""
        size = self._bytes + _size(changes)
        if upto == self.floor and len(changes) + len(self._kept) <= self.keep and size <= KEPT_BYTES:
            self._kept.extendleft(reversed(changes))
            self._bytes = size
            self._note_resets(changes)
            self._lists.clear()
            self.floor = after

    def keeps(self, seq: int) -> bool:
        """Whether all dispatched changes after `seq` are kept."""
        return seq >= self.floor

    def missing(self, seq: int) -> int | None:
        """The seq up to which the changes after `seq` must be read so that all later ones are kept.

        None if there is nothing to read, or certainly more than may be kept.
        """
        return self.floor if 0 < self.floor - seq <= self.keep else None

    def since(self, seq: int) -> list[Change] | None:
        """The dispatched changes after `seq`, or None if not all of them are kept. Callers must not change the list."""
        if not self.keeps(seq):
            return None
        found = self._lists.get(seq)
        if found is None:
            found = [change for change in self._kept if change.seq > seq]
            if len(self._lists) < SHARED_LISTS:
                self._lists[seq] = found
        return found

    def reset_since(self, seq: int, resource: str) -> bool:
        """Whether one of the kept changes after `seq` is a `reset` of `resource`."""
        return self._resets.get(resource, seq) > seq

    def recoverable(self, since: FeedPosition) -> bool:
        """Whether `since` is of this feed and not ahead of it; the log may still have been pruned."""
        return since.epoch == self.epoch and since.seq <= self.seq

    def _move(self, head: int) -> None:
        self._lists.clear()
        self.seq = head
        self.position = FeedPosition(epoch=self.epoch, seq=head)

    def _note_resets(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.action == "reset" and change.seq > self._resets.get(change.resource, 0):
                self._resets[change.resource] = change.seq


def _size(changes: Sequence[Change]) -> int:
    return sum(change.size for change in changes)
