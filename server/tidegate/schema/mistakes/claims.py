"""Row rules whose claims can never be a value of the property that they stand for.

A claim that cannot be such a value makes its condition hold for no row, on purpose. Of the claims that Tidegate
itself makes, `id` and `name` are texts, `roles` is a list of texts, and `anonymous` is a boolean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tidegate.json_pointer import escape
from tidegate.schema import filter_schemas
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.lint.room_rules import rules_of
from tidegate.schema.mistakes.rows import filled
from tidegate.schema.mistakes.site import own
from tidegate.schema.problem import Problem
from tidegate.schema.resource import Property, Resource

_TEXTS = frozenset({"$user.id", "$user.name"})
_ROLES, _ANONYMOUS = "$user.roles", "$user.anonymous"
_OF_THE_TOKEN = frozenset({"exp", "iat", "jti", "nbf"})
"""Claims about the token and not about the user: rules never see them."""
_BARE = frozenset({"email", "id", "me", "name", "org", "role", "roles", "self", "sub", "team", "tenant", "uid"})
_PARAMETER_OF_BOOLEAN = "{!r} is a part of a room's name, which is never a value of {!r} (boolean)"
_LISTS = frozenset({"in", "nin", "ina", "nina"})
_MISSPELLED = re.compile(
    r"[\s${<@#%(]*(?:current_?user|user|auth|claims?|token|jwt|session|request|principal|me)(?:\.\w+)+(?:\(\))?[\s}>)%]*",
    re.IGNORECASE,
).fullmatch


def claim_problems(schemas: Schemas) -> Iterator[Problem]:
    """All problems of claims in row rules."""
    for item in own(schemas):
        if item.kind == "rooms" and item.is_file:
            yield from _of_room(schemas, item)
        if item.kind != "resources" or not item.is_file:
            continue
        resource = schemas.resources[item.name]
        yield from _of_defaults(item, resource)
        for action, said in resource.access.items():
            for index, rule in enumerate(said if isinstance(said, list) else [said]):
                if isinstance(rule, dict):
                    at = f"/x-access/{action}{f'/{index}' if isinstance(said, list) else ''}/where"
                    yield from (
                        Problem(item.file, at + place, why) for place, why in _conditions(resource, rule["where"])
                    )
                    if action == "create":
                        yield from (
                            Problem(item.file, at + place, why, hint=True)
                            for place, why in _unsent(resource, rule["where"])
                        )


def _of_defaults(item: Definition, resource: Resource) -> Iterator[Problem]:
    """Defaults that name a claim which is never a value of the property."""
    for prop in resource.properties.values():
        if prop.claim is None:
            continue
        place = f"/properties/{escape(prop.name)}/default"
        if prop.type in {"array", "object"}:
            reason = f"a claim fills a text, a number or a boolean, and {prop.name!r} is of the type {prop.type}"
            yield Problem(item.file, place, reason)
        elif prop.claim == _ROLES:
            yield Problem(item.file, place, f'"{_ROLES}" is a list, which is never a value of {prop.name!r}')
        elif why := _reason(prop, "eq", prop.claim, listed=False):
            yield Problem(item.file, place, why)


def _of_room(schemas: Schemas, item: Definition) -> Iterator[Problem]:
    """What a room's rules ask of rows: values that never fit, and rows that no index finds."""
    for place, rule in rules_of(item.schema.get("x-access", {})):
        if "exists" not in rule:
            continue
        resource, where = schemas.resources[rule["exists"]["resource"]], rule["exists"]["where"]
        at = f"/x-access{place}/exists/where"
        yield from (Problem(item.file, at + below, why) for below, why in _conditions(resource, where))
        if not _is_found(resource, where):
            names = [name for name, asked in where.items() if _is_equality(asked)] or ["PROPERTY"]
            reason = (
                f"no index of {resource.name!r} finds these rows, so that each join reads all of them: add "
                f'"indexes": {json.dumps([names])} to its `x-resource`, on a property that is compared with one value'
            )
            yield Problem(item.file, at, reason, hint=True)


def _is_found(resource: Resource, where: dict[str, Any]) -> bool:
    """Whether an index begins with a property that `where` compares with certain values."""
    first = {names[0] for names in (resource.key, *resource.unique, *resource.indexes) if names}
    return any(name in first and _is_equality(asked) for name, asked in where.items())


def _is_equality(asked: Any) -> bool:
    return asked is not None and (not isinstance(asked, dict) or bool({"eq", "eqs", "in"} & asked.keys()))


def _conditions(resource: Resource, where: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, asked in where.items():
        if name in filter_schemas.COMBINERS:
            for index, inner in enumerate(asked):
                yield from ((f"/{name}/{index}{place}", why) for place, why in _conditions(resource, inner))
            continue
        prop = resource.properties[name]
        for operator, value in asked.items() if isinstance(asked, dict) else [("eq", asked)]:
            place = f"/{escape(name)}" + (f"/{escape(operator)}" if isinstance(asked, dict) else "")
            if isinstance(value, list):
                for index, one in enumerate(value):
                    if reason := _reason(prop, operator, one, listed=True):
                        yield f"{place}/{index}", reason
            elif reason := _reason(prop, operator, value, listed=False):
                yield place, reason


def _reason(prop: Property, operator: str, value: Any, *, listed: bool) -> str | None:
    """Why `value` never is one of `prop`."""
    if not isinstance(value, str):
        return None
    kinds = filter_schemas.item_kinds(prop) if prop.type == "array" else [prop.type]
    if value.startswith("$room."):
        return _PARAMETER_OF_BOOLEAN.format(value, prop.name) if kinds == ["boolean"] else None
    if not filter_schemas.is_claim(value):
        if _MISSPELLED(value):
            named = value.strip("${<@#%( })>").rpartition(".")[2]
            return f'{value!r} is plain text here; for a claim of the user write "$user.{named}"'
        if value.startswith("$") and value[1:].lower() in _BARE:
            return f'{value!r} is plain text here; for a claim of the user write "$user.{value[1:]}"'
        return None
    if value.removeprefix("$user.") in _OF_THE_TOKEN:
        return f"{value!r} is no claim of the user: rules do not see what is said of the token alone"
    if value == _ROLES and (listed or operator not in _LISTS):
        members = "ina" if prop.type == "array" else "in"
        return f'"{_ROLES}" is a list, which is no single value: write {{{json.dumps(members)}: "{_ROLES}"}}'
    if value in _TEXTS | {_ROLES} and (kinds == ["boolean"] or prop.format in {"date", "date-time", "time"}):
        return f"{value!r} is a text, which is never a value of {prop.name!r} ({prop.format or 'boolean'})"
    if value == _ANONYMOUS and "boolean" not in kinds and prop.type != "any":
        return f"{value!r} is true or false, which is never a value of {prop.name!r} ({prop.type})"
    return None


def _unsent(resource: Resource, where: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Conditions of `create` on what clients cannot send and nothing fills."""
    for name, asked in where.items():
        prop = resource.properties.get(name)
        if prop is None or not prop.read_only or prop.has_default or prop.claim is not None or asked is None:
            continue
        if prop.column_nullable or not filled(resource, prop):
            reason = f"clients cannot send {name!r}, because it is `readOnly`, so that a new row does not match unless"
            yield f"/{escape(name)}", f"{reason} the database fills it; without `readOnly` clients send it"
