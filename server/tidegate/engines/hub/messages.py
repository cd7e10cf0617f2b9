"""What a worker and the hub say to each other about rooms.

A request has a number, which its answer repeats. The data of a message is JSON text that only clients parse.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tidegate.core.rooms.ports import Occupancy, PresenceEntry, RemoteMember, Standing
from tidegate.hub.messages import Refusal


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A `PresenceEntry`. What the user's client published is JSON text."""

    name: str
    connections: int
    status: Literal["online", "away"]
    since: int
    info: bytes | None
    version: int

    @classmethod
    def of(cls, entry: PresenceEntry) -> Entry:
        info = None if entry.info is None else bytes(entry.info)
        return cls(entry.name, entry.connections, entry.status, entry.since, info, entry.version)

    def entry(self) -> PresenceEntry:
        info = None if self.info is None else msgspec.Raw(self.info)
        return PresenceEntry(self.name, self.connections, self.status, self.since, info, self.version)


class Member(msgspec.Struct, frozen=True, array_like=True):
    """A `RemoteMember`."""

    node: str
    user: str
    entry: Entry

    def remote(self) -> RemoteMember:
        return RemoteMember(self.node, self.user, self.entry.entry())


class Change(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A room was told to be occupied, or vacated. Changes have rising numbers, also over hubs."""

    number: int
    node: str
    """The worker that was given it to tell."""
    occupied: bool


# -- a worker says ----------------------------------------------------------------------------------------------------


class Publish(msgspec.Struct, frozen=True, array_like=True, tag=10):
    id: int
    room: str
    size: int
    ttl: float
    sender: str
    name: str
    data: bytes
    key: str | None
    account: str


class Open(msgspec.Struct, frozen=True, array_like=True, tag=11):
    id: int
    room: str
    size: int
    ttl: float
    epoch: str | None
    """Of the newest message that the session has; None for one that asks for none."""
    offset: int


class ReadPage(msgspec.Struct, frozen=True, array_like=True, tag=12):
    id: int
    room: str
    size: int
    ttl: float
    before: int | None
    limit: int


class Close(msgspec.Struct, frozen=True, array_like=True, tag=13):
    room: str


class Present(msgspec.Struct, frozen=True, array_like=True, tag=14):
    id: int
    room: str
    user: str
    entry: Entry | None
    has: int = 0
    """The number of the last change that the worker was given."""


class AllPresent(msgspec.Struct, frozen=True, array_like=True, tag=15):
    """The worker has said again who is present through it: no other user is."""


class Has(msgspec.Struct, frozen=True, array_like=True, tag=22):
    """The worker has the changes that it was given, up to this number."""

    number: int


class Earlier(msgspec.Struct, frozen=True, array_like=True, tag=23):
    """What a worker says first. A hub that was started again learns from it what its predecessors did."""

    has: list[tuple[int, int]]
    """Of each hub, the oldest first: the number that it began with, and that of the last change from it."""
    changes: list[tuple[str, Change]]
    """The last change of rooms, as far as the worker knows."""


class ListPresent(msgspec.Struct, frozen=True, array_like=True, tag=16):
    room: str


class Tell(msgspec.Struct, frozen=True, array_like=True, tag=17):
    node: str | None
    kind: str
    text: str


class ToUser(msgspec.Struct, frozen=True, array_like=True, tag=18):
    """Also what the hub says to workers."""

    user: str
    text: bytes


class Forget(msgspec.Struct, frozen=True, array_like=True, tag=19):
    id: int
    room: str


class Leave(msgspec.Struct, frozen=True, array_like=True, tag=20):
    """The worker is about to end."""


class Follow(msgspec.Struct, frozen=True, array_like=True, tag=21):
    """An `Open` for the worker itself: the answer may have fewer messages than there are."""

    id: int
    room: str
    epoch: str | None
    offset: int


# -- the hub says -----------------------------------------------------------------------------------------------------


class Welcome(msgspec.Struct, frozen=True, array_like=True, tag=30):
    """The first message of the hub."""

    began: int
    """All its changes have higher numbers, and all those of earlier hubs have lower ones."""


class Delivered(msgspec.Struct, frozen=True, array_like=True, tag=31):
    room: str
    epoch: str
    offset: int
    text: bytes
    id: int = 0
    """The request of this worker that published it, which is answered with it; 0 for the message of another one."""


class Published(msgspec.Struct, frozen=True, array_like=True, tag=32):
    """The answer where nothing is delivered to the worker that asked: it has not opened the room, or it repeated."""

    id: int
    epoch: str
    offset: int


class Missed(msgspec.Struct, frozen=True, array_like=True, tag=33):
    """Some of the messages that belong to an `IsOpen` to come."""

    id: int
    texts: list[bytes]


class IsOpen(msgspec.Struct, frozen=True, array_like=True, tag=34):
    id: int
    epoch: str
    offset: int
    recovered: bool
    members: list[Member] | None
    """For the first `Open` of a worker: who is present through others."""


class Page(msgspec.Struct, frozen=True, array_like=True, tag=35):
    id: int
    texts: list[bytes]
    more: bool


class Counted(msgspec.Struct, frozen=True, array_like=True, tag=36):
    id: int
    occupancy: Occupancy
    """What it changed: the change that is given to this worker, as `last`."""
    last: Change | None
    """The last change of the room; None where none is known."""


class Members(msgspec.Struct, frozen=True, array_like=True, tag=37):
    room: str
    members: list[Member]


class PresentElsewhere(msgspec.Struct, frozen=True, array_like=True, tag=38):
    room: str
    node: str
    user: str
    entry: Entry | None


class Told(msgspec.Struct, frozen=True, array_like=True, tag=39):
    kind: str
    text: str


class NodeStands(msgspec.Struct, frozen=True, array_like=True, tag=41):
    """The standing of another worker changed."""

    node: str
    standing: Standing


class Followed(msgspec.Struct, frozen=True, array_like=True, tag=42):
    id: int
    epoch: str
    offset: int
    missed: list[bytes] | None
    members: list[Member]


class Restarted(msgspec.Struct, frozen=True, array_like=True, tag=43):
    """The history of a room was forgotten."""

    room: str


class Changed(msgspec.Struct, frozen=True, array_like=True, tag=44):
    """A change that no answer brings, for the worker that it names. The others may know an earlier one."""

    room: str
    change: Change


class Done(msgspec.Struct, frozen=True, array_like=True, tag=40):
    id: int


FromWorker = (
    Publish
    | Open
    | Follow
    | ReadPage
    | Close
    | Present
    | Has
    | Earlier
    | AllPresent
    | ListPresent
    | Tell
    | ToUser
    | Forget
    | Leave
)
FromHub = (
    Welcome
    | Delivered
    | Published
    | Missed
    | IsOpen
    | Page
    | Counted
    | Members
    | PresentElsewhere
    | NodeStands
    | Followed
    | Restarted
    | Changed
    | Told
    | ToUser
    | Done
    | Refusal
)

decode_from_worker = msgspec.msgpack.Decoder(FromWorker).decode
decode_from_hub = msgspec.msgpack.Decoder(FromHub).decode
