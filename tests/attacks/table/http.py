"""Plain HTTP: large pages that nothing reads, pages over and over again, requests that are none."""

from __future__ import annotations

from tests.attacks.plan import ATTACKER, Attack, Plan
from tests.attacks.wire import head

MADE, LOG = ("pages that are made once",), ("counted log lines",)
CHEAP = "it is answered from memory within 0.2 ms, and nothing of it is kept or logged"
NO_ADDRESS = {"address_connects": "0", "address_connections": "0"}


def asked(
    path: str, method: str = "GET", lines: int = 50, *, reads: bool = True, address: str | None = ATTACKER
) -> Plan:
    """Ask for `path` on new connections, as fast as they are answered."""
    whole = head(path, method=method, address=address, upgrade=False)
    return Plan(lines, head=lambda _: whole, reads=reads, waits=False, again=True)


HTTP = (
    Attack("documents-unread", (asked("/docs", lines=1500, reads=False),), without=NO_ADDRESS, patch=MADE),
    Attack(
        "documents-unread-from-loopback",
        (asked("/docs", lines=1500, reads=False, address=None),),
        patch=MADE,
    ),
    Attack("documents-read", (asked("/docs"),), without=NO_ADDRESS, patch=MADE),
    Attack("schema-read", (asked("/schema/bundle.json"),), without=NO_ADDRESS, patch=MADE),
    Attack("heads-of-documents", (asked("/asyncapi.json", "HEAD"),), without=NO_ADDRESS, patch=MADE),
    Attack("health-flood", (asked("/healthz"),), always=CHEAP),
    Attack("readiness-flood", (asked("/readyz"),), always=CHEAP),
    Attack("missing-pages", (asked("/" + "a" * 2000),), patch=LOG),
    Attack("other-methods", (asked("/ws", "POST"),), always=CHEAP),
    Attack(
        "not-http",
        (Plan(50, head=lambda _: b"\x16\x03\x01\x02\x00" * 100 + b"\r\n\r\n", waits=False, again=True),),
        always=CHEAP,
        shut=True,
    ),
    Attack(
        "foreign-origins",
        (
            Plan(
                50,
                head=lambda _: head(address=ATTACKER, more=("Origin: http://evil.example",)),
                waits=False,
                again=True,
            ),
        ),
        patch=LOG,
    ),
    Attack(
        "refused-upgrades-from-loopback",
        (Plan(50, head=lambda _: head("/other"), waits=False, again=True),),
        patch=LOG,
        shut=True,
    ),
)
