"""What an engine is started with, and how a start fails.

It knows the settings of no single engine. Every engine has a function `start(setup: EngineSetup)` in its package, which
`opening.open_engine` awaits.
Invariant: no text for people holds a password.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence

import msgspec

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.errors import TidegateError
from tidegate.core.rooms.ghosts import GRACE_S
from tidegate.counted import Counted
from tidegate_protocol import RoomMessage

OTHER_ROOMS = Counted(
    logging.getLogger("tidegate.rooms"),
    logging.WARNING,
    "engine_prefix: the gateway that started last under %s has other rooms (only there: %s; only here: %s); this is "
    "right between versions of one application, and two applications need two prefixes",
    name="other_rooms",
)
PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""A prefix is a part of names in the engine's server: nothing in it may be taken for a separator."""


class EngineError(TidegateError):
    """The engine cannot be used as it is; the text says what to do."""


class LeaseTimes(msgspec.Struct, frozen=True):
    """In seconds."""

    lease: float = 15.0
    """How long the others believe that a gateway lives after it said so."""
    beat: float = 5.0
    """How often a gateway says so."""
    grace: float = GRACE_S
    """How long the users of a gateway that is gone stay present."""


class EngineSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What every engine gets."""

    url: str
    prefix: str
    """Of all names in the engine's server; empty for an engine of one process or one machine."""
    node: str
    """Names this process, and no other one ever: it has a random part."""
    new_node: Callable[[], str]
    """Makes another name of this process, for a gateway that the others gave up."""
    new_epoch: Callable[[], str]
    """Makes an epoch that no history ever had."""
    rooms: Sequence[str] = ()
    """The patterns of the application's rooms: by them an engine knows its application again."""
    encode: Callable[[RoomMessage], bytes]
    """A room message as JSON."""
    ledger: Ledger
    clock: Callable[[], float]
    """Seconds on a clock that only goes forward."""
    wall: Callable[[], float] = time.time
    """Seconds since the Unix epoch."""
    times: LeaseTimes = LeaseTimes()

    @property
    def application(self) -> str:
        """What an engine keeps under the prefix, and gives to `check_application` of each gateway that starts."""
        return " ".join(sorted(self.rooms))

    def check_application(self, found: str) -> None:
        """`found`: the `application` that another gateway wrote under the prefix. Raises EngineError for a stranger.

        The versions of one application have rooms in common. Two applications may have some in common too, so a
        difference is in the log. The gateway that starts writes its own text afterwards.
        """
        there, here = set(found.split()), set(self.rooms)
        if there and here and not there & here:
            raise EngineError(
                f"engine_prefix: {self.prefix} belongs to another application, with the rooms {found}; give this "
                "application a prefix that no other one has"
            )
        if there and here and there != here:
            gone, new = (" ".join(sorted(rooms)) or "none" for rooms in (there - here, here - there))
            OTHER_ROOMS(self.prefix, gone, new)


def check_prefix(prefix: str | None) -> str:
    """The prefix that an engine outside of the gateway needs. Raises EngineError."""
    if not prefix:
        raise EngineError(
            "engine_prefix: an engine outside of the gateway needs one, so that two applications never mix on one "
            "server; write for example --engine-prefix shop (or TIDEGATE_ENGINE_PREFIX=shop), the same for every "
            "gateway of the application"
        )
    if not PREFIX.fullmatch(prefix):
        raise EngineError("engine_prefix: has at most 64 letters, digits, dots, hyphens and underscores, such as shop")
    return prefix
