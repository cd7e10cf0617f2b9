"""What connections talk to, as the transport asks: a port. It knows no message."""

from __future__ import annotations

from typing import Protocol, TypeVar

C_contra = TypeVar("C_contra", contravariant=True)
"""The connections."""


class ConnectionHandler(Protocol[C_contra]):
    """What connections talk to."""

    def connected(self, connection: C_contra) -> None:
        """The opening handshake succeeded."""

    def received(self, connection: C_contra, payload: bytes) -> None:
        """A text message, which is UTF-8."""

    def received_binary(self, connection: C_contra) -> None:
        """A binary message; its content is dropped."""

    async def settled(self, deadline: float) -> None:
        """Return when the work that is under way now has been answered, after `deadline` seconds at the latest."""

    def anonymous(self, connection: C_contra) -> bool:
        """Whether the client is an anonymous user."""

    def disconnected(self, connection: C_contra, code: int | None) -> None:
        """`code`: the client's close code (1005 when its close frame has none); None without a close frame."""
