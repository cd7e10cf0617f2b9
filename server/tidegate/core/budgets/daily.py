"""A budget of a day: how much, and how many, an account may have stored within 24 hours.

It knows no clock: `now` is passed in, in seconds. The day of an account begins with the first thing that it stores.
Invariant: within its day an account stores at most the limits and one thing more. At most `ACCOUNTS` accounts are kept,
and one that was forgotten begins a new day.
"""

from __future__ import annotations

from itertools import islice

from tidegate.core.errors import Refused

DAY_S = 86_400.0
LONGEST_RETRY_S = 3600.0
ACCOUNTS = 20_000
"""Accounts that are kept, about 6 MB. With more, the quarter whose days began first is forgotten."""


class DailyBudget:
    """The accounts that stored something within their day."""

    def __init__(self, size: int, number: int) -> None:
        """`size`: bytes a day. `number`: things a day."""
        self._size = size
        self._number = number
        self._used: dict[str, tuple[float, int, int]] = {}
        """When the day began, the bytes and the number; the oldest day first."""

    def check(self, account: str, now: float) -> None:
        """Raises Refused(limit_reached): the account has used its day."""
        began, size, number = self._day(account, now)
        if size >= self._size or number >= self._number:
            rest = began + DAY_S - now
            raise Refused(
                "limit_reached",
                "too many answers are kept for your idempotency keys today; ask without a key, or later",
                pointer="/key",
                retry_after=round(min(rest, LONGEST_RETRY_S), 1),
            )

    def add(self, account: str, size: int, now: float) -> None:
        """The account has stored something."""
        began, before, number = self._day(account, now)
        self._used[account] = began, before + size, number + 1
        if len(self._used) > ACCOUNTS:
            for oldest in list(islice(self._used, ACCOUNTS // 4)):
                del self._used[oldest]

    def __len__(self) -> int:
        return len(self._used)

    def _day(self, account: str, now: float) -> tuple[float, int, int]:
        while self._used and now - next(iter(self._used.values()))[0] >= DAY_S:
            del self._used[next(iter(self._used))]
        return self._used.get(account, (now, 0, 0))
