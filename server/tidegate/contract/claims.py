"""Prepares row rules: canonicalises their literals, and converts claims of the user to values of properties.

Rules use the same spelling as filters of clients, so that a rule and a filter with the same meaning are equal.
Invariant: a converter returns a value of its property's type in the canonical spelling, or raises ValueError.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jsonschema_rs import Draft202012Validator

from tidegate.contract.canonical import Change, canonicalise_filters, changes, filter_changes
from tidegate.contract.compiled import Compiler
from tidegate.schema import SAFE_INTEGER, Property, Resource, RoomType, derive, filter_schemas
from tidegate.schema.formats import FORMATS

Convert = Callable[[Any], Any]

# One spelling for each number. Otherwise the users "7" and "07" would share rows.
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,15}").fullmatch
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,299})(\.[0-9]{1,300})?").fullmatch


def converters(resource: Resource) -> dict[str, Convert]:
    """The functions that convert a claim to a value of a property, or to an item for an array, by property."""
    spelling = filter_changes(resource.properties.values())
    return {prop.name: _converter(prop, spelling.get(prop.name)) for prop in filter_schemas.filterable(resource)}


def claim_defaults(resource: Resource) -> dict[str, tuple[str, Convert]]:
    """What claims of the user fill in a new row: by property the name of the claim, and what makes it a value."""
    filled = [(prop, prop.claim) for prop in resource.properties.values() if prop.claim is not None]
    if not filled:  # a compiler reads all definitions of the application
        return {}
    compiler = Compiler(dict(resource.definitions))
    spelling = changes(resource.properties.values())
    return {prop.name: (claim, _filler(prop, compiler, spelling.get(prop.name))) for prop, claim in filled}


def _filler(prop: Property, compiler: Compiler, change: Change | None) -> Convert:
    schema = derive.bounded(prop.schema) if prop.type == "integer" else prop.schema
    return partial(_value, _CONVERTERS.get(prop.type, _scalar), compiler.schema(schema).is_valid, change)


def canonical_rules(resource: Resource) -> dict[str, Any]:
    """`x-access` with canonical values in its row rules. Raises NotCanonical."""
    spelling = {name: _except_claims(change) for name, change in filter_changes(resource.properties.values()).items()}
    rules = copy.deepcopy(resource.access)
    for rule in rules.values():
        for single in rule if isinstance(rule, list) else [rule]:
            if isinstance(single, dict):
                canonicalise_filters(single["where"], spelling)
    return rules


def canonical_room_rules(room: RoomType, resources: Mapping[str, Resource]) -> dict[str, Any]:
    """`x-access` of rooms with canonical values in what it asks of rows. Raises NotCanonical."""
    rules = copy.deepcopy(room.access)
    for rule in rules.values():
        for single in rule if isinstance(rule, list) else [rule]:
            if isinstance(single, dict) and "exists" in single:
                asked = single["exists"]
                changes = filter_changes(resources[asked["resource"]].properties.values())
                spelling = {name: _except_claims(change) for name, change in changes.items()}
                canonicalise_filters(asked["where"], spelling)
    return rules


def _except_claims(change: Change) -> Change:
    return lambda value: value if filter_schemas.stands_for_another(value) else change(value)


def _converter(prop: Property, change: Change | None) -> Convert:
    kinds = filter_schemas.item_kinds(prop) if prop.type == "array" else [prop.type]
    convert = _CONVERTERS.get(kinds[0] if len(kinds) == 1 else "any", _scalar)
    if not _compared_whole(prop):
        return convert
    schema = filter_schemas.value_schema(prop)
    is_value = Draft202012Validator(schema, validate_formats=True, formats=FORMATS, offline=True).is_valid
    return partial(_value, convert, is_value, change)


def _compared_whole(prop: Property) -> bool:
    """Whether operators compare `prop` with whole values only, as for a day or an enum, and never with parts."""
    family = filter_schemas.family(prop)
    return family in {"equality", "members"} or (family == "order" and prop.type == "string")


def _value(convert: Convert, is_value: Callable[[Any], bool], change: Change | None, claim: Any) -> Any:
    """Convert a claim, and refuse values that clients may not send. `ne` with a wrong value would match every row."""
    found = convert(claim)
    if not is_value(found):
        raise ValueError("not a value of the property")
    try:
        return found if change is None else change(found)
    except OverflowError:
        raise ValueError("not a valid date-time") from None


def _integer(claim: Any) -> int:
    if isinstance(claim, str) and _INTEGER(claim):
        claim = int(claim)
    if isinstance(claim, bool) or not isinstance(claim, int | float) or claim != claim // 1:
        raise ValueError("not an integer")
    if abs(claim) > SAFE_INTEGER:
        raise ValueError("an integer beyond 2^53 - 1")
    return int(claim)


def _number(claim: Any) -> int | float:
    if isinstance(claim, str) and _NUMBER(claim):
        number = float(claim)
        if repr(int(number) if number.is_integer() else number) != claim:
            raise ValueError("not the canonical spelling of the number")
        return number
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise ValueError("not a number")
    if isinstance(claim, int) and abs(claim) > SAFE_INTEGER:
        raise ValueError("an integer beyond 2^53 - 1")
    if not math.isfinite(claim):  # Python reads NaN and Infinity in a token's JSON
        raise ValueError("not a number")
    return claim


def _boolean(claim: Any) -> bool:
    if not isinstance(claim, bool):
        raise ValueError("not a boolean")
    return claim


def _string(claim: Any) -> str:
    if isinstance(claim, int) and not isinstance(claim, bool):
        return str(claim)
    if not isinstance(claim, str):
        raise ValueError("not a text")
    if "\0" in claim:  # JSON allows NUL and lone surrogates; messages and some databases do not
        raise ValueError("text with NUL")
    claim.encode()  # raises a ValueError for surrogates
    return claim


def _scalar(claim: Any) -> Any:
    if isinstance(claim, bool):
        return claim
    return _string(claim) if isinstance(claim, str) else _number(claim)


_CONVERTERS: Mapping[str, Convert] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _string,
}
