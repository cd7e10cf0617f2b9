"""One budget of bytes for everything that clients can make the gateway hold in memory.

Each account (a user, or the address of anonymous clients: `Session.account`) may hold an eighth of the whole. Where the
whole or the account's share is full, memory gives way in the order of `Order`; where that is not enough, the new thing
is refused. It knows neither time nor what the bytes are. It is used in the thread of the event loop only.
Invariant: `total` is the sum of what every account holds, and also of what is held of every kind.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, Protocol

from tidegate.core.errors import Refused

Kind = Literal["frames", "rooms", "presence", "histories", "keys", "spools", "reads", "writes"]
"""What is held: frames that a client has not read or not finished, rooms with their members, what members say of
themselves, messages in histories, idempotency keys, pages of snapshots, answers to reads, and writes that wait."""

SHARE = 8
"""One account may hold the whole budget divided by this."""
LASTING = 4
"""Messages in histories, which stay when the clients are gone, may be an account's share divided by this."""
RETRY_S = 5.0
"""When a refused client may ask again."""


class Order(IntEnum):
    """What gives way first."""

    EMPTY_ROOMS = 1
    """Histories of rooms that no client is in, the one that was silent longest first."""
    HISTORIES = 2
    """All other histories, the one that was silent longest first."""
    SLOW_READERS = 3
    """Clients that do not read what waits for them, the largest first: they are closed and may come back."""


class GivesWay(Protocol):
    """Something that can be dropped."""

    def __call__(self, size: int, account: str | None) -> None:
        """Give back `size` bytes or more, as far as possible: of what `account` holds, or of anything with None."""


class Ledger:
    """What every account holds. `limit`: bytes; 0 for none, so that bytes are counted and nothing is refused."""

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.share = limit // SHARE
        """Bytes that one account may hold."""
        self.total = 0
        self.peak = 0
        """The largest total since it was last set."""
        self._by_account: dict[str, int] = {}
        self._by_both: dict[tuple[str, Kind], int] = {}
        self._by_kind: dict[Kind, int] = {}
        self._ways: dict[Order, GivesWay] = {}

    def gives_way(self, order: Order, way: GivesWay) -> None:
        """Call `way` where memory is short; to be called once for each order."""
        self._ways[order] = way

    def of_account(self, account: str, kind: Kind | None = None) -> int:
        """Bytes that `account` holds, of one kind or in all."""
        return self._by_account.get(account, 0) if kind is None else self._by_both.get((account, kind), 0)

    def of_kind(self, kind: Kind) -> int:
        """Bytes of one kind that all accounts hold."""
        return self._by_kind.get(kind, 0)

    def take(self, account: str, kind: Kind, size: int) -> None:
        """`account` is about to hold `size` bytes more. Raises Refused(limit_reached) where they do not fit."""
        held = self._by_account.get(account, 0) + size
        # Each request comes here, and mostly there is room: few calls.
        near = held > self.share or self.total + size > self.limit or kind == "histories"
        if near and self._short(account, kind, size):
            self._make_way(account, kind, size)
            if self._short(account, kind, size):
                raise Refused(
                    "limit_reached",
                    "the gateway has no memory left for this; try again later",
                    retry_after=RETRY_S,
                )
        self._count(account, kind, size)

    def add(self, account: str, kind: Kind, size: int) -> None:
        """`account` holds `size` bytes more already. Where they are too many, others give way, or these."""
        self._count(account, kind, size)
        if self._short(account, kind, 0):
            self._make_way(account, kind, 0)

    def give(self, account: str, kind: Kind, size: int) -> None:
        """`account` holds `size` bytes less."""
        self._count(account, kind, -size)

    def _count(self, account: str, kind: Kind, size: int) -> None:
        """Each message with a history comes here: dicts, and few calls."""
        by_both, by_account, both = self._by_both, self._by_account, (account, kind)
        if held := by_both.get(both, 0) + size:
            by_both[both] = held
        else:
            by_both.pop(both, None)
        if held := by_account.get(account, 0) + size:
            by_account[account] = held
        else:
            by_account.pop(account, None)
        self._by_kind[kind] = self._by_kind.get(kind, 0) + size
        self.total = total = self.total + size
        if total > self.peak:  # noqa: PLR1730  # `max` takes twice as long
            self.peak = total

    def _short(self, account: str, kind: Kind, size: int) -> bool:
        return bool(self.limit) and (self.total + size > self.limit or self._excess(account, kind, size) > 0)

    def _excess(self, account: str, kind: Kind, size: int) -> int:
        """Bytes that `account` has to give back before it may hold `size` more of this kind."""
        excess = self._by_account.get(account, 0) + size - self.share
        if kind == "histories":
            excess = max(excess, self._by_both.get((account, kind), 0) + size - self.share // LASTING)
        return excess

    def _make_way(self, account: str, kind: Kind, size: int) -> None:
        """Let things go until `size` more bytes fit: first of the account's own share, then of the whole."""
        ways = [self._ways[order] for order in sorted(self._ways)]
        for way in ways:
            if (excess := self._excess(account, kind, size)) > 0:
                way(excess, account)
        for way in ways:
            if (excess := self.total + size - self.limit) > 0:
                way(excess, None)
