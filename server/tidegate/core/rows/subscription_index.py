"""Which subscriptions a committed change concerns, and what it means for each.

Equal subscriptions of users who may see the same rows form one group with one frame, however many connections wait for
it. Groups whose filter asks properties for certain values are found through an index, so that a change costs what it
matches, not what exists. Sending is not known here.
Invariant: a group is in the index exactly while somebody holds it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tidegate.core.filters.predicate import predicate, token
from tidegate.core.filters.tree import EVERYTHING, And, Filter, Or, Term, both, identity
from tidegate.core.rows.ports import Change, Row
from tidegate_protocol import FeedPosition, Update

if TYPE_CHECKING:
    from tidegate.core.session import Session

Action = Literal["create", "update", "delete"]
SubscriptionKey = tuple[str, str, tuple[str, ...] | None]
"""What clients ask for: resource, identity of the filter, columns."""
IndexKey = tuple[str, tuple[bool, Any]]
"""A property, and the token of a value."""
IndexKeys = tuple[IndexKey, ...]
"""Places of which every row that matches has at least one."""
Bucket = dict["SubscriptionGroup", None]

INDEXED_VALUES = 8
"""A group is kept under each value of an `in` as long as that one is not longer."""
INDEXED_PLACES = 16
"""And in all places of an `or`, as long as these are not more."""


class SubscriptionGroup:
    """All subscriptions of one wish and one permission. `sinks` are where its frames go.

    `id` names the wish on the wire: it stays a subscription's own when its user comes to see other rows, and groups
    that differ in their permission alone share it. So it tells no groups apart.
    """

    __slots__ = (
        "_meets", "fields", "filters", "holders", "id", "indexed", "members", "resource", "rule", "scope", "sinks",
        "where", "wish",
    )  # fmt: skip

    def __init__(
        self, wish_id: str, resource: str, filters: Filter, fields: tuple[str, ...] | None, rule: Filter
    ) -> None:
        self.id = wish_id
        self.resource = resource
        self.filters = filters
        self.fields = fields
        self.rule = rule
        """The rows that its members may see."""
        self.scope = None if rule == EVERYTHING else _fingerprint(rule)
        """An opaque word for `rule`; None where every row may be seen."""
        self.where = both(filters, rule)
        """The rows that they have."""
        self.wish: SubscriptionKey = (resource, identity(filters), fields)
        self.indexed: IndexKeys | None = None
        """Where the index keeps it; None: in the short list of the rest."""
        self.holders = 0
        """Subscriptions that exist, live or still replaying."""
        self.members: dict[Session, None] = {}
        """Sessions that are live: they hear of every change dispatched from now on."""
        self.sinks: dict[Any, None] = {}
        self._meets = predicate(self.where)

    def matches(self, row: Row | None) -> bool:
        """Whether `row` is one of this group's; a row that does not exist is not."""
        return row is not None and self._meets(row)

    def go_live(self, session: Session) -> None:
        """`session` has everything up to the dispatched position: from here on it gets the group's frames."""
        self.members[session] = None
        self.sinks[session.sink] = None

    def image(self, row: Row) -> Row:
        """`row` in the columns of this group."""
        fields = self.fields
        return row if fields is None else {name: row[name] for name in fields if name in row}

    def outcome(self, change: Change) -> tuple[Action, Row] | None:
        """What a subscriber does to its copy after `change`, or None for nothing (architecture: enter and leave)."""
        was, is_now = self.matches(change.old), self.matches(change.new)
        if is_now:
            assert change.new is not None
            new = self.image(change.new)
            if not was:
                return "create", new
            assert change.old is not None
            return None if _same(new, self.image(change.old)) else ("update", new)
        return ("delete", change.key) if was else None

    def update(self, change: Change, epoch: str) -> Update | None:
        """The push for this group after `change`, without its origin; None when it need not hear of it."""
        outcome = self.outcome(change)
        if outcome is None or change.action == "reset":
            return None
        action, data = outcome
        return Update(
            subscription=self.id,
            resource=self.resource,
            action=action,
            data=data,
            position=FeedPosition(epoch=epoch, seq=change.seq),
            cause=change.action,
        )


class SubscriptionIndex:
    """All groups, and the index that finds those that a change can concern."""

    def __init__(self) -> None:
        self._groups: dict[tuple[SubscriptionKey, str], SubscriptionGroup] = {}
        """By wish, and identity of the permission."""
        self._wishes: dict[SubscriptionKey, tuple[str, int]] = {}
        """The id of each wish, and how many groups have it."""
        self._indexed: dict[str, dict[str, dict[tuple[bool, Any], Bucket]]] = {}
        self._unindexed: dict[str, Bucket] = {}
        self._created = 0

    def __len__(self) -> int:
        return len(self._groups)

    def acquire(
        self, resource: str, filters: Filter, fields: tuple[str, ...] | None, rule: Filter = EVERYTHING
    ) -> SubscriptionGroup:
        """The one group of such subscriptions, kept until it is released as often as it was acquired."""
        wish = (resource, identity(filters), fields)
        group = self._groups.get((wish, identity(rule)))
        if group is None:
            group = SubscriptionGroup(self._wish_id(wish), resource, filters, fields, rule)
            self._groups[wish, identity(rule)] = group
            self._shelve(group)
        group.holders += 1
        return group

    def release(self, group: SubscriptionGroup, session: Session) -> None:
        """Take back one `acquire` of `session`, which hears nothing more of the group."""
        group.members.pop(session, None)
        group.sinks.pop(session.sink, None)
        group.holders -= 1
        if group.holders == 0:
            del self._groups[group.wish, identity(group.rule)]
            self._unshelve(group)
            wish_id, groups = self._wishes.pop(group.wish)
            if groups > 1:
                self._wishes[group.wish] = (wish_id, groups - 1)

    def concerned(self, change: Change) -> Iterator[SubscriptionGroup]:
        """The groups that `change` could concern; each once."""
        yield from self._unindexed.get(change.resource, ())
        found: Bucket = {}
        for name, shelves in self._indexed.get(change.resource, {}).items():
            for row in (change.old, change.new):
                value = None if row is None else row.get(name)
                if value is not None and not isinstance(value, list | dict):
                    found.update(shelves.get(token(value), {}))
        yield from found

    def of_resource(self, resource: str) -> list[SubscriptionGroup]:
        return [group for group in self._groups.values() if group.resource == resource]

    def _wish_id(self, wish: SubscriptionKey) -> str:
        """The id of a wish that one more group has."""
        if wish not in self._wishes:
            self._created += 1
        wish_id, groups = self._wishes.get(wish, (f"s{self._created}", 0))
        self._wishes[wish] = (wish_id, groups + 1)
        return wish_id

    def _shelve(self, group: SubscriptionGroup) -> None:
        """Keep `group` where it shares its places with the fewest: `done` is one of two, `user_id` one of many."""
        properties = self._indexed.setdefault(group.resource, {})

        def crowd(way: IndexKeys) -> int:
            return sum(len(properties.get(name, {}).get(value, ())) for name, value in way)

        group.indexed = min(_ways_to_index(group.where, crowd), key=crowd, default=None)
        if group.indexed is None:
            self._unindexed.setdefault(group.resource, {})[group] = None
            return
        for name, value in group.indexed:
            properties.setdefault(name, {}).setdefault(value, {})[group] = None

    def _unshelve(self, group: SubscriptionGroup) -> None:
        if group.indexed is None:
            del self._unindexed[group.resource][group]
            return
        for name, value in group.indexed:
            shelves = self._indexed[group.resource][name]
            del shelves[value][group]
            if not shelves[value]:
                del shelves[value]


def _same(one: Row, other: Row) -> bool:
    """Whether the two are sent alike. (Python's own comparison takes `true` for 1.)"""
    return one == other and msgspec.json.encode(one) == msgspec.json.encode(other)


def _fingerprint(rule: Filter) -> str:
    return hashlib.blake2b(identity(rule).encode(), digest_size=12).hexdigest()


def _ways_to_index(filters: Filter, crowd: Callable[[IndexKeys], int]) -> Iterator[IndexKeys]:
    """The conditions that every matching row meets by having one of few values; of an `or`, the best of each part."""
    for part in filters.parts if isinstance(filters, And) else (filters,):
        if isinstance(part, Or):
            ways = [min(_ways_to_index(one, crowd), key=crowd, default=None) for one in part.parts]
            places = dict.fromkeys(place for way in ways for place in way or ())
            if None not in ways and len(places) <= INDEXED_PLACES:
                yield tuple(places)
        elif isinstance(part, Term) and part.operator == "eq":
            yield ((part.property, token(part.value)),)
        elif isinstance(part, Term) and part.operator == "in" and len(part.value) <= INDEXED_VALUES:
            yield tuple((part.property, token(value)) for value in part.value)
