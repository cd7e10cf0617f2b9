"""The messages about rows: what a request, a snapshot or a missed change becomes on the wire.

It builds messages and decides what they may show; it frames and sends nothing.
Invariant: a message has only rows that its user may read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import EVERYTHING
from tidegate.core.rows.effects import ReadRows, WriteRows
from tidegate.core.rows.ports import Change, Mutation, ReadResult, Row, WriteResult
from tidegate.core.rows.subscription_index import SubscriptionGroup
from tidegate_protocol import FeedPosition, Rows, Snapshot, Subscribed, Update

Mode = Literal["live", "recovered", "snapshot"]


def rows_read(effect: ReadRows, result: ReadResult, epoch: str) -> Rows | None:
    """The answer to a `list` or `get`; None if the client wants none."""
    if effect.ref is None:
        return None
    rows = Rows(rows=result.rows, position=FeedPosition(epoch=epoch, seq=result.seq), ref=effect.ref)
    if result.total is not None:
        rows.total = result.total
    return rows


def rows_written(effect: WriteRows, result: WriteResult, epoch: str) -> Rows | None:
    """The answer to a `create`, `update` or `delete`; None if the client wants none."""
    if effect.ref is None:
        return None
    position = FeedPosition(epoch=epoch, seq=result.seq)
    return Rows(rows=visible(effect.mutation, result.rows), position=position, ref=effect.ref)


def visible(mutation: Mutation, rows: list[Row]) -> list[Row]:
    """Those of the written rows that a reply may show: the ones that the user may read. Of a deleted row it shows the
    key, which the client has sent.
    """
    if mutation.kind == "delete" or mutation.visible == EVERYTHING:
        return rows
    return list(filter(predicate(mutation.visible), rows))


def subscribed(group: SubscriptionGroup, mode: Mode, position: FeedPosition, ref: str | int) -> Subscribed:
    """The answer to a `subscribe`: how the subscription begins, and where."""
    message = Subscribed(subscription=group.id, resource=group.resource, position=position, mode=mode, ref=ref)
    if group.scope is not None:
        message.scope = group.scope
    return message


def snapshot_page(group: SubscriptionGroup, rows: list[Row], first: bool, end: FeedPosition | None) -> Snapshot:
    """One page of a snapshot. `first`: the client drops the rows that it has. `end`: of the last page, the position."""
    page = Snapshot(subscription=group.id, rows=rows, reset=first, done=end is not None)
    if end is not None:
        page.position = end
    if first and group.scope is not None:
        page.scope = group.scope
    return page


def missed(group: SubscriptionGroup, changes: Sequence[Change], epoch: str, user: str | None) -> Iterator[Update]:
    """What a subscription of `group` is sent for `changes` that it missed. `user` learns which were its own."""
    for change in changes:
        if change.resource != group.resource:
            continue
        update = group.update(change, epoch)
        if update is not None:
            if change.origin is not None and user is not None and change.actor == user:
                update.origin = change.origin
            yield update
