"""Says that a plain `integer` property has a value beyond 2^53, which clients in JavaScript round.

Only other programs can write such a value. Rows are sent as they are, so that what is wrong must be told: of keys when
a gateway starts or a migration runs, and of any property when the first such row is read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from tidegate.contract import Resource
from tidegate.schema import SAFE_INTEGER

log = logging.getLogger("tidegate.store")

ADVICE = (
    "beyond 2^53, which clients in JavaScript round, so that different values become equal: let the property be "
    '{"type": "string", "format": "int64"}'
)


def plain_keys(resource: Resource) -> list[str]:
    """The first property of the key, if it is a plain integer. Its column has an index."""
    first = resource.key_properties[0]
    return [first.name] if first.type == "integer" else []


def notes(columns: Iterable[str]) -> list[str]:
    """`columns`: names with the table before them."""
    listed = ", ".join(columns)
    return [f"integers {ADVICE}: {listed}"] if listed else []


def teller(resource: Resource, name: str) -> Callable[[Any], None]:
    """A function that takes the values of a property, and logs a warning for the first one beyond 2^53."""
    told = False

    def tell(value: Any) -> None:
        nonlocal told
        if not told and isinstance(value, int) and not -SAFE_INTEGER <= value <= SAFE_INTEGER:
            told = True
            log.warning("a row of %s has in %s an integer %s", resource.name, name, ADVICE)

    return tell
