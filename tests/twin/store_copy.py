"""A copy that the gateway's data layer keeps, in this process: what a mutation of it needs, and quicker than a gateway.

The change feed of a real store delivers the changes; the store's own reading is the `list`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.support.deadlines import DEADLINE_S
from tests.twin.pair import Pair
from tests.twin.shared_tables import Copy, Rows, resources
from tidegate import schema
from tidegate.contract import Contract
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Change, ReadQuery
from tidegate.store import backends

T = TypeVar("T")


class StoreCopy(Copy):
    """Owns a store, and the thread of its loop, until `close`."""

    def __init__(self, url: str, folder: Path, pair: Pair) -> None:
        super().__init__(resources(folder), pair)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._delivered = threading.Condition()
        self._upto = 0
        self._unread = set(self.resources)
        """Resources whose rows have to be read: at the start, and after a reset."""
        contract = Contract(schema.bundle(schema.load(folder)))
        self._store = self._wait(backends.open_store(url, contract.resources))
        self._wait(self._begin())

    def close(self) -> None:
        self._wait(self._store.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def lists(self) -> dict[str, Rows] | str:
        try:
            read = {name: self._wait(self._store.read(ReadQuery(resource=name))) for name in self.resources}
        except Refused as refused:
            return f"list answers {refused}"
        found = {name: self.resources[name].by_key(result.rows) for name, result in read.items()}
        head = max(result.seq for result in read.values())
        with self._delivered:
            if not self._delivered.wait_for(lambda: self._upto >= head or not self._store.healthy, DEADLINE_S):
                return f"the feed is at {self._upto}, the log at {head}"
            for name in self._unread:
                self.rows[name] = dict(found[name])
            self._unread.clear()
        return found

    def told(self) -> bool:
        return not self._store.healthy

    def log(self) -> str:
        return ""

    async def _begin(self) -> None:
        self._upto = await self._store.head()
        self._store.follow(self._deliver)
        await self._store.resume()

    def _deliver(self, changes: Sequence[Change], upto: int) -> None:
        """In the loop's thread."""
        with self._delivered:
            for change in changes:
                if change.action == "reset":
                    self._unread.add(change.resource)
                elif change.new is None:
                    self.rows[change.resource].pop(self.resources[change.resource].key_of(change.key), None)
                else:
                    row = change.new
                    self.rows[change.resource][self.resources[change.resource].key_of(row)] = row
            self._upto = upto
            self._delivered.notify_all()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_S)
