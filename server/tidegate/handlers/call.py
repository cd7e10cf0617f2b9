"""What a handler is told about the message it handles, beside the message.

It knows neither the gateway nor the function that gets it.
Invariant: everything in a `Call` was verified by the gateway; nothing in it is what a message claims.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from tidegate_protocol import Principal


@dataclass(frozen=True, slots=True)
class Call:
    """The user and the connection that a message comes from."""

    user: Principal
    """As the gateway knows the user; never what the message claims."""
    connection: str
    """The id of the connection, as `welcome` said it."""


def copied(user: Principal) -> Principal:
    """A copy for the application, which may change it without an effect on the session."""
    return msgspec.structs.replace(user, roles=list(user.roles))
