"""Who may do what: the `x-access` rules of rooms, resources and messages, asked one user at a time.

It decides from what the server knows of the user, never from what a message claims. It does not know rows: a row rule
(`{"where": ...}`) cannot be answered here and therefore denies.
Invariant: anything missing, unknown or not implemented denies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.core.errors import Refused
from tidegate_protocol import Principal


def allows(rules: Mapping[str, Any], action: str, user: Principal) -> bool:
    """Whether `rules` (an `x-access` object) let `user` do `action`."""
    rule = rules.get(action)
    if rule == "anyone":
        return True
    if rule == "authenticated":
        return not user.anonymous
    if isinstance(rule, str) and rule.startswith("role:"):
        return not user.anonymous and rule.removeprefix("role:") in user.roles
    return False


def require(rules: Mapping[str, Any], action: str, user: Principal, kind: str, name: str) -> None:
    """Raise `unauthenticated` where signing in could help, else `forbidden`. `kind` and `name` are for the message."""
    if allows(rules, action, user):
        return
    rule = rules.get(action)
    if user.anonymous and isinstance(rule, str):
        raise Refused("unauthenticated", f"{kind} {name!r}: {action} needs a signed-in user; send `authenticate` first")
    raise Refused("forbidden", f"{kind} {name!r}: {action} is not allowed")
