"""The names of the engine's keys and channels in the server, and of users within them.

All begin with the prefix of the application. Keys belong to one database of the server, but channels to all of them:
their names end with its number, unless that is 0. Those of a room have its name in braces, so that a cluster would hold
them together. A user and an idempotency key may have any character, so they stand in lower-case hexadecimal.
Invariant: two different things never have the same name.
"""

from __future__ import annotations

META, STREAM, PRESENCE, CHANNEL, CHANGE, TOLD = b"m", b"s", b"p", b"c", b"o", b"w"


class Keys:
    """Of one application in one database."""

    def __init__(self, prefix: str, database: int = 0) -> None:
        self._prefix = prefix.encode()
        self._database = b"@%d" % database if database else b""
        self.application = self._of(b"app")
        """What the gateways of this application have in common."""
        self.nodes = self._of(b"nodes")
        """When the lease of each gateway ends."""
        self.kept = self._of(b"kept")
        """Names what the server keeps: it has another name where it lost everything."""
        self.everyone = self._of(b"t") + self._database
        """Channel: for every gateway."""
        self.users = self._of(b"u") + self._database
        """Channel: for sessions of one user, at every gateway."""

    def of_room(self, room: str, part: bytes) -> bytes:
        return b"%b:{%b}:%b" % (self._prefix, room.encode(), part)

    def channel(self, room: str) -> bytes:
        """Channel: for every gateway that follows the room."""
        return self.of_room(room, CHANNEL) + self._database

    def idempotency(self, room: str, user: str, key: str) -> bytes:
        return self.of_room(room, b"i:%b:%b" % (hexadecimal(user), hexadecimal(key)))

    def rooms_of(self, node: str) -> bytes:
        """The rooms in which a user is present through a gateway."""
        return self._of(b"n:" + node.encode())

    def told(self, node: str) -> bytes:
        """Channel: for one gateway."""
        return self._of(b"t:" + node.encode()) + self._database

    def _of(self, name: bytes) -> bytes:
        return self._prefix + b":" + name


def hexadecimal(text: str) -> bytes:
    return text.encode().hex().encode()


def text_of(hexadecimal: bytes) -> str:
    return bytes.fromhex(hexadecimal.decode()).decode()


def field(node: str, user: str) -> bytes:
    """The field of the presence of `user` through `node`."""
    return node.encode() + b" " + hexadecimal(user)


def read_field(field: bytes) -> tuple[str, str]:
    """The node and the user. Raises ValueError."""
    node, _, user = field.partition(b" ")
    return node.decode(), text_of(user)
