"""The port through which rooms reach their engine, which keeps messages and joins gateways.

An engine may live in this process or in another one, so it answers with an `Answer`: the future of a value. It knows
rooms by name and rules; who may join or send, and what a client is told, is decided in `core.rooms`.
Times are in seconds since the Unix epoch. `node` names one gateway process. Texts are whole messages in JSON, encoded.
Invariant of every engine: within a room and epoch, `delivered` is called once for each offset, in order.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Generic, Literal, Protocol, TypeVar

import msgspec

from tidegate.core.rooms.entries import PresenceEntry, RemoteMember
from tidegate.core.rooms.room import RoomRules
from tidegate.core.round_trips import RoundTrips
from tidegate_protocol import RoomPosition, Sender

__all__ = [
    "Answer",
    "Engine",
    "EngineListener",
    "HistoryPage",
    "Occupancy",
    "Opened",
    "OtherGateway",
    "PresenceEntry",
    "Ready",
    "RemoteMember",
    "Standing",
]

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)
Occupancy = Literal["occupied", "vacated"] | None
"""Whether the first user appeared in a room, the last one vanished, or neither (None), in all gateways together."""


Standing = Literal["present", "leaving", "gone"]
"""Of another gateway. The users of one that is `leaving` (it stops, or does not answer) stay for a moment, except where
they are present through another gateway; of one that is `gone`, no user is present through it."""


class Answer(Protocol[Value_co]):
    """The future of a value; asyncio.Future is one. The caller takes a value that is `done` without awaiting it."""

    def done(self) -> bool: ...

    def result(self) -> Value_co:
        """The value; raises what the engine failed with."""

    def __await__(self) -> Generator[Any, None, Value_co]: ...


class Ready(msgspec.Struct, Generic[Value], frozen=True, gc=False):
    """An answer that is there already: cheaper than an asyncio.Future, and bound to no loop."""

    value: Value

    def done(self) -> bool:
        return True

    def result(self) -> Value:
        return self.value

    def __await__(self) -> Generator[Any, None, Value]:
        yield from ()
        return self.value


class Opened(msgspec.Struct, frozen=True):
    """A room at the moment of a join."""

    head: RoomPosition
    """The newest message; offset 0 where there was none in this epoch."""
    missed: Sequence[bytes] | None
    """The messages after the position asked for, oldest first; None where none was given or some are gone."""


class HistoryPage(msgspec.Struct, frozen=True):
    """Some messages of a room, oldest first."""

    texts: Sequence[bytes]
    more: bool
    """Whether older ones are kept."""


class OtherGateway(msgspec.Struct, frozen=True):
    """Another gateway of the engine, as this one knows it."""

    node: str
    standing: Standing
    heard: float | None
    """Seconds since it last told the engine that it lives, about; None where the engine notices its end at once."""


class EngineListener(Protocol):
    """What an engine tells its gateway, in the event loop's thread."""

    def delivered(self, room: str, offset: int, text: bytes) -> None:
        """A message was published in `room`, by this gateway or another one."""

    def present_elsewhere(self, room: str, node: str, user: str, entry: PresenceEntry | None) -> None:
        """The presence of `user` through gateway `node`, which is another one, changed; None: it ended."""

    def members_elsewhere(self, room: str, members: Sequence[RemoteMember]) -> None:
        """Who is present in `room` through other gateways: these and no others.

        It is told when the first session here joins the room, before the answer to `open` is done; where no user is
        present elsewhere, it may be left out. It is told again where changes may have been missed.
        """

    def gateway(self, node: str, standing: Standing) -> None:
        """The standing of another gateway changed. Each is `present` as long as nothing else was told."""

    def occupied(self, room: str) -> None:
        """The first user appeared in `room`, and no answer to `Engine.present` said so.

        This gateway said it of its user. The answer was lost with its connection, or the engine was away at the call,
        or the other gateways had given this one up, and with it the room's last user.
        """

    def vacated(self, room: str) -> None:
        """The last user of `room` vanished, and no answer to `Engine.present` said so.

        The user vanished with a gateway that is gone, or that did not say it again, or as in `occupied`. One gateway of
        all is told, once, whether or not it has opened the room.
        """

    def restarted(self, room: str, head: RoomPosition) -> None:
        """The messages of `room` that were missed cannot be recovered; it goes on after `head`."""

    def told(self, kind: str, text: str) -> None:
        """A gateway called `tell`."""

    def told_user(self, user: str, text: bytes) -> None:
        """A gateway called `user`: every session of that user here is to be sent `text`."""


class Engine(Protocol):
    """Room messages and presence, across all gateways.

    Every method may be called from the event loop's thread only. `publish`, `open`, `history` and `forget` raise
    Refused(unavailable), at once or from their answer, while the engine cannot be reached. The others raise nothing: an
    engine does what they ask once it can.
    """

    @property
    def node(self) -> str:
        """How this gateway is named for `tell` at present: letters and digits."""

    @property
    def healthy(self) -> bool:
        """Whether the engine answers, or did so in the last 5 seconds."""

    @property
    def round_trips(self) -> RoundTrips | None:
        """What the engine's server was asked; None for an engine within this process."""

    @property
    def pending(self) -> int:
        """Questions that the engine's server has not answered."""

    def listen(self, listener: EngineListener) -> None:
        """Tell `listener` what happens from here on. To be called once, before the first room is opened."""

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float, account: str
    ) -> Answer[RoomPosition]:
        """Publish `data` in `room`; the answer is its position.

        `account` holds the memory that the message takes; Refused(limit_reached) where it has none left.
        `key`: an idempotency key; a message that `sender` published with it lately is not published again. Raises
        Refused(conflict) where that one had other data.
        """

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Opened]:
        """A session joins `room`: from here on its messages are delivered here.

        `since`: the newest message that the session has; None for a session that asks for none. It is a client's claim:
        whatever it says, it changes nothing of the room.
        """

    def history(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[HistoryPage]:
        """Messages of `room` with an offset below `before` (None: the newest): at most `limit`, and few bytes."""

    def close(self, room: str, now: float) -> None:
        """No user is present in `room` through this gateway any more: deliver nothing of it."""

    def present(self, room: str, user: str, entry: PresenceEntry | None) -> Answer[Occupancy]:
        """The presence of `user` in `room` through this gateway is now `entry`; None: it ended.

        Of two calls for one user in one room the later one counts, also where the engine was away in between. Each
        change of a room is told once: by an answer, or by `EngineListener.occupied` and `vacated`.
        """

    def tell(self, node: str | None, kind: str, text: str) -> None:
        """Tell one gateway, or with None every gateway, this one too: `EngineListener.told`."""

    def user(self, user: str, text: bytes) -> None:
        """Send `text` to every session of `user`, at any gateway."""

    def forget(self, room: str) -> Answer[None]:
        """Delete the history of `room`; its next message begins a new epoch, and members are told: `restarted`."""

    def others(self) -> Sequence[OtherGateway]:
        """The other gateways of this engine; one that has just started may be missing for some seconds."""

    def leave(self) -> None:
        """This gateway is about to end: it is `leaving` for the others, and `present` changes nothing any more."""

    async def aclose(self) -> None:
        """Let go of everything. Nothing is called afterwards."""
