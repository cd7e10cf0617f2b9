"""Which rows a session may read and write.

It binds the `x-access` rules of a resource to the session's user and remembers the result. It reads no rows.
Invariant: what is remembered was decided for the session's present user and claims (`forget` when these change).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tidegate.core.access.rules import RowAccess, permission
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import EVERYTHING, NOTHING, Filter
from tidegate.core.session import Session


class ResourceRules(msgspec.Struct, frozen=True):
    """What the core needs to know about a resource."""

    name: str
    key: tuple[str, ...]
    access: RowAccess


class Permissions:
    """The rows with which each session's user may do something."""

    def __init__(self, resources: Mapping[str, ResourceRules]) -> None:
        self._resources = resources
        self._known: dict[Session, dict[tuple[str, str], Filter]] = {}
        """By resource and action."""

    def rules(self, resource: str) -> ResourceRules:
        """The rules of a resource by its name. Raises Refused if the schema has none of this name."""
        rules = self._resources.get(resource)
        if rules is None:
            raise Refused("unknown_resource", "the schema has no such resource", pointer="/resource")
        return rules

    def permitted(self, session: Session, rules: ResourceRules, action: str) -> Filter:
        """The rows with which the session's user may do `action`. Raises Refused if there are none."""
        of_session = self._known.get(session)
        if of_session is None:
            of_session = self._known[session] = {}
        known = of_session.get((rules.name, action))
        if known is None:
            known = permission(rules.access, action, session.user, session.claims)
            of_session[rules.name, action] = known
        return known

    def readable(self, session: Session, rules: ResourceRules) -> Filter:
        """The rows that the session's user may read, even if there are none.

        Raises Refused if a rule of the application failed: then the gateway does not know.
        """
        try:
            return self.permitted(session, rules, "read")
        except Refused as refused:
            if refused.code == "internal":
                raise
            return NOTHING

    def forget(self, session: Session) -> None:
        """The session's user or claims changed, or the session ended."""
        self._known.pop(session, None)


class Unrestricted(Permissions):
    """Every row, for the application's own code that acts for no user."""

    def permitted(self, session: Session, rules: ResourceRules, action: str) -> Filter:
        return EVERYTHING
