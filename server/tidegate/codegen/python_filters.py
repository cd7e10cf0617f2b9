"""Generates filters in Python: a Struct for each resource, with generic Structs that have the operators.

The operators are written once, in generic Structs, and not for every property.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from tidegate.codegen.model import Condition, Named
from tidegate.codegen.names import attribute_names
from tidegate.codegen.python import GENERATED, attribute_doc, docstring, formatted
from tidegate.codegen.shape import INT64
from tidegate.schema.resource import JsonSchema

_NULL_FIELDS = '''
    null: bool | UnsetType = UNSET
    """True: the property is null or missing. False: it has a value."""
    nnull: bool | UnsetType = UNSET
    """True: the property has a value. False: it is null or missing."""
'''
CONDITIONS = f'''"""The operators of filters, by the type of the property.

{GENERATED}
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import UNSET, UnsetType, field

from .base import Request

T = TypeVar("T")


class EqualityConditions(Request, Generic[T], kw_only=True):
    """Equal to a value or not, in a list or not (`eqs` is `eq`, `nes` is `ne`). All are false for null."""

    eq: T | UnsetType = UNSET
    eqs: T | UnsetType = UNSET
    ne: T | UnsetType = UNSET
    nes: T | UnsetType = UNSET
    in_: list[T] | UnsetType = field(name="in", default=UNSET)
    nin: list[T] | UnsetType = UNSET


class OrderConditions(EqualityConditions[T], Generic[T], kw_only=True):
    """Less or greater than a value. `between` includes both ends. Text is ordered by code point."""

    lt: T | UnsetType = UNSET
    lte: T | UnsetType = UNSET
    gt: T | UnsetType = UNSET
    gte: T | UnsetType = UNSET
    between: tuple[T, T] | UnsetType = UNSET
    nbetween: tuple[T, T] | UnsetType = UNSET


class TextConditions(OrderConditions[str], kw_only=True):
    """Contains, starts or ends with a text. Names with a final extra `s` match case, the others ignore it for A-Z."""

    contains: str | UnsetType = UNSET
    ncontains: str | UnsetType = UNSET
    containss: str | UnsetType = UNSET
    ncontainss: str | UnsetType = UNSET
    startswith: str | UnsetType = UNSET
    nstartswith: str | UnsetType = UNSET
    startswiths: str | UnsetType = UNSET
    nstartswiths: str | UnsetType = UNSET
    endswith: str | UnsetType = UNSET
    nendswith: str | UnsetType = UNSET
    endswiths: str | UnsetType = UNSET
    nendswiths: str | UnsetType = UNSET


class ListConditions(Request, Generic[T], kw_only=True):
    """Items of an array. `ina`: the array has all of these items. `nina`: it lacks at least one of them."""

    ina: list[T] | UnsetType = UNSET
    nina: list[T] | UnsetType = UNSET


class NullConditions(Request, kw_only=True):
    """Whether the property has a value."""
{_NULL_FIELDS}

class NullableEqualityConditions(EqualityConditions[T], Generic[T], kw_only=True):
    """EqualityConditions of a property that may be null or missing."""
{_NULL_FIELDS}

class NullableOrderConditions(OrderConditions[T], Generic[T], kw_only=True):
    """OrderConditions of a property that may be null or missing."""
{_NULL_FIELDS}

class NullableTextConditions(TextConditions, kw_only=True):
    """TextConditions of a property that may be null or missing."""
{_NULL_FIELDS}

class NullableListConditions(ListConditions[T], Generic[T], kw_only=True):
    """ListConditions of a property that may be null or missing."""
{_NULL_FIELDS}'''
CONDITION_NAMES = tuple(sorted(re.findall(r"^class (\w+)\(", CONDITIONS, re.MULTILINE)))

_BASE_NAMES = {"equality": "EqualityConditions", "order": "OrderConditions", "text": "TextConditions"}
_BASE_NAMES |= {"members": "ListConditions", "nothing": "NullConditions"}
_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
_TAKEN = {"and_", "or_", *CONDITION_NAMES}


def filters_module(types: Sequence[Named]) -> str:
    """filters.py: one class for each resource's filters."""
    classes = "\n\n".join(_class(named) for named in sorted(types, key=lambda named: named.name))
    int64 = any((item.value or {}).get("$ref") == INT64 for named in types for item in named.conditions or ())
    used = [name for name in CONDITION_NAMES if re.search(rf"\b{name}\b", classes)]
    head = [
        docstring("The filters of each resource: they select rows to read or to subscribe to."),
        "",
        "from __future__ import annotations",
        "",
        *(["from typing import Literal", ""] if "Literal[" in classes else []),
        "from msgspec import UNSET, UnsetType, field",
        "",
        f"from .base import {'Int64, ' if int64 else ''}Request",
        *([f"from .conditions import {', '.join(used)}"] if used else []),
    ]
    return formatted("\n".join([*head, "", "", classes]))


def _class(named: Named) -> str:
    conditions = named.conditions or ()
    names = attribute_names((item.name for item in conditions), _TAKEN)
    lines = [
        f"class {named.name}(Request, kw_only=True):",
        f"    {attribute_doc(named.schema.get('description', ''))}",
        "",
    ]
    for item in conditions:
        lines.append(_field(names[item.name], item.name, _condition_type(item)))
        if item.description:
            lines.append(f"    {attribute_doc(item.description)}")
    for word, doc in (("and", "All of these conditions hold."), ("or", "At least one of these conditions holds.")):
        lines += [_field(f"{word}_", word, f"list[{named.name}]"), f"    {attribute_doc(doc)}"]
    return "\n".join(lines) + "\n"


def _field(name: str, on_the_wire: str, kind: str) -> str:
    default = (
        "UNSET" if name == on_the_wire else f"field(name={json.dumps(on_the_wire, ensure_ascii=False)}, default=UNSET)"
    )
    return f"    {name}: {kind} | UnsetType = {default}"


def _condition_type(item: Condition) -> str:
    value = "" if item.value is None else _type(item.value)
    base = ("Nullable" if item.nullable and item.family != "nothing" else "") + _BASE_NAMES[item.family]
    conditions = base if item.family in {"text", "nothing"} else f"{base}[{value}]"
    short = [value] if item.family not in {"members", "nothing"} else []
    return " | ".join([*short, *(["None"] if item.nullable else []), conditions])


def _type(schema: JsonSchema) -> str:
    if schema.get("$ref") == INT64:
        return "Int64"
    words = schema.get("enum")
    if words is not None and not any(isinstance(word, float) for word in words):
        return f"Literal[{', '.join(map(repr, words))}]"
    kinds = ["number"] if words is not None else schema["type"]
    return " | ".join(_TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))
