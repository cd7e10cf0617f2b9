"""The values that names in rules stand for: claims of the user (`$user.id`), and parameters of a room (`$room.doc_id`).

Invariant: a name without a value is None, which no rule takes for a value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidegate_protocol import Principal

CLAIM = "$user."
"""How the name of a claim begins where a value would stand."""
PARAMETER = "$room."
"""How the name of a room's parameter begins, in the rules of rooms."""

Claims = Mapping[str, Any]

NO_CLAIMS: Claims = {}
"""Of a user whose token says nothing further; one for all of them."""


class Known:
    """What is known of a user, and of a room where a rule is about one."""

    def __init__(self, user: Principal, claims: Claims, parameters: Mapping[str, str] | None = None) -> None:
        self._claims = {**claims, "id": user.id, "name": user.name, "roles": user.roles, "anonymous": user.anonymous}
        self.parameters = parameters

    def stands(self, value: Any) -> bool:
        """Whether `value` stands for a claim or a parameter."""
        return is_claim(value) or (
            self.parameters is not None and isinstance(value, str) and value.startswith(PARAMETER)
        )

    def value(self, place: str) -> Any:
        """The value of a claim ($user.NAME, or $user.NAME.NAME inside of another claim) or of a parameter ($room.NAME);
        None if there is none.
        """
        if place.startswith(PARAMETER):
            return (self.parameters or {}).get(place.removeprefix(PARAMETER))
        name = place.removeprefix(CLAIM)
        if name in self._claims:  # a name may have dots in it: many are URLs
            return self._claims[name]
        found: Any = self._claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


def is_claim(value: Any) -> bool:
    """Whether `value` stands for a claim."""
    return isinstance(value, str) and value.startswith(CLAIM)


def same_claims(one: Claims, other: Claims) -> bool:
    """Whether every rule means the same with both. (Python compares `true` and 1 as equal.)"""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
