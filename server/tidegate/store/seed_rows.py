"""Sample rows, before they go into a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.contract import Resource
from tidegate.contract.sample_rows import checked
from tidegate.core.errors import Refused
from tidegate.store.errors import StoreError

SampleRows = Mapping[str, Sequence[Mapping[str, Any]]]
"""By resource."""
NAMED = 10
"""The most faults that an error names."""


def fitting(resources: Mapping[str, Resource], rows: SampleRows) -> dict[str, list[dict[str, Any]]]:
    """The rows, each value in its canonical spelling. Raises StoreError for rows that do not fit the schema.

    Whole rows are judged in the database, with what it adds to them.
    """
    found, faults = checked(resources, rows, whole=False)
    if faults:
        lines = [f"sample rows: {place or '/'}: {reason}" for place, reason in faults[:NAMED]]
        lines += [f"and {len(faults) - NAMED} more"] if len(faults) > NAMED else []
        raise StoreError("\n".join(lines))
    return found


def misfit(name: str, refused: Refused) -> StoreError:
    """Why the rows of the resource `name` do not fit."""
    return StoreError(f"sample rows: /{name}{(refused.pointer or '').removeprefix('/data')}: {refused.message}")
