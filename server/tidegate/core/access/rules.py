"""Permissions: the `x-access` rules of rooms, resources and messages, applied to one user.

It decides by what the gateway verified about the user, never by what a message claims. A rule is a word, a row rule
(`{"where": ...}`), or a list of rules of which one must hold. Where there are no rows, a row rule denies.
Invariant: anything missing or unknown denies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tidegate.core.access.row_rules import Claims, Convert, bind
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


def allows(rules: Mapping[str, Any], action: str, user: Principal) -> bool:
    """Whether `rules` (an `x-access` object) let `user` do `action`, whatever the row."""
    return any(_says(rule, user) for rule in _alternatives(rules, action))


def require(rules: Mapping[str, Any], action: str, user: Principal, kind: str, name: str) -> None:
    """Raise `unauthenticated` where a token could help, `forbidden` otherwise. The message names `kind` and `name`."""
    if not allows(rules, action, user):
        raise _refusal(rules, action, user, kind, name)


def require_role(rules: Mapping[str, Any], action: str, user: Principal, room: str) -> None:
    """Raise `unauthenticated` or `forbidden` unless a role that `rules` name for `action` is one of the user's."""
    named = [rule for rule in _alternatives(rules, action) if isinstance(rule, str) and rule.startswith("role:")]
    if any(_says(rule, user) for rule in named):
        return
    if user.anonymous:
        raise Refused("unauthenticated", f"room {room!r}: without being joined, {action} needs a token with a role")
    raise Refused("forbidden", f"room {room!r}: without being joined, {action} needs a role that its rules name")


def permission(access: RowAccess, action: str, user: Principal, claims: Claims) -> Filter:
    """The rows with which `user` may do `action`. Raises Refused where the rules allow none."""
    rows = [EVERYTHING] if allows(access.rules, action, user) else [
        bind(rule["where"], user, claims, access.convert)
        for rule in _alternatives(access.rules, action)
        if isinstance(rule, Mapping)
    ]  # fmt: skip
    if not rows:
        raise _refusal(access.rules, action, user, "resource", access.resource)
    hook = access.hooks.get(action)
    return any_of(rows) if hook is None else both(any_of(rows), hook(user, claims))


def _says(rule: Any, user: Principal) -> bool:
    """Whether a single rule allows `user`, whatever the row."""
    if rule == "anyone":
        return True
    if rule == "authenticated":
        return not user.anonymous
    if isinstance(rule, str) and rule.startswith("role:"):
        return not user.anonymous and rule.removeprefix("role:") in user.roles
    return False


def _alternatives(rules: Mapping[str, Any], action: str) -> list[Any]:
    rule = rules.get(action)
    return rule if isinstance(rule, list) else [rule]


def _refusal(rules: Mapping[str, Any], action: str, user: Principal, kind: str, name: str) -> Refused:
    if user.anonymous and any(isinstance(rule, str) for rule in _alternatives(rules, action)):
        return Refused(
            "unauthenticated", f"{kind} {name!r}: {action} needs a signed-in user; send `authenticate` first"
        )
    return Refused("forbidden", f"{kind} {name!r}: {action} is not allowed")
