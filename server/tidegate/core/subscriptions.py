"""Which subscriptions a committed change concerns, and what it means for each.

Equal subscriptions form one group with one frame, however many connections wait for it. Groups with an equality term
are found through an index, so that a change costs what it matches, not what exists. Sending is not known here.
Invariant: a group is in the index exactly while somebody holds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from tidegate.core.filters import Terms, matches, token
from tidegate.core.ports import Change, Row
from tidegate_protocol import FeedPosition, Update

if TYPE_CHECKING:
    from tidegate.core.session import Session

Action = Literal["create", "update", "delete"]
GroupKey = tuple[str, Terms, tuple[str, ...] | None]


class Group:
    """All equal subscriptions: resource, filter and columns. `lines` are where its frames go."""

    __slots__ = ("fields", "holders", "id", "key", "lines", "members", "resource", "terms")

    def __init__(self, group_id: str, resource: str, terms: Terms, fields: tuple[str, ...] | None) -> None:
        self.id = group_id
        self.resource = resource
        self.terms = terms
        self.fields = fields
        self.key: GroupKey = (resource, terms, fields)
        self.holders = 0
        """Subscriptions that exist, live or still replaying."""
        self.members: dict[Session, None] = {}
        """Sessions that are live: they hear of every change dispatched from now on."""
        self.lines: dict[Any, None] = {}

    def go_live(self, session: Session) -> None:
        """`session` has everything up to the dispatched position: from here on it gets the group's frames."""
        self.members[session] = None
        self.lines[session.line] = None

    def image(self, row: Row) -> Row:
        """`row` in the columns of this group."""
        fields = self.fields
        return row if fields is None else {name: row[name] for name in fields if name in row}

    def outcome(self, change: Change) -> tuple[Action, Row] | None:
        """What a subscriber does to its copy after `change`, or None for nothing (architecture: enter and leave)."""
        was, is_now = matches(self.terms, change.old), matches(self.terms, change.new)
        if is_now:
            assert change.new is not None
            new = self.image(change.new)
            if not was:
                return "create", new
            assert change.old is not None
            return None if new == self.image(change.old) else ("update", new)
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


class Subscriptions:
    """All groups, and the index that finds those that a change can concern."""

    def __init__(self) -> None:
        self._groups: dict[GroupKey, Group] = {}
        self._indexed: dict[str, dict[str, dict[tuple[bool, Any], dict[Group, None]]]] = {}
        self._unindexed: dict[str, dict[Group, None]] = {}
        self._created = 0

    def __len__(self) -> int:
        return len(self._groups)

    def acquire(self, resource: str, terms: Terms, fields: tuple[str, ...] | None) -> Group:
        """The one group of such subscriptions, kept until it is released as often as it was acquired."""
        group = self._groups.get((resource, terms, fields))
        if group is None:
            self._created += 1
            group = Group(f"s{self._created}", resource, terms, fields)
            self._groups[group.key] = group
            self._shelf(group)[group] = None
        group.holders += 1
        return group

    def release(self, group: Group, session: Session) -> None:
        """Take back one `acquire` of `session`, which hears nothing more of the group."""
        group.members.pop(session, None)
        group.lines.pop(session.line, None)
        group.holders -= 1
        if group.holders == 0:
            del self._groups[group.key]
            self._unshelve(group)

    def concerned(self, change: Change) -> Iterator[Group]:
        """The groups that `change` could concern; each once."""
        yield from self._unindexed.get(change.resource, ())
        for name, values in self._indexed.get(change.resource, {}).items():
            seen = None
            for row in (change.old, change.new):
                value = None if row is None else row.get(name)
                if value is None or isinstance(value, list | dict) or token(value) == seen:
                    continue
                seen = token(value)
                yield from values.get(seen, ())

    def of_resource(self, resource: str) -> list[Group]:
        return [group for group in self._groups.values() if group.resource == resource]

    def _shelf(self, group: Group) -> dict[Group, None]:
        """Where the index keeps `group`: under its first equality term, else in the short list of the rest."""
        for term in group.terms:
            if term.operator == "eq":
                by_property = self._indexed.setdefault(group.resource, {}).setdefault(term.property, {})
                return by_property.setdefault(token(term.value), {})
        return self._unindexed.setdefault(group.resource, {})

    def _unshelve(self, group: Group) -> None:
        shelf = self._shelf(group)
        del shelf[group]
        if shelf:
            return
        for term in group.terms:
            if term.operator == "eq":
                del self._indexed[group.resource][term.property][token(term.value)]
                return
