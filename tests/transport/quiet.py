"""A handler of connections that does nothing: handlers of tests are kinds of it, and say only what they do."""

from __future__ import annotations

from tidegate.transport import Connection


class QuietHandler:
    """Implements `transport.ConnectionHandler`. Every client is an anonymous user, and nothing is under way."""

    def connected(self, connection: Connection) -> None:
        pass

    def received(self, connection: Connection, payload: bytes) -> None:
        pass

    def received_binary(self, connection: Connection) -> None:
        pass

    def anonymous(self, connection: Connection) -> bool:
        return True

    async def settled(self, deadline: float) -> None:
        pass

    def disconnected(self, connection: Connection, code: int | None) -> None:
        pass
