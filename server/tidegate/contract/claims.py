"""What row rules need to know of a resource's values: how literals are spelled, and how claims become values.

The same spelling as in clients' filters, so that a rule and a filter that mean the same are the same.
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

from tidegate.contract.canonical import Change, canonicalise_filters, filter_changes
from tidegate.schema import SAFE_INTEGER, Property, Resource, filter_schemas

Convert = Callable[[Any], Any]

# One spelling for each number: else the users "7" and "07" would have the same rows.
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,15}").fullmatch
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,299})(\.[0-9]{1,300})?").fullmatch


def converters(resource: Resource) -> dict[str, Convert]:
    """How a claim becomes a value of each property that filters can name; of an array, of its items."""
    spelling = filter_changes(resource.properties.values())
    return {prop.name: _converter(prop, spelling.get(prop.name)) for prop in filter_schemas.filterable(resource)}


def spelled_rules(resource: Resource) -> dict[str, Any]:
    """`x-access` with the values in its row rules spelled canonically. Raises NotCanonical."""
    spelling = {name: _but_claims(change) for name, change in filter_changes(resource.properties.values()).items()}
    rules = copy.deepcopy(resource.access)
    for rule in rules.values():
        for one in rule if isinstance(rule, list) else [rule]:
            if isinstance(one, dict):
                canonicalise_filters(one["where"], spelling)
    return rules


def _but_claims(change: Change) -> Change:
    return lambda value: value if filter_schemas.is_claim(value) else change(value)


def _converter(prop: Property, change: Change | None) -> Convert:
    kinds = filter_schemas.item_kinds(prop) if prop.type == "array" else [prop.type]
    convert = _CONVERTERS.get(kinds[0] if len(kinds) == 1 else "any", _scalar)
    if not _compared_whole(prop):
        return convert
    schema = filter_schemas.value_schema(prop)
    is_value = Draft202012Validator(schema, validate_formats=True, offline=True).is_valid
    return partial(_value, convert, is_value, change)


def _compared_whole(prop: Property) -> bool:
    """Whether only whole values are compared with `prop`, as a day or one of an enum is: not the beginning of one."""
    family = filter_schemas.family(prop)
    return family in {"equality", "members"} or (family == "order" and prop.type == "string")


def _value(convert: Convert, is_value: Callable[[Any], bool], change: Change | None, claim: Any) -> Any:
    """Negative operators would hold for every row if "never" stood for a day: what clients may not send is refused."""
    found = convert(claim)
    if not is_value(found):
        raise ValueError("no such value")
    try:
        return found if change is None else change(found)
    except OverflowError:
        raise ValueError("no such date-time") from None


def _integer(claim: Any) -> int:
    if isinstance(claim, str) and _INTEGER(claim):
        claim = int(claim)
    if isinstance(claim, bool) or not isinstance(claim, int | float) or claim != claim // 1:
        raise ValueError("no integer")
    if abs(claim) > SAFE_INTEGER:
        raise ValueError("an integer that not every program has")
    return int(claim)


def _number(claim: Any) -> int | float:
    if isinstance(claim, str) and _NUMBER(claim):
        number = float(claim)
        if repr(int(number) if number.is_integer() else number) != claim:
            raise ValueError("not the number's own spelling")
        return number
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise ValueError("no number")
    if isinstance(claim, int) and abs(claim) > SAFE_INTEGER:
        raise ValueError("an integer that not every program has")
    if not math.isfinite(claim):  # Python reads NaN and Infinity in a token's JSON
        raise ValueError("no number")
    return claim


def _boolean(claim: Any) -> bool:
    if not isinstance(claim, bool):
        raise ValueError("no boolean")
    return claim


def _string(claim: Any) -> str:
    if isinstance(claim, int) and not isinstance(claim, bool):
        return str(claim)
    if not isinstance(claim, str):
        raise ValueError("no text")
    if "\0" in claim:  # JSON can say it, and lone surrogates; no message has them, and not every database
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
