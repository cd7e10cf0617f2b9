"""Reads what other gateways did, from the outbox, in the order of commits.

It reads when this gateway is woken, and once a second as a net below that. One read is on its way at a time.
Invariant: the cursor is never beyond what was passed on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from tidegate.core.rooms.ports import EngineListener
from tidegate.engines.leases import Leases
from tidegate.engines.postgres import values
from tidegate.engines.postgres.outgoing import Sent
from tidegate.engines.postgres.rooms import OpenRooms
from tidegate.engines.postgres.values import Row

log = logging.getLogger("tidegate.rooms")

ROWS = 256
"""In one read, at most."""


class News:
    """The cursor of one gateway. `told`: gets each row; `read`: which read is done."""

    def __init__(self, statement: str, told: Callable[[Row], None], read: Callable[[int], None]) -> None:
        self._statement = statement
        self._told = told
        self._read = read
        self._to: Sent | None = None
        self._names = b""
        """As the statement has them."""
        self._again = False
        self._reading = False
        self.cursor = 0
        self.read_at = 0
        """When the last read saw everything, in milliseconds on the database's clock."""
        self.reads = 0
        """How many reads were sent."""

    def connect(self, to: Sent, names: Sequence[str]) -> None:
        """`names`: what this gateway is named, or was."""
        self._to = to
        self._names = values.bytea_array([name.encode() for name in names])
        self._reading = False
        self.wake()

    def disconnect(self) -> None:
        self._to = None

    def wake(self) -> None:
        """There may be something new."""
        if self._to is None:
            return
        if self._reading:
            self._again = True
            return
        self._reading, self._again = True, False
        self.reads += 1
        to, number = self._to, self.reads
        to.link.ask(
            self._statement,
            [to.node.encode(), values.int8(self.cursor), values.int8(ROWS), self._names],
            lambda rows: self._came(to, number, rows),
        )

    def _came(self, to: Sent, number: int, rows: Sequence[Row] | Exception) -> None:
        if to is not self._to:
            return
        self._reading = False
        if isinstance(rows, Exception):  # the next wake-up reads again
            return
        found = [row for row in rows if row[2] is not None]
        for row in found:
            try:
                self._told(row)
            except Exception:  # the boundary: one row costs no other one
                log.exception("what another gateway wrote cannot be told")
            self.cursor = values.integer(row[2])
        if len(found) < ROWS:
            self.cursor = max(self.cursor, values.integer(rows[0][0]))
            self.read_at = values.integer(rows[0][1])
            self._read(number)
        if self._again or len(found) >= ROWS:
            self.wake()


def tell(row: Row, rooms: OpenRooms, listener: EngineListener, leases: Leases) -> None:
    """Pass on what a row says."""
    _, _, seq, kind, node, room, epoch, number, who, body = row
    match kind:
        case b"m":
            rooms.arrived(values.text(room), values.text(epoch), values.integer(number), body or b"")
        case b"p":
            rooms.present(values.text(room), values.integer(seq), values.text(node), values.text(who), body or b"")
        case b"f":
            rooms.forgotten(values.text(room), values.text(epoch))
        case b"v":
            listener.vacated(values.text(room))
        case b"t":
            listener.told(values.text(room), values.text(body))
        case b"u":
            listener.told_user(values.text(who), body or b"")
        case b"l":
            for each, standing in leases.left(values.text(node)).items():
                listener.gateway(each, standing)
