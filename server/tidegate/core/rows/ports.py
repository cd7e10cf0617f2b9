"""The port through which the gateway reaches the database, and the plain values that cross it.

The core and the gateway know rows, changes and queries only in these shapes; `store` fills them, `app` plugs them
together. Nothing here knows SQL, threads or sockets. Rows are wire rows: decoded values by property name, NULL left
out unless the schema allows null, write-only properties never in them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from typing import Any, Literal, Protocol

import msgspec

from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.errors import TidegateError
from tidegate.core.filters.tree import EVERYTHING, Filter

Row = dict[str, Any]
Key = dict[str, Any]
"""A row's key by property name, also when it has one property: {"id": 7}."""


class Change(msgspec.Struct, frozen=True):
    """One committed mutation, as the change log has it. `reset`: the whole resource changed (TRUNCATE)."""

    seq: int
    time: int
    """Milliseconds since the Unix epoch."""
    resource: str
    key: Key
    action: Literal["create", "update", "delete", "reset"]
    old: Row | None
    new: Row | None
    origin: str | None = None
    """The mutation's idempotency key, if a client of this gateway made it with one."""
    actor: str | None = None
    """The id of the user who made it, None for foreign writers."""
    size: int = 0
    """Bytes of the images in the log, about."""


class ReadQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows to read: those that meet `where`; `keys` restricts to those rows."""

    resource: str
    where: Filter = EVERYTHING
    keys: Sequence[Key] | None = None
    sort: tuple[tuple[str, Literal["asc", "desc"]], ...] = ()
    """The key is always the last tie-breaker."""
    limit: int | None = None
    offset: int = 0
    fields: tuple[str, ...] | None = None
    """The key is always included."""
    count: bool = False


class ReadResult(msgspec.Struct, frozen=True):
    """Rows and the change log's head, read in ONE transaction.

    `total`, if it was asked for: how many rows there are without limit and offset.
    """

    rows: list[Row]
    seq: int
    total: int | None = None


class Mutation(msgspec.Struct, frozen=True, kw_only=True):
    """One request to create, update or delete rows: carried out as a whole, or refused as a whole."""

    kind: Literal["create", "update", "delete"]
    resource: str
    rows: tuple[Row, ...] = ()
    """create: the new rows (already valid, canonical, with claims of the user, without defaults of the database)."""
    filled: tuple[frozenset[str], ...] = ()
    """create: of each row the properties that the client did not send, because claims of the user fill them. Empty
    where the resource has no such properties."""
    data: Row | None = None
    """update: the changed properties; None as a value means SQL NULL."""
    keys: tuple[Key, ...] = ()
    """update, delete: the rows. If one does not exist, the whole mutation is refused with `not_found`."""
    expected: Row | None = None
    """`if`: properties that must have these values now; if not, the mutation is refused with `conflict`."""
    tags: tuple[str, ...] | None = None
    """Entity tags, of which each row must have one now; if not, the mutation is refused with `conflict` at `/if`."""
    user: str = ""
    idempotency_key: str | None = None
    digest: bytes = b""
    """A hash of the request without `ref`: the same idempotency key with another digest is a `conflict`."""
    visible: Filter = EVERYTHING
    """The rows that the user may read. Any other row is treated as if it did not exist."""
    allowed: Filter = EVERYTHING
    """The rows that the user may create, update or delete. An updated row must be one of them before and after."""
    payer: Payer = GATEWAY
    """The account and the connection that ask."""
    array: bool = False
    """Whether the client sent a list: pointers are then /data/0/name instead of /data/name, /ids/0 instead of /id."""


class WriteResult(msgspec.Struct, frozen=True):
    """The written rows (delete: the keys alone) and a log position at or after the write."""

    rows: list[Row]
    seq: int


class LogPruned(TidegateError):
    """The log no longer has the changes after the asked position: read a snapshot instead."""

    def __init__(self, upto: int) -> None:
        """`upto`: the changes up to this seq are gone, and no others."""
        super().__init__(f"the changes up to {upto} are gone")
        self.upto = upto


class Written(Protocol):
    """What becomes of a mutation: an `asyncio.Future`, which the core does not know."""

    def __await__(self) -> Generator[Any, None, WriteResult]: ...


EncodeRows = Callable[[ReadResult], bytes | None]
"""What a client is sent for what was read; None for nothing. The store calls it in one of its threads."""
EncodePage = Callable[[list[Row], bool, int | None], list[bytes]]
"""(rows, whether they are the first, for the last ones the log's head at their moment) as frames. The store calls it in
one of its threads."""


class Pages(Protocol):
    """The rows of a query at one moment, as frames that several subscriptions may send, each at its client's pace.

    The frames are kept until the last subscription that joined has left, and read only while there is one. Waiting
    for a frame raises the error that the read failed with.
    """

    def join(self, payer: Payer = GATEWAY) -> bool:
        """Share the rows. False if it is too late: they may lack something that is committed by now."""

    def leave(self) -> None: ...

    async def seq(self) -> int:
        """The log's head at the moment of which the rows are."""

    @property
    def in_memory(self) -> int:
        """Bytes of the frames that are kept in memory."""

    async def page(self, number: int) -> bytes | None:
        """The frame with this number, from 0, as soon as there is one; None after the last."""


class Store(Protocol):
    """The data layer as the gateway sees it. Every method may be called from the event loop's thread only."""

    @property
    def epoch(self) -> str: ...

    @property
    def healthy(self) -> bool:
        """Whether the database answered when it was last asked."""

    @property
    def problem(self) -> str | None:
        """Why `healthy` is false, in words for an operator that name no secret; None while it is true."""

    @property
    def outdated(self) -> bool:
        """The database is not the one any more that was opened. Nothing is read or written until a restart."""

    @property
    def incomplete(self) -> Collection[str]:
        """The resources whose changes the log may lack, so that no copy of their rows can be kept right."""

    async def head(self) -> int:
        """The newest committed seq; 0 for an empty log."""

    async def read(self, query: ReadQuery, payer: Payer = GATEWAY) -> ReadResult:
        """Raises core.errors.Refused: unavailable, limit_reached (it cost too much), rate_limited. A cancelled read is
        interrupted.
        """

    async def answer(self, query: ReadQuery, encode: EncodeRows, payer: Payer) -> bytes | None:
        """As `read`, and what `encode` makes of it, which is called where the rows were read: in any thread."""

    def snapshot(self, query: ReadQuery, encode: EncodePage) -> Pages:
        """All rows of `query`, whose limit is None, for the subscriptions that join."""

    def write(self, mutation: Mutation) -> Written:
        """Begin a mutation. What it raises, at once or when it is awaited: core.errors.Refused: not_found, conflict
        (pointer of the property), unavailable.
        """

    async def changes(self, after: int, upto: int, limit: int, payer: Payer = GATEWAY) -> Sequence[Change]:
        """The first `limit` changes with after < seq <= upto, in order.

        Changes of resources that the schema does not have count towards `limit`, and are left out. Raises LogPruned.
        """

    def follow(
        self, deliver: Callable[[Sequence[Change], int], Any], on_skip: Callable[[int], None] = lambda head: None
    ) -> None:
        """Start the change feed at the log's head. The feed calls both functions in the loop's thread, in order.

        `deliver(changes, head)`: a batch of changes; everything up to `head` has now been delivered. It returns None,
        or a future; the next call comes when that is done.
        `on_skip(head)`: the feed was paused; the changes up to `head` are past and were not delivered.
        """

    def pause(self) -> None:
        """The gateway has no subscription: read no changes until `resume`."""

    @property
    def following(self) -> bool:
        """Whether the feed delivers changes."""

    @property
    def lag(self) -> float:
        """Seconds since the feed last read what was committed, or delivered a part of it; 0 while it is paused."""

    async def resume(self) -> None:
        """Deliver what is committed from now on. Returns when that holds.

        Writes that arrive during the wait are done after it. Raises core.errors.Refused: unavailable.
        """

    def give_up(self) -> None:
        """The gateway stops: refuse what waits and what runs, but for a commit that is under way."""

    async def close(self) -> None: ...
