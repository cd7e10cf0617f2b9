"""Requests for `/api` on connections that stay open: floods, bodies that do not end, large heads, costly lists."""

from __future__ import annotations

from tests.attacks.plan import ATTACKER, Attack, Plan, always, once
from tests.attacks.table.frames import CHUNK, LOG, NO_RATE, TURNS
from tests.attacks.table.reads import MANY, OTHERS, TEXTS, THREADS, UNLIMITED, containing
from tests.attacks.wire import dumps, head

FEW_FILES = 1024
MOST_BODY = 60_000
"""Bytes, fewer than a message may have."""
SILENT_LINES = 1400


def asked(
    kind: str,
    body: str = "{}",
    *,
    length: int | None = None,
    address: str | None = ATTACKER,
    more: tuple[str, ...] = (),
) -> bytes:
    """A request `POST /api/<kind>`. `length`: what its head says, where that is not true."""
    size = len(body) if length is None else length
    lines = (f"Content-Length: {size}", "Content-Type: application/json", *more)
    return head(f"/api/{kind}", address=address, method="POST", upgrade=False, more=lines) + body.encode()


def line(data: bytes, lines: int, **more: object) -> Plan:
    """The same requests over and over again, on connections that stay open."""
    return Plan(lines, head=lambda _: b"", say=always(data), waits=False, again=True, **more)  # type: ignore[arg-type]  # fields by name


def pipelined(data: bytes, lines: int = 50, **more: object) -> Plan:
    """As many of them at a time as a socket takes."""
    return line(data * max(1, CHUNK // len(data)), lines, **more)


PING, PING_FROM_LOOPBACK = asked("ping"), asked("ping", address=None)
UNFINISHED = asked("message", " " * (MOST_BODY - 1), length=MOST_BODY)
LARGE_HEAD = asked("ping", more=tuple(f"X-{number}: {'a' * 20}" for number in range(500)))
LARGE_BODY = asked("message", " " * CHUNK, length=1 << 24)
COSTLY = asked("list", dumps({"resource": "tasks", "filters": containing(20), "count": True, "limit": 1}))

API = (
    Attack("requests-over-the-rate", (pipelined(PING),), without=NO_RATE, patch=TURNS),
    Attack("requests-over-the-rate-from-loopback", (pipelined(PING_FROM_LOOPBACK),), without=NO_RATE, patch=TURNS),
    Attack("requests-unread", (pipelined(PING, reads=False),), without={**NO_RATE, "memory": "0"}, patch=TURNS),
    Attack(
        "bodies-that-do-not-end",
        (Plan(SILENT_LINES, head=lambda _: b"", first=once(UNFINISHED), waits=False),),
        without={"rate_bytes": "0", "memory": "0"},
    ),
    Attack(
        "idle-lines-after-a-request",
        (Plan(SILENT_LINES, head=lambda _: PING, waits=False),),
        patch=LOG,
        files=FEW_FILES,
        shut=True,
    ),
    Attack("large-heads-of-requests", (pipelined(LARGE_HEAD),), without=NO_RATE, patch=TURNS),
    Attack(
        "large-bodies-of-requests",
        (line(LARGE_BODY, 50),),
        without={**NO_RATE, "max_message": str(1 << 24), "memory": "0"},
        patch=TURNS,
    ),
    Attack(
        "costly-lists-in-requests",
        (line(COSTLY, 50),),
        without=UNLIMITED,
        patch=(TEXTS, THREADS, OTHERS),
        rows=MANY,
    ),
)
