"""Sample rows, before they go into a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.store.errors import StoreError

SampleRows = Mapping[str, Sequence[Mapping[str, Any]]]
"""By resource."""


def check_names(resources: Mapping[str, Resource], rows: SampleRows) -> None:
    """Raises StoreError for resources and properties that the schema does not have."""
    for name, several in rows.items():
        if name not in resources:
            raise StoreError(f"sample rows: /{name}: the schema has no such resource")
        for number, row in enumerate(several):
            for unknown in row.keys() - resources[name].properties.keys():
                raise StoreError(f"sample rows: /{name}/{number}/{unknown}: the schema has no such property")


def misfit(name: str, refused: Refused) -> StoreError:
    """Why the rows of the resource `name` do not fit."""
    return StoreError(f"sample rows: /{name}{(refused.pointer or '').removeprefix('/data')}: {refused.message}")
