"""Streams of events (`/sse`): many, idle, not read, opened and closed in a loop, and messages to those of others."""

from __future__ import annotations

from tests.attacks.plan import ATTACKER, Attack, Plan, Say, always
from tests.attacks.table.frames import LOG, NO_RATE, TURNS, WRITING
from tests.attacks.table.messages import FILLED, filling
from tests.attacks.wire import STREAM, dumps, head, token

NO_ADDRESS = {"address_connects": "0", "address_connections": "0"}
FEW_FILES = 1024
FOREIGN = b"/sse/not-of-this-gateway." + b"0" * 32
PINGS = "[" + ",".join([dumps({"type": "ping", "ref": "r" * 100})] * 400) + "]"
JOIN = dumps({"type": "join", "room": FILLED, "presence": "none"})


def streams(lines: int, user: str | None = None, address: str | None = ATTACKER, **more: object) -> Plan:
    """Open streams of `user`, or of anonymous clients."""
    opening = head("/sse", address=address, token=None if user is None else token(user), upgrade=False)
    return Plan(lines, head=lambda _: opening, **more)  # type: ignore[arg-type]  # fields by name


def said(body: str, user: str, path: bytes = b"/sse/" + STREAM) -> bytes:
    """A request that says `body` on one of the streams that were opened, another one each time."""
    length = (f"Content-Length: {len(body)}", "Content-Type: application/json")
    whole = head("/path", address=ATTACKER, method="POST", token=token(user), upgrade=False, more=length)
    return whole.replace(b"/path", path) + body.encode()


def saying(say: Say, lines: int = 10, **more: object) -> Plan:
    """Requests on connections that stay open."""
    return Plan(lines, head=lambda _: b"", say=say, waits=False, again=True, **more)  # type: ignore[arg-type]  # fields by name


STREAMS = (
    Attack("idle-streams", (streams(1400),), without=NO_ADDRESS, files=FEW_FILES),
    Attack(
        "idle-streams-from-loopback",
        (streams(1400, address=None),),
        patch=LOG,
        files=FEW_FILES,
        shut=True,
    ),
    Attack("streams-opened-and-closed", (streams(50, leaves=True, again=True),), patch=LOG),
    Attack(
        "streams-unread",
        (streams(50, "mallory", reads=False), saying(always(said(PINGS, "mallory")))),
        without={**NO_RATE, "memory": "0"},
        patch=TURNS,
    ),
    Attack(
        "stuck-streams",
        (
            streams(150, "mallory", reads=False),
            saying(always(said(JOIN, "mallory")), 4, every=0.002),
            filling(2000, 16_000),
        ),
        without={**NO_RATE, "memory": "0"},
        patch=("one frame for all readers", *WRITING),
    ),
    Attack(
        "messages-to-streams-of-others",
        (
            streams(10, "ada"),
            saying(always(said(JOIN, "mallory") * 20), 25, every=0.01, delay=0.3),
            saying(always(said(JOIN, "mallory", FOREIGN) * 20), 25, every=0.01),
        ),
        without=NO_RATE,
        patch=TURNS,
    ),
)
