"""Two workers over one database with a hub in the loop of the test, a foreign program, and the copies of their clients.

`Workers` is the same over both databases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.store.application import RESOURCES
from tests.store.program import Program
from tests.support.hub import Hub
from tests.support.postgres import PostgresServer
from tests.support.waiting import until
from tidegate.contract import Resource
from tidegate.core.rows.ports import Change, ReadQuery
from tidegate.hub.connector import Connector
from tidegate.hub.connector import Hub as Address
from tidegate.hub.line import Line
from tidegate.store import OpenedStore, open_store
from tidegate.store.hub.feed_line import FeedLine
from tidegate.store.hub.store import HubStore


class Foreign(Protocol):
    """Another program."""

    def execute(self, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        """Statements have `?` for their parameters."""

    def close(self) -> None: ...


class PostgresProgram:
    """Implements `Foreign`."""

    def __init__(self, url: str) -> None:
        from tests.support.driver import psycopg

        self._connection = psycopg.connect(url, autocommit=True)

    def execute(self, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(sql.replace("%", "%%").replace("?", "%s").encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        self._connection.close()


class Copy:
    """A client's copy of the rows, kept with what the feed of one worker delivers."""

    def __init__(self, store: OpenedStore) -> None:
        self.store = store
        self.rows: dict[str, Any] = {}
        self.seqs: list[int] = []
        self.head = 0
        self.skipped: list[int] = []
        self.resets = 0

    def deliver(self, changes: Sequence[Change], head: int) -> None:
        assert head > self.head, "heads grow"
        assert all(self.head < change.seq <= head for change in changes), "what comes is new"
        self.head = head
        for change in changes:
            if change.action == "reset":
                self.resets += 1
                continue
            self.seqs.append(change.seq)
            code = change.key.get("code")
            if change.resource == "boats" and code is not None:
                if change.new is None:
                    self.rows.pop(code)
                else:
                    self.rows[code] = change.new

    def skip(self, head: int) -> None:
        self.skipped.append(head)
        self.head = max(self.head, head)


class Workers:
    """A hub, some workers and another program."""

    def __init__(self, url: str, program: Foreign) -> None:
        self.url = url
        self.kind = "sqlite" if url.startswith("sqlite:") else "postgresql"
        self.own = "tidegate_" if self.kind == "sqlite" else "_tidegate."
        """How the names of Tidegate's tables begin."""
        self.hub = Hub(backlog=1 << 20)
        self.program = program
        self.copies: list[Copy] = []

    async def start(self, count: int = 2) -> None:
        await self.hub.start(self.url, RESOURCES)
        for number in range(count):
            await self.worker(f"worker {number + 1}")

    async def worker(self, name: str, resources: Mapping[str, Resource] = RESOURCES) -> Copy:
        store = await open_store(self.url, resources, hub=Address(self.hub.address, name), durable=True)
        copy = Copy(store)
        store.follow(copy.deliver, copy.skip)
        self.copies.append(copy)
        return copy

    async def restart_hub(self) -> None:
        await self.hub.stop()
        await self.hub.start(self.url, RESOURCES)

    async def close(self) -> None:
        for copy in self.copies:
            await copy.store.close()
        await self.hub.stop()
        self.program.close()

    @property
    def seqs(self) -> list[int]:
        """Of the change log."""
        return [int(seq) for (seq,) in self.program.execute(f"SELECT seq FROM {self.own}log ORDER BY seq")]

    def prune(self, upto: int) -> None:
        self.program.execute(f"DELETE FROM {self.own}log WHERE seq <= {upto}")
        self.program.execute(f"UPDATE {self.own}meta SET value = {upto} WHERE name = 'pruned_to'")

    def connector(self, copy: Copy) -> Connector:
        return self._side(copy).row_line.connector

    def line(self, copy: Copy) -> Line | None:
        """Of the worker to the hub."""
        return self._side(copy).row_line.line

    async def equal(self) -> None:
        """Wait until every copy has everything, and compare it with the table."""
        head = max(self.seqs, default=0)
        for copy in self.copies:
            await until(lambda copy=copy: copy.head >= head)  # type: ignore[misc]
            found = await copy.store.read(ReadQuery(resource="boats"))
            assert copy.rows == {row["code"]: row for row in found.rows}

    def _side(self, copy: Copy) -> HubStore | FeedLine:
        store: Any = copy.store
        side: HubStore | FeedLine = store if isinstance(store, HubStore) else store._line
        return side


@contextmanager
def over(kind: str, path: Path, postgres: PostgresServer, template: str) -> Iterator[Workers]:
    """Not started. `path`: of a migrated file; `template`: a migrated database of the server."""
    if kind == "sqlite":
        yield Workers(f"sqlite:///{path}", Program(path))
        return
    with postgres.lent(template) as url:
        yield Workers(url, PostgresProgram(url))
