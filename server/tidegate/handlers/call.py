"""What a handler is told about the message it handles, beside the message.

It knows neither the gateway nor the function that gets it.
Invariant: everything in a `Call` was verified by the gateway; nothing in it is what a message claims.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tidegate.handlers.answer import Answer
from tidegate.handlers.errors import HandlersError
from tidegate.handlers.identity import Identity
from tidegate.handlers.port import CallDatabase, Port
from tidegate_protocol import Principal


@dataclass(frozen=True, slots=True)
class Call:
    """The user and the connection that a message comes from."""

    user: Principal
    """As the gateway knows the user; never what the message claims."""
    connection: str
    """The id of the connection, as `welcome` said it."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """What the user's token says beside the identity, and what `on_connect` added."""
    expires_at: float | None = None
    """When the user's token expires, in seconds since the Unix epoch; None for a user without a token."""
    port: Port | None = field(default=None, repr=False, compare=False)
    session: object = field(default=None, repr=False, compare=False)

    database: CallDatabase | None = field(default=None, repr=False, compare=False)

    @property
    def db(self) -> Any:
        """The gateway's database in one transaction: a model for each resource, as `tidegate.store.models` has them.

        It begins with the first use, is committed once the reply is encoded, and undone where the handler fails. Only
        for handlers without `async`. Raises HandlersError, Refused(unavailable).
        """
        if self.database is None:
            raise HandlersError("this call has no database")
        return self.database.open()

    @property
    def principal(self) -> Identity:
        """The user with its claims, for `gateway.rows`."""
        return Identity(self.user, self.claims)

    def send(self, message: Any) -> Answer[bool]:
        """Send a message of schema/server that answers no request to this connection. Raises Refused.

        The answer is False where the connection has ended. While its client reads too slowly, this waits.
        """
        if self.port is None:
            raise HandlersError("this call comes from no gateway")
        return Answer(self.port.reply(self.session, message))


def copied(user: Principal) -> Principal:
    """A copy for the application, which may change it without an effect on the session."""
    return msgspec.structs.replace(user, roles=list(user.roles))
