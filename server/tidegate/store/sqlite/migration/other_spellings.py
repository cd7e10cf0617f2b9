"""Finds dates, times and UUIDs of other programs' tables that are not in the form that filters compare.

Such a table gets no CHECK from Tidegate, so that its program can write any text. The gateway sends that text as it is,
and compares it as text in snapshots, in the live feed and in SQL alike. Nothing is lost, but a filter for a moment does
not find the same moment in another spelling, and an operator has to know. It only reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tidegate.contract import Resource
from tidegate.store.migration.row_checks import Query, check_rule, count_of
from tidegate.store.sqlite.migration.formats import form

ADVICE = (
    "clients get these values as they are, and filters compare them as text; let the program write that form, or "
    "remove `format` from the schema"
)


def other_spellings(query: Query, resources: Iterable[Resource]) -> Iterator[str]:
    """A line for each property of `resources`, whose tables exist, that some rows spell in another way."""
    for resource in resources:
        for prop in resource.properties.values():
            if (condition := form(prop)) is not None:
                rule = check_rule(prop.name, condition, "format", prop)
                if (found := count_of(query, resource, rule)) is not None:
                    yield f"{found}: {ADVICE}"
