"""What an attack is: data. `swarm` carries out its plans, `trial` measures what the gateway makes of them.

It uses the standard library alone, so that an attacker's process starts quickly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.attacks.wire import head

ATTACKER = "198.51.100.66"
"""The public address of all attackers: what a trusted proxy says about them."""

Say = Callable[[int, int], bytes | None]
"""What line `n` sends in its turn `i`; None ends what it has to say."""


def from_one_address(_: int) -> bytes:
    return head(address=ATTACKER)


def from_loopback(_: int) -> bytes:
    """No proxy names an address, so that limits by address do not apply."""
    return head()


def nothing(_: int) -> Iterable[bytes]:
    return ()


def always(data: bytes) -> Say:
    """The same bytes in every turn."""
    return lambda _, __: data


def once(*pieces: bytes) -> Callable[[int], Iterable[bytes]]:
    """The same bytes at the start of every line."""
    return lambda _: pieces


@dataclass(frozen=True)
class Plan:
    """What a number of equal attackers do, each on one TCP connection."""

    lines: int
    say: Say | None = None
    first: Callable[[int], Iterable[bytes]] = nothing
    """Sent after the handshake, and before the first turn."""
    head: Callable[[int], bytes] = from_one_address
    every: float = 0.0
    """Seconds between two turns; 0 sends as fast as the gateway takes it."""
    reads: bool = True
    waits: bool = True
    """Whether a line speaks only after the gateway has accepted the WebSocket."""
    leaves: bool = False
    """Whether a line breaks off when it has nothing more to say; otherwise it stays."""
    again: bool = False
    """Whether a line that ended comes back."""
    delay: float = 0.0
    """Seconds after the start of the attack."""


@dataclass(frozen=True)
class Attack:
    """One row of the table. `name` is unique and stands in SECURITY.md."""

    name: str
    plans: tuple[Plan, ...]
    without: Mapping[str, str] = field(default_factory=dict)
    """The settings that switch off what holds the attack; with them it must win."""
    patch: tuple[str, ...] = ()
    """Names in `weakened`: what else holds it, and no setting switches off."""
    always: str = ""
    """Why nothing can be switched off: the gateway does nothing that could be left out."""
    settings: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    """Tasks in the table, a kilobyte each, besides the sample rows."""
    postgres: bool = False
    lock: str = ""
    """A table that another program locks meanwhile (PostgreSQL)."""
    files: int = 0
    """The hard limit of open files of the gateway's process; 0 leaves the machine's."""
    shut: bool = False
    """Whether new clients may be refused: the attackers are many, or of an address that is not limited."""
    growth: float = 64.0
    """MiB that the memory may grow by. More than the default where no address is limited, and `memory` alone holds."""
    stopped: bool = False
    """Whether the gateway is told to stop while the attackers are there, not after they have gone."""
