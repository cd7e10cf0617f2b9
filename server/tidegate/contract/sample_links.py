"""Sample rows beside each other: keys and unique values that stand twice, and references to rows that are not there.

It looks at rows that `sample_rows` has no faults with, in canonical spelling. A key that the database counts is not
known here, so a reference to a resource with such a row is not judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidegate.contract.sample_rows import Fault, Row
from tidegate.json_pointer import escape
from tidegate.schema import Resource

Rows = Mapping[str, Sequence[Row]]


def link_faults(resources: Mapping[str, Resource], rows: Rows) -> list[Fault]:
    """The faults of all rows."""
    found: list[Fault] = []
    for name, several in rows.items():
        resource = resources[name]
        for names in dict.fromkeys([resource.key, *resource.unique]):
            found += _repeated(name, names, several, resource)
        for prop, (target, key) in resource.references.items():
            found += _dangling(name, prop, (target, key), resources, rows)
    return found


def _repeated(name: str, names: tuple[str, ...], rows: Sequence[Row], resource: Resource) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for number, row in enumerate(rows):
        values = [row.get(each, resource.properties[each].default) for each in names]
        if None in values:  # the database counts it, or NULL, which is never equal
            continue
        other = first.setdefault(_spelled(values), number)
        if other != number:
            shown = ", ".join(f"{each} = {json.dumps(value)}" for each, value in zip(names, values, strict=True))
            place = f"/{escape(name)}/{number}" + (f"/{escape(names[0])}" if len(names) == 1 else "")
            yield place, f"row {other} of {name!r} has {shown} already, which must be unique; write another value"


def _dangling(
    name: str, prop: str, target: tuple[str, str], resources: Mapping[str, Resource], rows: Rows
) -> Iterator[Fault]:
    there, key = target
    if there not in rows:  # they may be in the database already
        return
    default = resources[there].properties[key].default
    keys = [row.get(key, default) for row in rows[there]]
    if None in keys:
        return
    later = list(rows).index(there) > list(rows).index(name)
    known = {_spelled(value) for value in keys}
    for number, row in enumerate(rows[name]):
        value = row.get(prop, resources[name].properties[prop].default)
        place = f"/{escape(name)}/{number}/{escape(prop)}"
        if value is None:
            continue
        if _spelled(value) not in known:
            yield place, f"no sample row of {there!r} has {key} = {json.dumps(value)}; add one, or write another value"
        elif later:
            reason = f"rows are written in the order of this file: put {there!r} before {name!r}, which refers to it"
            yield f"/{escape(name)}", reason
            return


def _spelled(value: Any) -> str:
    """A text that equal values share. JSON has one number 1, however it is written."""
    if isinstance(value, list):
        return f"[{','.join(map(_spelled, value))}]"
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
