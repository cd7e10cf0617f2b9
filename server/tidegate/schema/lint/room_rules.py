"""Checks patterns of rooms and the rules of rooms: parameters, claims, and the rows that must exist.

A rule that does not fit would fail for every request, so the gateway does not start with one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from typing import Any

from tidegate.json_pointer import escape
from tidegate.schema import filter_schemas
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.lint.row_rules import CLAIM, LIKE_A_CLAIM, filter_problems, texts_in
from tidegate.schema.patterns import OPEN, PARAMETER, parameters
from tidegate.schema.problem import Problem
from tidegate.schema.resource import Resource, read_resource
from tidegate.schema.suggestions import suggestion

OPERATORS = ("eq", "ne", "in", "nin")
"""What conditions on parameters and claims may ask."""
_PARAMETER = re.compile(r"\$room\.")
_BRACES = re.compile(r"\{[^{}]*\}?|\}")
_BESIDE = re.compile(rf"{PARAMETER.pattern}(?:\*|{PARAMETER.pattern})|\*+{PARAMETER.pattern}")

Found = tuple[str, str]
"""(pointer below the rule, what is wrong and what to write)"""


def room_rule_problems(schemas: Schemas, own: list[Definition]) -> Iterator[Problem]:
    """All problems of the patterns and the rules of the rooms in `own`."""
    files = [item for item in own if item.kind == "resources" and item.is_file]
    resources = {item.name: read_resource(item.name, item.schema, schemas.by_key) for item in files}
    known = {item.name for item in schemas.definitions if item.kind == "resources" and item.is_file}
    unread = any(file.startswith("resources/") for file in schemas.unreadable)
    for item in own:
        if item.kind != "rooms" or not item.is_file:
            continue
        pattern = item.schema["x-room"]["pattern"]
        if reason := pattern_fault(pattern):
            yield Problem(item.file, "/x-room/pattern", reason)
            continue
        for place, rule in rules_of(item.schema.get("x-access", {})):
            for below, reason in _where(rule.get("where", {}), pattern, "/where"):
                yield Problem(item.file, f"/x-access{place}{below}", reason)
            if "exists" not in rule:
                continue
            name = rule["exists"]["resource"]
            if name not in known and not unread:
                reason = f"there is no resource {name!r}{suggestion(name, known)}"
                yield Problem(item.file, f"/x-access{place}/exists/resource", reason)
            elif name in resources:
                for below, reason in _exists(rule["exists"]["where"], resources[name], pattern):
                    yield Problem(item.file, f"/x-access{place}/exists/where{below}", reason)


def rules_of(access: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(pointer in x-access, rule) of every rule that is an object."""
    for action, said in access.items():
        for index, rule in enumerate(said if isinstance(said, list) else [said]):
            if isinstance(rule, dict):
                yield f"/{action}{f'/{index}' if isinstance(said, list) else ''}", rule


def pattern_fault(pattern: str) -> str | None:
    """Why the braces of `pattern` make no parameters that have one reading."""
    for brace in _BRACES.finditer(pattern):
        if not PARAMETER.fullmatch(brace[0]):
            named = re.sub(r"\W+", "_", brace[0].strip("{}").strip()).strip("_")
            write = "{" + (named if named and not named[0].isdigit() else "id") + "}"
            return f"{brace[0]!r} is no parameter: a parameter is a name in braces, such as {write!r}"
    names = parameters(pattern)
    if taken := next((name for name in names if iskeyword(name)), None):
        return f"{taken!r} is a word of Python, which no parameter of a generated function can be; choose another name"
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        return f"the parameter {twice[0]!r} stands twice; give each its own name"
    if beside := _BESIDE.search(pattern):
        return f"nothing stands between {beside[0]!r}, so that no name shows where one ends: write a character between"
    if OPEN in pattern and names and pattern.index(OPEN) < pattern.rindex("{"):
        return "`*` before a parameter leaves open where the parameter begins: write another parameter in place of `*`"
    return None


def _where(where: Any, pattern: str, place: str) -> Iterator[Found]:
    """Conditions on parameters and claims."""
    for name, asked in where.items():
        here = f"{place}/{escape(name)}"
        if name in filter_schemas.COMBINERS:
            if not isinstance(asked, list) or not asked or not all(isinstance(inner, dict) for inner in asked):
                yield here, "must be a list of conditions: write [{...}]"
                continue
            for index, inner in enumerate(asked):
                yield from _where(inner, pattern, f"{here}/{index}")
            continue
        if not CLAIM.match(name) and name not in parameters(pattern):
            yield here, _unknown_name(name, pattern)
            continue
        operators = asked if isinstance(asked, dict) else {"eq": asked}
        for operator, operand in operators.items():
            below = f"{here}/{escape(operator)}" if isinstance(asked, dict) else here
            if operator not in OPERATORS:
                hint = suggestion(operator, OPERATORS) or f"; its operators are {', '.join(OPERATORS)}"
                yield below, f"a condition on a parameter or a claim has no operator {operator!r}{hint}"
            elif not _is_operand(operand):
                yield below, "must be a text, a number, true, false, a claim, a parameter, or a list of these"
            else:
                yield from _stand_ins(operand, pattern, below)


def _is_operand(operand: Any) -> bool:
    if isinstance(operand, list):
        return bool(operand) and all(_is_operand(one) and not isinstance(one, list) for one in operand)
    return isinstance(operand, str | int | float)


def _unknown_name(name: str, pattern: str) -> str:
    names = parameters(pattern)
    bare = name.removeprefix("$room.")
    if bare in names:
        return f"{name!r} stands for a value; the condition on this parameter begins with {bare!r}"
    what = f"the parameters of {pattern!r} are {', '.join(names)}" if names else f"{pattern!r} has no parameters"
    hint = suggestion(bare, names) or f": {what}"
    return f'{name!r} is neither a parameter of the room nor a claim such as "$user.org"{hint}; for rows write `exists`'


def _exists(where: dict[str, Any], resource: Resource, pattern: str) -> Iterator[Found]:
    yield from filter_problems(where, resource, filter_schemas.CLAIMS_AND_PARAMETERS)
    for place, text in texts_in(where):
        if _PARAMETER.match(text):
            yield from _stand_ins(text, pattern, place)


def _stand_ins(operand: Any, pattern: str, place: str) -> Iterator[Found]:
    """Names of claims and of parameters that stand for values."""
    for index, text in enumerate(operand if isinstance(operand, list) else [operand]):
        here = f"{place}/{index}" if isinstance(operand, list) else place
        if not isinstance(text, str):
            continue
        if _PARAMETER.match(text):
            names, name = parameters(pattern), text.removeprefix("$room.")
            if name not in names:
                what = suggestion(name, names) or (
                    f"; its parameters are {', '.join(names)}"
                    if names
                    else f"; write one into the pattern, such as {json.dumps(_with_parameter(pattern, name))}"
                )
                yield here, f"the pattern {pattern!r} has no parameter {name!r}{what}"
        elif LIKE_A_CLAIM.match(text) and not CLAIM.match(text):
            yield here, f'{text!r} is not a claim; a claim looks like "$user.id"'


def _with_parameter(pattern: str, name: str) -> str:
    written = "{" + (name if PARAMETER.fullmatch("{" + name + "}") else "id") + "}"
    return pattern.replace(OPEN, written, 1) if OPEN in pattern else f"{pattern}-{written}"
