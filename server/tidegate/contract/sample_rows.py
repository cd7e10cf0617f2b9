"""Sample rows by their schema: what does not fit, and the rows with each value in its canonical spelling.

It knows no database and reads no file.
Invariant: a row without problems has only values that a client could have sent, or could have been sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.contract.canonical import NotCanonical, canonicalise, changes
from tidegate.contract.compiled import Compiler
from tidegate.contract.explain import violations
from tidegate.contract.row_rules import row_rules
from tidegate.json_pointer import escape
from tidegate.schema import Resource, derive
from tidegate.schema.suggestions import suggestion
from tidegate_protocol import Violation

Row = dict[str, Any]
Fault = tuple[str, str]
"""(pointer into the sample rows, what is wrong)."""

_MADE = {"date-time": "2026-01-01T00:00:00.000000Z", "uuid": "00000000-0000-4000-8000-000000000000", "int64": "1"}
"""Stands for what a database makes, by format."""


def checked(resources: Mapping[str, Resource], rows: Any, *, whole: bool) -> tuple[dict[str, list[Row]], list[Fault]]:
    """`rows`, which are {resource: [row, ...]}, in canonical spelling, and their faults.

    `whole`: judge whole rows too, with defaults, as far as they are known without a database.
    """
    if not isinstance(rows, dict):
        return {}, [("", "must be an object: {resource: [row, ...]}")]
    found: dict[str, list[Row]] = {}
    faults: list[Fault] = []
    for name, several in rows.items():
        place = f"/{escape(name)}"
        if name not in resources:
            faults.append((place, f"the schema has no such resource{suggestion(name, resources) or _known(resources)}"))
        elif not isinstance(several, list):
            faults.append((place, "must be a list of rows"))
        else:
            judge = _Judge(resources[name], whole=whole)
            found[name] = [dict(row) if isinstance(row, dict) else {} for row in several]
            for number, row in enumerate(several):
                faults += judge.faults(row, found[name][number], f"{place}/{number}")
    return found, faults


def _known(resources: Mapping[str, Resource]) -> str:
    names = list(map(repr, resources))
    return (
        f"; the resources are {', '.join(names[:-1])} and {names[-1]}"
        if len(names) > 1
        else f"; there is only {names[0]}"
        if names
        else ""
    )


class _Judge:
    """Judges the rows of one resource."""

    def __init__(self, resource: Resource, *, whole: bool) -> None:
        self._resource = resource
        self._validator = Compiler(dict(resource.definitions)).schema(derive.sample_row_schema(resource))
        self._rules = row_rules(resource) if whole else None
        self._changes = changes(resource.properties.values())

    def faults(self, row: Any, copy: Row, place: str) -> Iterator[Fault]:
        """The faults of `row`. If there are none, `copy` gets its canonical spelling."""
        if found := violations(self._validator, row, place, frozenset(self._resource.properties)):
            yield from ((each.pointer, self._reason(each, place)) for each in found)
            return
        try:
            canonicalise(copy, self._changes)
        except NotCanonical as error:
            yield place + error.pointer, f"must be a valid {error.format}"
            return
        if self._rules is not None:
            yield from (
                (each.pointer, each.message) for each in self._rules.violations(self._expected(copy), copy, place)
            )

    def _reason(self, violation: Violation, place: str) -> str:
        name = violation.pointer.removeprefix(f"{place}/")
        if violation.keyword == "additionalProperties" and "/" not in name:
            return f"the schema has no such property{suggestion(name, self._resource.properties)}"
        return violation.message

    def _expected(self, row: Row) -> Row:
        """The row as the table will have it."""
        found: Row = {}
        for name, prop in self._resource.properties.items():
            value = row.get(name, prop.default)
            if value is None and prop.read_only and prop.required:
                value = _MADE.get(prop.format or "", 1 if prop.type == "integer" else None)
            if value is not None or prop.nullable:
                found[name] = value
        return found
