"""The query of `GET /api/resources/NAME`: the words of a `list` request as parameters of a URL.

`filter` is a whole filter as JSON. Any other parameter that is none of the words is a condition: `name=value`, or
`name[operator]=value`; equal names are alternatives. A value is read by the type of its property, and one that has
another type stays text, which the contract then refuses at its place.
Invariant: a parameter that means nothing is never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from tidegate.contract import Property, Resource
from tidegate.contract.hazards import read
from tidegate.core.errors import Refused

Message = dict[str, Any]
PARAMETERS = 200
"""Parameters of one query, at most."""
LISTS = frozenset({"in", "nin", "ina", "nina", "between", "nbetween"})
"""Operators whose value is a list, with commas between its items."""
TRUTH = {"true": True, "false": False}
CONDITION = re.compile(r"(?P<name>.+)\[(?P<operator>[a-z]+)\]", re.DOTALL)
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")


def list_message(query: str, resource: Resource) -> Message:
    """What `query` asks for, as the properties of a `list`. Raises Refused."""
    message: Message = {}
    conditions: Message = {}
    for name, value in pairs(query):
        word = WORDS.get(name)
        if word is not None:
            if name in message:
                raise Refused("invalid_message", f"the query has {name!r} twice", pointer=f"/{name}")
            message[name] = word(value)
        else:
            _add_condition(conditions, name, value, resource)
    whole = message.pop("filter", None)
    filters = [each for each in (whole, conditions) if each]
    if filters:
        message["filters"] = filters[0] if len(filters) == 1 else {"and": filters}
    return message


def field_list(query: str) -> Message:
    """The query of one row: `fields` and nothing else. Raises Refused."""
    message: Message = {}
    for name, value in pairs(query):
        if name != "fields" or "fields" in message:
            raise Refused("invalid_message", "the query of one row takes `fields`, once", pointer="/fields")
        message[name] = value.split(",")
    return message


def nothing(query: str) -> None:
    """Raises Refused for a query where none is taken."""
    if query:
        raise Refused("invalid_message", "this request takes no query")


def pairs(query: str) -> list[tuple[str, str]]:
    """The names and values of a query. Raises Refused where it cannot be read."""
    if not query:
        return []
    try:
        return parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=PARAMETERS)
    except ValueError:
        raise Refused("invalid_message", "the query of the URL cannot be read") from None


def of_type(text: str, prop: Property | None) -> Any:
    """`text` as a value of the property's type, where it is one; otherwise as it is."""
    kind = None if prop is None else prop.items.get("type") if prop.type == "array" and prop.items else prop.type
    if kind == "boolean":
        return TRUTH.get(text, text)
    if kind == "integer" and INTEGER.fullmatch(text):
        return int(text)
    if kind in {"integer", "number"} and NUMBER.fullmatch(text):
        return float(text)
    if kind == "any":
        return _json_or_text(text)
    return text


def _add_condition(conditions: Message, name: str, value: str, resource: Resource) -> None:
    found = CONDITION.fullmatch(name)
    bare, operator = (found["name"], found["operator"]) if found else (name, "eq")
    prop = resource.properties.get(bare)
    operators = conditions.setdefault(bare, {})
    if operator in {"null", "nnull"}:
        given: Any = TRUTH.get(value, value)
    elif operator in LISTS:
        given = [of_type(item, prop) for item in value.split(",")]
    else:
        given = of_type(value, prop)
    if not found and ("eq" in operators or "in" in operators):
        operators["in"] = [*operators.pop("in", [operators.pop("eq", None)]), given]
    elif operator in operators:
        raise Refused("invalid_message", f"the query has {name!r} twice", pointer=f"/filters/{bare}")
    else:
        operators[operator] = given


def _json_or_text(text: str) -> Any:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    return found if isinstance(found, str | int | float | bool) else text


def _filter(text: str) -> Any:
    try:
        return read(text.encode())
    except Refused as refused:
        at = None if refused.pointer is None else f"/filters{refused.pointer}"
        raise Refused("invalid_message", f"filter: {refused.message}", pointer=at or "/filters") from None


def _sort(text: str) -> Any:
    terms = (term.strip() for term in text.split(","))
    return [{"field": term.removeprefix("-"), "order": "desc" if term.startswith("-") else "asc"} for term in terms]


def _whole_number(text: str) -> Any:
    return int(text) if INTEGER.fullmatch(text) else text


WORDS: dict[str, Callable[[str], Any]] = {
    "filter": _filter,
    "sort": _sort,
    "limit": _whole_number,
    "offset": _whole_number,
    "fields": lambda text: text.split(","),
    "count": lambda text: TRUTH.get(text, text),
}
"""The parameters that are no conditions. A property with such a name is asked for with `name[eq]`."""
