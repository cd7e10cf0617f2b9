"""Plain HTTP: large pages that nothing reads, pages over and over again, requests that are none."""

from __future__ import annotations

from tests.attacks.plan import ATTACKER, Attack, Plan
from tests.attacks.wire import head

NO_ADDRESS = {"address_connects": "0", "address_connections": "0"}


def asked(
    path: str, method: str = "GET", lines: int = 50, *, reads: bool = True, address: str | None = ATTACKER
) -> Plan:
    """Ask for `path` on new connections, as fast as they are answered."""
    whole = head(path, method=method, address=address, upgrade=False)
    return Plan(lines, head=lambda _: whole, reads=reads, waits=False, again=True)


HTTP = (
    Attack("documents-unread", (asked("/docs", lines=1500, reads=False),), without=NO_ADDRESS),
    Attack("documents-unread-from-loopback", (asked("/docs", lines=1500, reads=False, address=None),)),
    Attack("documents-read", (asked("/docs"),)),
    Attack("schema-read", (asked("/schema/bundle.json"),)),
    Attack("heads-of-documents", (asked("/asyncapi.json", "HEAD"),)),
    Attack("health-flood", (asked("/healthz"),)),
    Attack("readiness-flood", (asked("/readyz"),)),
    Attack("missing-pages", (asked("/" + "a" * 2000),)),
    Attack("other-methods", (asked("/ws", "POST"),)),
    Attack(
        "not-http",
        (Plan(50, head=lambda _: b"\x16\x03\x01\x02\x00" * 100 + b"\r\n\r\n", waits=False, again=True),),
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
    ),
    Attack(
        "refused-upgrades-from-loopback", (Plan(50, head=lambda _: head("/other"), waits=False, again=True),), shut=True
    ),
)
