"""Permissions: the `x-access` rules of rooms, resources and messages, applied to one user.

It decides by what the gateway verified about the user, never by what a message claims. A rule is a word, a row rule
(`{"where": ...}`, with `role` beside it for users with that role), or a list of rules of which one must hold. Where
there are no rows, a row rule denies; rules of rooms are in `core.access.room_rules`.
Invariant: anything missing or unknown denies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tidegate.core.access.claim_defaults import Defaults
from tidegate.core.access.claims import Claims
from tidegate.core.access.row_rules import Convert, bind
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import EVERYTHING, Filter, any_of, both
from tidegate_protocol import Principal

Hook = Callable[[Principal, Claims], Filter]
"""Application code that returns the rows on which a user may act. Raises Refused."""


class RowAccess(msgspec.Struct, frozen=True):
    """All rules about the rows of one resource."""

    resource: str
    rules: Mapping[str, Any]
    convert: Mapping[str, Convert] = {}
    """By property: turns a claim into its value."""
    hooks: Mapping[str, Hook] = {}
    """By action. They narrow what the rules allow, and never widen it."""
    defaults: Defaults = {}
    """The properties of new rows that claims of the user fill."""


def allows(rules: Mapping[str, Any], action: str, user: Principal) -> bool:
    """Whether `rules` (an `x-access` object) let `user` do `action`, whatever the row."""
    return any(says(rule, user) for rule in alternatives(rules, action))


def require(rules: Mapping[str, Any], action: str, user: Principal, kind: str, name: str) -> None:
    """Raise `unauthenticated` where a token could help, `forbidden` otherwise. The message names `kind` and `name`."""
    if not allows(rules, action, user):
        raise refusal(rules, action, user, kind, name)


def require_role(rules: Mapping[str, Any], action: str, user: Principal, room: str) -> None:
    """Raise `unauthenticated` or `forbidden` unless a role that `rules` name for `action` is one of the user's."""
    named = [rule for rule in alternatives(rules, action) if isinstance(rule, str) and rule.startswith("role:")]
    if any(says(rule, user) for rule in named):
        return
    if user.anonymous:
        raise Refused("unauthenticated", f"room {room!r}: without being joined, {action} needs a token with a role")
    raise Refused("forbidden", f"room {room!r}: without being joined, {action} needs a role that its rules name")


def permission(access: RowAccess, action: str, user: Principal, claims: Claims) -> Filter:
    """The rows with which `user` may do `action`. Raises Refused where the rules allow none."""
    rows = [EVERYTHING] if allows(access.rules, action, user) else [
        bind(rule["where"], user, claims, access.convert)
        for rule in alternatives(access.rules, action)
        if isinstance(rule, Mapping) and has_role(rule, user)
    ]  # fmt: skip
    if not rows:
        raise refusal(access.rules, action, user, "resource", access.resource)
    hook = access.hooks.get(action)
    return any_of(rows) if hook is None else both(any_of(rows), hook(user, claims))


def says(rule: Any, user: Principal) -> bool:
    """Whether a single rule allows `user`, whatever the row."""
    if rule == "anyone":
        return True
    if rule == "authenticated":
        return not user.anonymous
    if isinstance(rule, str) and rule.startswith("role:"):
        return not user.anonymous and rule.removeprefix("role:") in user.roles
    return False


def has_role(rule: Mapping[str, Any], user: Principal) -> bool:
    """Whether `user` has the role that stands beside the conditions of `rule`, if one does."""
    role = rule.get("role")
    return role is None or (not user.anonymous and role in user.roles)


def alternatives(rules: Mapping[str, Any], action: str) -> list[Any]:
    """The rules of which one must hold; [None] for an action that is not named."""
    rule = rules.get(action)
    return rule if isinstance(rule, list) else [rule]


def refusal(rules: Mapping[str, Any], action: str, user: Principal, kind: str, name: str) -> Refused:
    """`unauthenticated` where a token could help, `forbidden` otherwise."""
    if user.anonymous and any(isinstance(rule, str) for rule in alternatives(rules, action)):
        return Refused(
            "unauthenticated", f"{kind} {name!r}: {action} needs a signed-in user, and this client is anonymous"
        )
    return Refused("forbidden", f"{kind} {name!r}: {action} is not allowed")
