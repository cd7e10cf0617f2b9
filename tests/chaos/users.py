"""The users of a history, and the rows that each may see.

The permissions are written by hand, because the judge shares no code with the gateway. Only letters have row rules
(schema/resources/letters.json).
"""

from __future__ import annotations

import time
from functools import cache
from typing import NamedTuple

from tests.chaos.queries import Row
from tidegate.auth.tokens import sign

Right = frozenset[str] | None
"""The users whose letters a user may read. None: all letters. Always None for other resources."""
TOO_MANY = 1001
"""More values than a rule may take from a claim: such a user is refused letters altogether."""


SECRET = "signs the tokens of these histories"


class User(NamedTuple):
    """The claims of a token, and the resulting permission."""

    name: str
    id: str
    owners: Right
    roles: tuple[str, ...] = ()
    deputy_of: tuple[str, ...] = ()

    def right(self, resource: str) -> Right:
        return self.owners if resource == "letters" else None

    def refused(self, resource: str) -> bool:
        return resource == "letters" and len(self.deputy_of) >= TOO_MANY

    def may_see(self, resource: str, image: Row) -> bool:
        right = self.right(resource)
        return right is None or image["owner"] in right

    def where(self, resource: str) -> str:
        """The permission in SQL."""
        right = self.right(resource)
        if right is None:
            return "true"
        return f"owner in ({', '.join(repr(owner) for owner in sorted(right))})" if right else "false"


GUEST = User("a guest", "", frozenset())
"""Without a token."""
SIGNED_IN = [
    User("ada", "ada", frozenset({"ada"})),
    User("bob", "bob", frozenset({"bob"})),
    User("clerk", "clerk", None, roles=("clerk",)),
    # The same user, with other roles or other claims.
    User("ada as a clerk", "ada", None, roles=("clerk",)),
    User("ada for bob", "ada", frozenset({"ada", "bob"}), deputy_of=("bob",)),
    User("bob for nobody", "bob", frozenset({"bob", "nobody"}), deputy_of=("nobody",)),
    User("bob for too many", "bob", frozenset(), deputy_of=("x",) * TOO_MANY),
]
USERS = {user.name: user for user in (GUEST, *SIGNED_IN)}


@cache
def token(user: User) -> str | None:
    """None for a guest."""
    if user is GUEST:
        return None
    claims = {"deputy_of": list(user.deputy_of)} if user.deputy_of else {}
    return sign(SECRET, user.id, user.id.title(), list(user.roles), time.time(), 3600, claims)
