"""How many conditions clients may have every change held against, by connection, account and resource.

A change is held against the conditions of each group of subscriptions that no index leaves out, while the event loop
does nothing else. Equal subscriptions of an account count once: they are one group.
Invariant: what an account holds is the sum of the points of the groups that its sessions are subscribed to.
"""

from __future__ import annotations

from tidegate.core.errors import Refused
from tidegate.core.rows.subscription_index import SubscriptionGroup, SubscriptionIndex
from tidegate.core.session import Session

# A change of a row costs 0.15 to 0.3 us for each point (old row and new row, texts of up to 1 kB): at 40,000 points the
# loop is held for about 10 ms.
OF_CONNECTION = 2_000
OF_ACCOUNT = 8_000
OF_RESOURCE = 40_000
SMALL = 200
"""An account with no more than that is refused only at `OF_RESOURCE`, the others at four fifths of it."""


class ConditionLimits:
    """What sessions and accounts hold. One point is a plain condition; `subscription_index` counts the points."""

    def __init__(self, index: SubscriptionIndex) -> None:
        self._index = index
        self._of_session: dict[Session, int] = {}
        self._of_account: dict[str, dict[SubscriptionGroup, int]] = {}
        """How many sessions of an account are subscribed to a group."""
        self._points: dict[str, int] = {}
        """Of each account."""

    def check_new(self, session: Session, points: int, resource: str) -> None:
        """Raises Refused if `session` may not be subscribed to a group that is not in the index and would count so."""
        if points:
            self._check(session, points, points, self._index.points(resource) + points)

    def check(self, session: Session, group: SubscriptionGroup) -> None:
        """Raises Refused if `session` may not be subscribed to `group`, which is in the index already."""
        if group.counted:
            new = 0 if group in self._of_account.get(session.account, ()) else group.counted
            self._check(session, group.counted, new, self._index.points(group.resource))

    def _check(self, session: Session, points: int, new: int, of_resource: int) -> None:
        """`points`: of one more subscription; `new`: of those, what its account does not hold yet."""
        if self._of_session.get(session, 0) + points > OF_CONNECTION:
            raise _refused("of this connection", "unsubscribe from one")
        held = self._points.get(session.account, 0) + new
        if held > OF_ACCOUNT:
            raise _refused("of this user or address", "unsubscribe from some")
        if of_resource > (OF_RESOURCE if held <= SMALL else OF_RESOURCE * 4 // 5):
            raise _refused("of all clients of this gateway", "try again later")

    def add(self, session: Session, group: SubscriptionGroup) -> str:
        """`session` is subscribed to `group`. Returns the account that pays until `remove`."""
        account = session.account
        if group.counted:
            self._of_session[session] = self._of_session.get(session, 0) + group.counted
            groups = self._of_account.setdefault(account, {})
            if group not in groups:
                self._points[account] = self._points.get(account, 0) + group.counted
            groups[group] = groups.get(group, 0) + 1
        return account

    def remove(self, session: Session, account: str, group: SubscriptionGroup) -> None:
        """The subscription is over."""
        if not group.counted:
            return
        self._of_session[session] -= group.counted
        if not self._of_session[session]:
            del self._of_session[session]
        groups = self._of_account[account]
        groups[group] -= 1
        if groups[group]:
            return
        del groups[group]
        self._points[account] -= group.counted
        if not groups:
            del self._of_account[account]
            del self._points[account]


def _refused(whose: str, instead: str) -> Refused:
    message = (
        f"the subscriptions {whose} have too many conditions that each change is held against; {instead}, or ask for a "
        "value of a property"
    )
    return Refused("limit_reached", message, pointer="/filters")
