"""What a worker and the hub say to each other about rows.

Over SQLite the hub writes for the workers; over PostgreSQL they write themselves, and say that they did.

A request has a number, which its answer repeats. Changes cross as the records of the log are: each worker decodes them
by its own schema.
"""

from __future__ import annotations

import msgspec

from tidegate.core.rooms.room_log import ForgetRoom, Kept, NewMessage
from tidegate.hub.messages import Refusal

Record = tuple[int, int, str, bytes, str, bytes | None, bytes | None, str | None, str | None]
"""An entry of the change log: seq, time, resource, key, action, old, new, origin, actor."""

# -- a worker says ----------------------------------------------------------------------------------------------------


class Write(msgspec.Struct, frozen=True, array_like=True, tag=50):
    id: int
    mutation: bytes
    """Encoded by `crossing`."""


class Follow(msgspec.Struct, frozen=True, array_like=True, tag=51):
    """Send what is committed from now on."""

    id: int


class Pause(msgspec.Struct, frozen=True, array_like=True, tag=52):
    """Send no changes until the next `Follow`."""


class Keep(msgspec.Struct, frozen=True, array_like=True, tag=54):
    """For a durable room."""

    id: int
    message: NewMessage


class Forget(msgspec.Struct, frozen=True, array_like=True, tag=55):
    id: int
    room: ForgetRoom


class Noticed(msgspec.Struct, frozen=True, array_like=True, tag=53):
    """A read of the worker found damage in the file."""

    what: str


class Committed(msgspec.Struct, frozen=True, array_like=True, tag=56):
    """The worker has committed something itself: there may be changes."""


class RoomsAppended(msgspec.Struct, frozen=True, array_like=True, tag=57):
    """The worker has written to these durable rooms itself."""

    rooms: list[str]


# -- the hub says -----------------------------------------------------------------------------------------------------


class State(msgspec.Struct, frozen=True, array_like=True, tag=60):
    """How the database is. Sent first, and again when it has changed."""

    epoch: str
    identity_secret: str
    problem: str | None
    reads: bool
    """Whether the hub's feed reads the change log. A database that cannot be written may be read."""
    outdated: bool
    incomplete: tuple[str, ...]


class Written(msgspec.Struct, frozen=True, array_like=True, tag=61):
    id: int
    rows: bytes
    """JSON."""
    seq: int


class Following(msgspec.Struct, frozen=True, array_like=True, tag=62):
    id: int
    head: int
    """What is committed after it is sent from now on."""


class Changes(msgspec.Struct, frozen=True, array_like=True, tag=63):
    records: list[Record]
    head: int
    """Everything up to it has been sent."""


class IsKept(msgspec.Struct, frozen=True, array_like=True, tag=64):
    id: int
    kept: Kept | None


class RoomsChanged(msgspec.Struct, frozen=True, array_like=True, tag=65):
    """Another worker, or another gateway, has appended messages to these durable rooms, or forgotten them."""

    rooms: list[str] | None
    """None: it may be any room."""


FromWorker = Write | Follow | Pause | Noticed | Keep | Forget | Committed | RoomsAppended
FromHub = State | Written | Following | Changes | IsKept | RoomsChanged | Refusal

decode_from_worker = msgspec.msgpack.Decoder(FromWorker).decode
decode_from_hub = msgspec.msgpack.Decoder(FromHub).decode
