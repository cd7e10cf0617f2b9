"""Which subscriptions a committed change concerns, and what it means for each.

Equal subscriptions of users who may see the same rows form one group, which gets one frame for all its connections. A
group whose filter compares a property with certain values is found through an index, so that the cost of a change
grows with the groups that match it, not with all groups. Sending is not known here.
Invariant: a group is in the index exactly while a subscription holds it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from tidegate.core.filters.index_keys import IndexKeys, least_crowded
from tidegate.core.filters.predicate import points, predicate, token
from tidegate.core.filters.tree import EVERYTHING, OF_EVERYTHING, Filter, both, identity
from tidegate.core.rows.ports import Change, Row
from tidegate.core.session import Session
from tidegate_protocol import FeedPosition, Update

Action = Literal["create", "update", "delete"]
Met = tuple[bool, bool]
"""Whether a row matched before a change, and whether it matches now."""
SubscriptionKey = tuple[str, str, tuple[str, ...] | None]
"""What a client asks for: resource, identity of the filter, columns."""


class Bucket(dict["SubscriptionGroup", None]):
    """Groups that one change concerns together."""

    points = 0
    """How much it costs to hold a change against them."""

    def add(self, group: SubscriptionGroup) -> None:
        self[group] = None
        self.points += group.points

    def remove(self, group: SubscriptionGroup) -> None:
        del self[group]
        self.points -= group.points


CROWDED = 500
"""Points of the groups that share an index key, above which further ones count as if the index did not find them."""


class Indexing(msgspec.Struct, frozen=True, gc=False):
    """How the index finds a group, and what that costs."""

    indexed: IndexKeys | None
    """The index keys under which it is kept; None: it is looked at for each change of the resource."""
    points: int
    """What its client's filter costs for each change that the group is looked at for."""
    counted: int
    """These points, if changes of other values are held against it too; 0 for a group that its index finds."""


class SubscriptionGroup:
    """All subscriptions with one key and one permission.

    `id` names the key on the wire. Groups that differ only in their permission share it, so that a subscription keeps
    its id when its user may read other rows.
    """

    __slots__ = (
        "_meets", "counted", "fields", "filters", "frames", "holders", "id", "indexed", "key", "members", "points",
        "resource", "rule", "rule_identity", "scope", "sinks", "updates", "where",
    )  # fmt: skip

    def __init__(
        self, key_id: str, key: SubscriptionKey, filters: Filter, rule: tuple[Filter, str], where: Filter, by: Indexing
    ) -> None:
        """`rule`: the permission and its identity."""
        self.id = key_id
        self.key = key
        self.resource, _, self.fields = key
        self.filters = filters
        self.rule, self.rule_identity = rule
        """The rows that its members may see."""
        self.scope = None if self.rule_identity == OF_EVERYTHING else _fingerprint(self.rule_identity)
        """An opaque word for `rule`; None where every row may be seen."""
        self.where = where
        """The rows that they have."""
        self.indexed, self.points, self.counted = by.indexed, by.points, by.counted
        self.holders = 0
        """How many subscriptions exist, live or not."""
        self.members: dict[Session, None] = {}
        """The live sessions: they get every change that is dispatched from now on."""
        self.sinks: dict[Any, None] = {}
        """Where the frames of the live sessions go."""
        self.updates = self.frames = 0
        """Updates that were sent, and the same counted once for each member."""
        self._meets = predicate(self.where)

    def matches(self, row: Row | None) -> bool:
        """Whether `row` is one of this group's; a row that does not exist is not."""
        return row is not None and self._meets(row)

    def go_live(self, session: Session) -> None:
        """`session` was sent everything up to the cursor: from now on it gets the group's frames."""
        self.members[session] = None
        self.sinks[session.sink] = None

    def image(self, row: Row) -> Row:
        """`row` in the columns of this group."""
        fields = self.fields
        return row if fields is None else {name: row[name] for name in fields if name in row}

    def meets(self, change: Change) -> Met:
        return self.matches(change.old), self.matches(change.new)

    def outcome(self, change: Change, met: Met | None = None) -> tuple[Action, Row] | None:
        """What a subscriber does to its copy after `change`, or None for nothing (architecture: enter and leave).

        `met`: what `meets` returned, where that is known.
        """
        was, is_now = met or self.meets(change)
        if is_now:
            assert change.new is not None
            new = self.image(change.new)
            if not was:
                return "create", new
            assert change.old is not None
            return None if _same(new, self.image(change.old)) else ("update", new)
        return ("delete", change.key) if was else None

    def update(self, change: Change, epoch: str, met: Met | None = None) -> Update | None:
        """The push for this group after `change`, without its origin; None if nothing changes for it."""
        outcome = self.outcome(change, met)
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
        """By key, and identity of the permission."""
        self._ids: dict[SubscriptionKey, tuple[str, int]] = {}
        """The id of each key, and how many groups have it."""
        self._indexed: dict[str, dict[str, dict[tuple[bool, Any], Bucket]]] = {}
        self._unindexed: dict[str, Bucket] = {}
        self._points: dict[str, int] = {}
        self._created = 0

    def points(self, resource: str) -> int:
        """What the groups of `resource` count together."""
        return self._points.get(resource, 0)

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[SubscriptionGroup]:
        return iter(self._groups.values())

    def acquire(
        self,
        resource: str,
        filters: Filter,
        fields: tuple[str, ...] | None,
        rule: Filter = EVERYTHING,
        check: Callable[[int], None] = lambda points: None,
    ) -> SubscriptionGroup:
        """The one group of such subscriptions, kept until it is released as often as it was acquired.

        `check`: called for a new group with the points that it will count, before its filter is compiled. What it
        raises leaves the index as it was.
        """
        key = (resource, identity(filters), fields)
        rule_identity = OF_EVERYTHING if rule is EVERYTHING else identity(rule)
        group = self._groups.get((key, rule_identity))
        if group is None:
            where = both(filters, rule)
            by = self._indexing(resource, filters, where)
            check(by.counted)
            group = SubscriptionGroup(self._id(key), key, filters, (rule, rule_identity), where, by)
            self._groups[key, rule_identity] = group
            self._insert(group)
        group.holders += 1
        return group

    def _indexing(self, resource: str, filters: Filter, where: Filter) -> Indexing:
        """Of a new group, which counts nothing if the index finds it."""
        keys, each = self._index_keys(resource, where), points(filters)
        if keys is None:
            return Indexing(None, each, each)
        buckets = self._indexed.get(resource, _NO_BUCKETS)
        for name, value in keys:
            if buckets.get(name, _NO_BUCKETS).get(value, _NO_BUCKET).points + each > CROWDED:
                return Indexing(keys, each, each)
        return Indexing(keys, each, 0)

    def give_back(self, group: SubscriptionGroup) -> None:
        """Take back one `acquire` of a group that is held otherwise."""
        group.holders -= 1

    def release(self, group: SubscriptionGroup, session: Session) -> None:
        """Take back one `acquire` for `session`, which gets nothing more of the group."""
        group.members.pop(session, None)
        group.sinks.pop(session.sink, None)
        group.holders -= 1
        if group.holders == 0:
            del self._groups[group.key, group.rule_identity]
            self._remove(group)
            key_id, groups = self._ids.pop(group.key)
            if groups > 1:
                self._ids[group.key] = (key_id, groups - 1)

    def concerned(self, change: Change) -> Iterator[SubscriptionGroup]:
        """The groups that `change` could concern; each once."""
        yield from self._unindexed.get(change.resource, ())
        found: dict[SubscriptionGroup, None] = {}
        for name, buckets in self._indexed.get(change.resource, {}).items():
            for row in (change.old, change.new):
                value = None if row is None else row.get(name)
                if value is not None and not isinstance(value, list | dict):
                    found.update(buckets.get(token(value), _NO_BUCKET))
        yield from found

    def of_resource(self, resource: str) -> list[SubscriptionGroup]:
        return [group for group in self._groups.values() if group.resource == resource]

    def _id(self, key: SubscriptionKey) -> str:
        """The id of `key`, which one more group has now."""
        known = self._ids.get(key)
        if known is None:
            self._created += 1
            known = (f"s{self._created}", 0)
        key_id, groups = known
        self._ids[key] = (key_id, groups + 1)
        return key_id

    def _index_keys(self, resource: str, where: Filter) -> IndexKeys | None:
        """Those that the fewest groups share: `user_id` rather than `done`."""
        properties = self._indexed.get(resource, _NO_BUCKETS)

        def crowd(keys: IndexKeys) -> int:
            return sum(len(properties.get(name, _NO_BUCKETS).get(value, ())) for name, value in keys)

        return least_crowded(where, crowd)

    def _insert(self, group: SubscriptionGroup) -> None:
        """Keep `group` under its index keys."""
        resource = group.resource
        if group.counted:
            self._points[resource] = self.points(resource) + group.counted
        if group.indexed is None:
            self._unindexed.setdefault(resource, Bucket()).add(group)
            return
        properties = self._indexed.setdefault(resource, {})
        for name, value in group.indexed:
            properties.setdefault(name, {}).setdefault(value, Bucket()).add(group)

    def _remove(self, group: SubscriptionGroup) -> None:
        if group.counted:
            self._points[group.resource] -= group.counted
        if group.indexed is None:
            self._unindexed[group.resource].remove(group)
            return
        properties = self._indexed[group.resource]
        for name, value in group.indexed:
            bucket = properties[name][value]
            bucket.remove(group)
            if not bucket:
                del properties[name][value]


_NO_BUCKETS: dict[Any, Any] = {}
_NO_BUCKET = Bucket()


def _same(one: Row, other: Row) -> bool:
    """Whether the two are sent alike. (Python's own comparison takes `true` for 1.)"""
    return one == other and msgspec.json.encode(one) == msgspec.json.encode(other)


def _fingerprint(rule_identity: str) -> str:
    return hashlib.blake2b(rule_identity.encode(), digest_size=12).hexdigest()
