"""What the rules of rows want done, beside replies and pushes."""

from __future__ import annotations

from tidegate.core.effects import Effect, Ref
from tidegate.core.rows.ports import Mutation, ReadQuery
from tidegate.core.rows.subscription import Subscription
from tidegate.core.session import Session


class Read(Effect, frozen=True, gc=False):
    """Rows for one session."""

    session: Session
    ref: Ref
    query: ReadQuery


class Write(Effect, frozen=True, gc=False):
    """A mutation. The reply has those of the rows that its user may read (`order.visible`)."""

    session: Session
    ref: Ref
    order: Mutation


class Watch(Effect, frozen=True, gc=False):
    """Bring a subscription up to the dispatched position, then make it live."""

    session: Session
    watching: Subscription
