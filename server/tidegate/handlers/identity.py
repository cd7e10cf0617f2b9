"""In whose name the application's code acts: a user with its claims, or the application itself.

Invariant: nothing here turns a missing user into one that may do everything; `SYSTEM` has to be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from tidegate.core.identities import APPLICATION
from tidegate_protocol import Principal

__all__ = ["APPLICATION", "SYSTEM", "Identity", "System"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, and what its token says beside the identity. `call.principal` is one."""

    user: Principal
    claims: Mapping[str, Any] = field(default_factory=dict)
    """By the claims' names; row rules may name them."""

    def __post_init__(self) -> None:
        check_user(self.user, "the user of an Identity")
        if not isinstance(self.claims, Mapping):
            raise TypeError(f"the claims of an Identity are a dict, and not {type(self.claims).__name__}")


def check_user(user: object, what: str) -> None:
    """Raises TypeError where `user` is no user: Structs take values of any type."""
    if not isinstance(user, Principal):
        raise TypeError(f"{what} is a Principal, and not {type(user).__name__}")
    if not (isinstance(user.id, str) and isinstance(user.name, str) and user.id):
        raise TypeError(f"{what} has an id and a name, which are texts")


class System(Enum):
    """The type of `SYSTEM`."""

    SYSTEM = "system"


SYSTEM: Final = System.SYSTEM
"""The application itself: no `x-access` and no rule limits it. The schema still says what a row is."""
