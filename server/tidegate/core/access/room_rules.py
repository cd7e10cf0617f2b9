"""Rules of rooms, bound to one user and one room: who may join it, send, see who is present, and read its history.

A rule may look at claims and at parameters of the room's name (`where`), or at rows of the database (`exists`). This
module reads no rows: it says which conditions on rows decide.
Invariant: anything missing or unknown denies. A missing claim makes its condition false, negative ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tidegate.core.access.claims import CLAIM, Claims, Known
from tidegate.core.access.row_rules import Convert, bind
from tidegate.core.access.rules import alternatives, has_role, refusal, says
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import NOTHING, Filter
from tidegate_protocol import Principal

ACTIONS = ("join", "send", "presence", "history")
OF_MEMBERS = frozenset({"presence", "history"})
"""Actions that every member may do where the rules do not name them."""


class Condition(msgspec.Struct, frozen=True):
    """A row of `resource` that matches `where` exists."""

    resource: str
    where: Filter


Verdict = bool | tuple[Condition, ...]
"""Whether a user may do something; conditions: it may while one of them holds."""


class RoomName(msgspec.Struct, frozen=True):
    """A room, as an application's rule sees it."""

    name: str
    pattern: str
    parameters: Mapping[str, str]
    """The values of the pattern's parameters in the name."""


Hook = Callable[[Principal, Claims, RoomName], bool]
"""Application code that says whether a user may do something in a room. Raises Refused."""


class RoomAccess(msgspec.Struct, frozen=True):
    """The rules of one kind of room."""

    rules: Mapping[str, Any] = {}
    """`x-access`, with canonical values."""
    convert: Mapping[str, Mapping[str, Convert]] = {}
    """By resource and property: turns a claim or a parameter into a value of the property."""
    hooks: Mapping[str, Hook] = {}
    """By action. They narrow what the rules allow, and never widen it."""

    @property
    def plain(self) -> bool:
        """Every rule is a word, so that it depends on the user alone."""
        return not self.hooks and not any(
            isinstance(rule, Mapping) for action in self.rules for rule in alternatives(self.rules, action)
        )


def may_by_default(rules: Mapping[str, Any], action: str) -> bool:
    """Whether every member may do `action`, because no rule names it."""
    return action in OF_MEMBERS and action not in rules


def anyone_may(rules: Mapping[str, Any]) -> frozenset[str]:
    """The actions that every member may do, for any user."""
    return frozenset(
        action for action in ACTIONS if may_by_default(rules, action) or "anyone" in alternatives(rules, action)
    )


def decide(access: RoomAccess, action: str, user: Principal, claims: Claims, room: RoomName) -> Verdict:
    """Whether `user` may do `action` in `room`, as far as it is known without rows. Raises Refused."""
    verdict = _decide(access, action, user, claims, room)
    hook = access.hooks.get(action)
    return verdict if verdict is False or hook is None or hook(user, claims, room) else False


def refused(access: RoomAccess, action: str, user: Principal, room: str) -> Refused:
    """Why `user` may not do `action`."""
    return refusal(access.rules, action, user, "room", room)


def _decide(access: RoomAccess, action: str, user: Principal, claims: Claims, room: RoomName) -> Verdict:
    if may_by_default(access.rules, action):
        return True
    known = Known(user, claims, room.parameters)
    found: dict[Condition, None] = {}
    for rule in alternatives(access.rules, action):
        if says(rule, user):
            return True
        if not isinstance(rule, Mapping) or not has_role(rule, user):
            continue
        if not ("where" in rule or "exists" in rule) or not _holds(rule.get("where", {}), known):
            continue
        if "exists" not in rule:
            return True
        resource = rule["exists"]["resource"]
        where = bind(rule["exists"]["where"], user, claims, access.convert[resource], room.parameters)
        if where != NOTHING:
            found[Condition(resource, where)] = None
    return tuple(found) or False


def _holds(where: Mapping[str, Any], known: Known) -> bool:
    return all(_condition(name, asked, known) for name, asked in where.items())


def _condition(name: str, asked: Any, known: Known) -> bool:
    if name == "and":
        return all(_holds(inner, known) for inner in asked)
    if name == "or":
        return any(_holds(inner, known) for inner in asked)
    value = known.value(name) if name.startswith(CLAIM) else (known.parameters or {}).get(name)
    if value is None:
        return False
    operators = asked if isinstance(asked, Mapping) else {"eq": asked}
    return all(_compares(operator, value, operand, known) for operator, operand in operators.items())


def _compares(operator: str, value: Any, operand: Any, known: Known) -> bool:
    """Whether `value` meets one operator. A claim that is a list has a value if one of its items is it."""
    wanted = [known.value(one) if known.stands(one) else one for one in _listed(operand)]
    wanted = [item for one in wanted for item in _listed(one)]
    if not wanted or None in wanted:
        return False
    found = any(_same(one, other) for one in _listed(value) for other in wanted)
    return found if operator in {"eq", "in"} else not found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal. A parameter is a text, so that the text of an integer equals it."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str) and isinstance(other, int):
        return one == str(other)
    if isinstance(one, int) and isinstance(other, str):
        return str(one) == other
    return bool(one == other)
