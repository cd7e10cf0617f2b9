"""All conditions that something depends on, and the index that finds those that a change can concern.

Equal conditions share one watch. A watch whose filter compares a property with certain values is found through an
index, so that the cost of a change grows with the watches that it concerns, not with all of them.
Invariant: a watch is kept exactly while it has a holder, and `seq` is the position up to which changes were dispatched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from tidegate.core.access.room_rules import Condition
from tidegate.core.filters.index_keys import IndexKeys, least_crowded
from tidegate.core.filters.predicate import token
from tidegate.core.filters.tree import identity
from tidegate.core.watches.watch import Changed, Row, Watch

_Bucket = dict[Watch, None]


class Watches:
    """Of one gateway."""

    def __init__(self, keys: Mapping[str, Collection[str]]) -> None:
        """`keys`: by resource, the properties that identify a row."""
        self.seq = 0
        self._keys = keys
        self._watches: dict[tuple[str, str], Watch] = {}
        self._indexed: dict[str, dict[str, dict[tuple[bool, Any], _Bucket]]] = {}
        self._unindexed: dict[str, _Bucket] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def __iter__(self) -> Iterator[Watch]:
        return iter(list(self._watches.values()))

    def acquire(self, condition: Condition, holder: object) -> Watch:
        """The watch of `condition`, kept until `release` was called for each holder."""
        name = condition.resource, identity(condition.where)
        watch = self._watches.get(name)
        if watch is None:
            watch = self._watches[name] = Watch(condition, self._keys[condition.resource])
            self._insert(watch)
        watch.holders[holder] = None
        return watch

    def release(self, watch: Watch, holder: object) -> None:
        """`holder` depends on `watch` no longer. Idempotent."""
        if watch.holders.pop(holder, watch) is watch:
            return
        if not watch.holders:
            del self._watches[watch.condition.resource, identity(watch.condition.where)]
            self._remove(watch)

    def read(self, watch: Watch, rows: Collection[Row], seq: int) -> None:
        """See `Watch.read`."""
        watch.read(rows, seq, self.seq)

    def dispatched(self, changes: Sequence[Changed], head: int) -> list[Watch]:
        """`changes`, which are all up to `head`, were dispatched. Returns the watches that do not hold any more, or of
        which that is not known.
        """
        touched: dict[Watch, None] = {}
        for change in changes:
            if change.action == "reset":
                for watch in self.of_resource(change.resource):
                    watch.lost = True
                    touched[watch] = None
                continue
            for watch in self._concerned(change):
                watch.apply(change)
                touched[watch] = None
        self.seq = head
        return [watch for watch in touched if watch.lost or (watch.live and not watch.keys)]

    def of_resource(self, resource: str) -> list[Watch]:
        return [watch for watch in self if watch.condition.resource == resource]

    def _concerned(self, change: Changed) -> Iterator[Watch]:
        """The watches that `change` could concern; each once."""
        found: dict[Watch, None] = dict(self._unindexed.get(change.resource, {}))
        for name, buckets in self._indexed.get(change.resource, {}).items():
            for row in (change.old, change.new):
                value = None if row is None else row.get(name)
                if value is not None and not isinstance(value, list | dict):
                    found.update(buckets.get(token(value), {}))
        yield from found

    def _insert(self, watch: Watch) -> None:
        properties = self._indexed.setdefault(watch.condition.resource, {})

        def crowd(keys: IndexKeys) -> int:
            return sum(len(properties.get(name, {}).get(value, ())) for name, value in keys)

        watch.indexed = least_crowded(watch.condition.where, crowd)
        for bucket in self._buckets(watch):
            bucket[watch] = None

    def _remove(self, watch: Watch) -> None:
        for bucket in self._buckets(watch):
            bucket.pop(watch, None)
        properties = self._indexed[watch.condition.resource]
        for name, value in watch.indexed or ():
            if not properties[name].get(value, True):
                del properties[name][value]

    def _buckets(self, watch: Watch) -> list[_Bucket]:
        resource = watch.condition.resource
        if watch.indexed is None:
            return [self._unindexed.setdefault(resource, {})]
        properties = self._indexed[resource]
        return [properties.setdefault(name, {}).setdefault(value, {}) for name, value in watch.indexed]
