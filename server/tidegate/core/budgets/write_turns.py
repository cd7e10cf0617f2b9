"""Whose write is next: accounts take turns, within one its connections, and each connection's writes keep their order.

Writes are taken many at a time, for one transaction. It knows no clock, no threads, and not what a write is.
Invariants: of one connection's writes no later one is taken before an earlier one; of two accounts that wait, neither
is taken from twice before the other is taken from once.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.budgets.turns import CrowdedError

Write = TypeVar("Write")


class Limits(NamedTuple):
    """How many writes may wait."""

    all: int = 10_000
    account: int = 2_500


class _Entry(Generic[Write]):
    __slots__ = ("account", "size", "write")

    def __init__(self, write: Write, account: str, size: int) -> None:
        self.write: Write | None = write
        """None once it is not wanted any more."""
        self.account = account
        self.size = size


class WriteTurns(Generic[Write]):
    """The writes that wait for one thread."""

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008  # immutable
        self._limits = limits
        self._accounts: OrderedDict[str, OrderedDict[str, deque[_Entry[Write]]]] = OrderedDict()
        """The lines of the connections of each account; whose turn it is next comes first, in both."""
        self._first: deque[_Entry[Write]] = deque()
        """What was taken and put back."""
        self._entries: dict[Write, _Entry[Write]] = {}
        self._waiting: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def of_account(self, account: str) -> int:
        """How many writes of the account wait."""
        return self._waiting.get(account, 0)

    def add(self, write: Write, payer: Payer, size: int) -> None:
        """`write` waits for its turn. `size`: its bytes, about. Raises CrowdedError."""
        account = payer.account
        if len(self._entries) >= self._limits.all:
            raise CrowdedError(account=False)
        if self.of_account(account) >= self._limits.account and payer is not GATEWAY:
            raise CrowdedError(account=True)
        lines = self._accounts.get(account)
        if lines is None:
            lines = self._accounts[account] = OrderedDict()
        line = lines.get(payer.connection)
        if line is None:
            line = lines[payer.connection] = deque()
        line.append(self._counted(write, account, size))

    def take(self, number: int, size: int) -> list[Write]:
        """The next writes: `number` at most, and no more once they have `size` bytes."""
        taken: list[Write] = []
        while self._entries and len(taken) < number and size > 0:
            entry = self._first.popleft() if self._first else self._next()
            if entry.write is not None:
                taken.append(entry.write)
                size -= entry.size
                self._forget(entry.write)
        return taken

    def put_back(self, writes: Iterable[tuple[Write, str, int]]) -> None:
        """Writes that were taken, in their order: they go before all others. With the account and the bytes of each."""
        self._first.extendleft(reversed([self._counted(*each) for each in writes]))

    def drop(self, write: Write) -> bool:
        """The write is not wanted any more. Returns whether it waited."""
        entry = self._entries.get(write)
        if entry is None:
            return False
        self._forget(write)
        entry.write = None
        if not self._entries:
            self._accounts.clear()
            self._first.clear()
        return True

    def _next(self) -> _Entry[Write]:
        account, lines = next(iter(self._accounts.items()))
        connection, line = next(iter(lines.items()))
        entry = line.popleft()
        if line:
            lines.move_to_end(connection)
        else:
            del lines[connection]
        if not lines:
            del self._accounts[account]
        elif entry.write is not None:  # one that was dropped was no turn
            self._accounts.move_to_end(account)
        return entry

    def _counted(self, write: Write, account: str, size: int) -> _Entry[Write]:
        entry = self._entries[write] = _Entry(write, account, size)
        self._waiting[account] = self._waiting.get(account, 0) + 1
        return entry

    def _forget(self, write: Write) -> None:
        account = self._entries.pop(write).account
        self._waiting[account] -= 1
        if not self._waiting[account]:
            del self._waiting[account]
