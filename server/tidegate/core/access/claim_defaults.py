"""Values of new rows that come from the user who creates them: `"default": "$user.org"` in the schema of a resource.

The gateway fills them before the database sees the row, so that they are the same on every database.
Invariant: a claim that is missing, or is no value of its property, refuses the row; it never leaves the property empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tidegate.core.access.claims import CLAIM, Claims, Known
from tidegate.core.access.row_rules import Convert
from tidegate.core.errors import Refused
from tidegate_protocol import Principal


class ClaimDefault(msgspec.Struct, frozen=True):
    """Of one property."""

    claim: str
    """Such as `$user.org`."""
    convert: Convert
    """Turns the claim into a value that the schema of the property allows. Raises ValueError."""


Defaults = Mapping[str, ClaimDefault]
"""By property."""


def missing(row: Mapping[str, Any], defaults: Defaults) -> frozenset[str]:
    """The properties that `row` lacks and a claim fills."""
    return frozenset(defaults.keys() - row.keys())


def filled(row: Mapping[str, Any], defaults: Defaults, user: Principal, claims: Claims, pointer: str) -> dict[str, Any]:
    """`row` with what it lacks. `pointer`: of the row in the message. Raises Refused(forbidden)."""
    known = Known(user, claims)
    values = {name: _value(name, defaults[name], known, pointer) for name in defaults if name not in row}
    return {**row, **values}


def _value(name: str, default: ClaimDefault, known: Known, pointer: str) -> Any:
    claim = default.claim.removeprefix(CLAIM)
    found = known.value(default.claim)
    if found is None:
        raise Refused(
            "forbidden", f"{name!r} of a new row is the user's claim {claim!r}, which is missing", pointer=pointer
        )
    try:
        return default.convert(found)
    except ValueError:
        text = f"{name!r} of a new row is the user's claim {claim!r}, which is no value of {name!r}"
        raise Refused("forbidden", text, pointer=pointer) from None
