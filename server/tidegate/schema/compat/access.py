"""Compares `x-access` rules: whether every user who could do something still can.

A rule that admits fewer users breaks their clients. A rule that admits more is worth a note. Row rules are compared as
filters; where it is not clear that the new one has all rows of the old one, it counts as narrower.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Rules = Mapping[str, Any]


def access_changes(was: Rules, now: Rules, *, rows: bool, what: str = "rows") -> Iterator[tuple[bool, str, str]]:
    """(breaking, action, reason) of each changed action. `rows`: rules that are objects admit users; elsewhere they do
    not. `what` they leave to users.
    """
    for action in sorted(was.keys() | now.keys()):
        before, after = _alternatives(was.get(action), rows), _alternatives(now.get(action), rows)
        wider, narrower = (_all_covered(*pair) for pair in ((before, after), (after, before)))
        if wider and narrower:
            continue
        told = f"was {_shown(was, action)}, is {_shown(now, action)}"
        if not after:
            yield True, action, f"{told}: no user may {action} any more"
        elif wider:
            yield False, action, f"{told}: more users may {action}"
        elif any(isinstance(rule, Mapping) for rule in (*before, *after)):
            yield True, action, f"{told}: fewer {what} may be left to users who may {action}"
        else:
            yield True, action, f"{told}: fewer users may {action}"


def _alternatives(rule: Any, rows: bool) -> list[Any]:
    rules = rule if isinstance(rule, list) else [] if rule is None else [rule]
    found = [rule for rule in rules if rows or not isinstance(rule, Mapping)]
    return ["anyone" if rule == {"where": {}} else rule for rule in found]


def _all_covered(narrow: list[Any], wide: list[Any]) -> bool:
    return all(any(_covers(rule, other) for rule in wide) for other in narrow)


def _covers(rule: Any, other: Any) -> bool:
    """Whether `rule` surely admits all that `other` admits."""
    if rule in ("anyone", other):
        return True
    if isinstance(rule, Mapping) and isinstance(other, Mapping):
        return _object_covers(rule, other)
    if isinstance(other, Mapping) and "role" in other:
        return rule in ("authenticated", f"role:{other['role']}")
    return rule == "authenticated" and isinstance(other, str) and other.startswith("role:")


def _object_covers(rule: Rules, other: Rules) -> bool:
    exists, narrow = rule.get("exists"), other.get("exists")
    return (
        rule.get("role") in (None, other.get("role"))
        and _implied(rule.get("where"), other.get("where"))
        and (
            exists is None
            or (
                narrow is not None
                and exists["resource"] == narrow["resource"]
                and _implied(exists["where"], narrow["where"])
            )
        )
    )


def _implied(wide: Any, narrow: Any) -> bool:
    """Whether the filter `narrow` surely implies `wide`."""
    known = list(_conditions(narrow))
    return all(any(_follows(condition, own) for own in known) for condition in _conditions(wide))


def _conditions(where: Any) -> Iterator[tuple[str, str, Any]]:
    """(property, operator, operand) of each condition of a filter. All of them must hold."""
    for name, asked in where.items() if isinstance(where, Mapping) else ():
        if name == "and":
            for inner in asked:
                yield from _conditions(inner)
        elif name == "or":
            yield "", "or", asked
        elif isinstance(asked, Mapping):
            yield from ((name, operator, operand) for operator, operand in asked.items())
        else:
            yield (name, "eq", asked) if asked is not None else (name, "null", True)


def _follows(wanted: tuple[str, str, Any], known: tuple[str, str, Any]) -> bool:
    """Whether the condition `wanted` surely follows from `known`."""
    if _same(wanted, known):
        return True
    (name, operator, operand), (other, how, value) = wanted, known
    if operator == "or":
        branches = value if how == "or" else [{other: {how: value}}]
        return all(any(_implied(wide, narrow) for wide in operand) for narrow in branches)
    if name == other and operator == "in" and isinstance(operand, list):
        values = value if how == "in" and isinstance(value, list) else [value] if how == "eq" else None
        return values is not None and all(any(_same(one, each) for each in operand) for one in values)
    return False


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _shown(rules: Rules, action: str) -> str:
    return repr(rules[action]) if action in rules else "denied"
