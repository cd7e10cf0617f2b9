"""Counts the bytes that wait for clients that do not read, or in messages that are not finished.

Where memory is short, the largest are given up.

It learns what waits from the connections themselves, and only of clients that do not keep up. How much may wait for one
client, and for how long, is decided in `transport`.
Invariant: the ledger's `frames` are the sum of what the connections told last.
"""

from __future__ import annotations

from tidegate.core.budgets.ledger import Ledger, Order
from tidegate.core.session import Session
from tidegate.transport import Waiting

BEFORE_SESSIONS = "connections without a session"
"""The account of what waits before the handshake is complete, such as a page that a browser does not read."""


UNADDRESSED = "unfinished messages of anonymous clients whose address is not limited"
"""Each of these clients pays for itself otherwise, and none of them holds much."""


class UnsentBytes:
    """Of all connections. Implements `transport.Memory`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: dict[Waiting, tuple[str, int]] = {}
        """What waits for each client, and the account that it is counted for."""
        ledger.gives_way(Order.SLOW_READERS, self._give_up_largest)

    def arrives(self, line: Waiting, size: int) -> None:
        session: Session | None = line.owner  # type: ignore[assignment]  # what `SessionHandler.connected` left there
        pays = session is not None and (session.address is not None or not session.user.anonymous)
        self._holds(line, size, session.account if session is not None and pays else UNADDRESSED)

    def waits(self, line: Waiting, size: int) -> None:
        self._holds(line, size, getattr(line.owner, "account", BEFORE_SESSIONS))

    def _holds(self, line: Waiting, size: int, pays: str) -> None:
        account, before = self._held.pop(line, ("", 0))
        if before:
            self._ledger.give(account, "frames", before)
        if size:
            self._held[line] = pays, size
            self._ledger.add(pays, "frames", size)

    def _give_up_largest(self, size: int, account: str | None) -> None:
        """Close connections until `size` bytes are free. A part that has begun to leave stays until the second time."""
        goal = self._ledger.of_kind("frames") - size
        lines = [line for line, (holder, _) in self._held.items() if account in (None, holder)]
        lines.sort(key=lambda line: self._held[line][1], reverse=True)
        for line in [*lines, *lines]:
            if self._ledger.of_kind("frames") <= goal:
                return
            if line in self._held:
                line.give_up(memory=self._held[line][1])
