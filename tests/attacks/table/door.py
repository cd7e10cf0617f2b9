"""Connections: many, idle, slow, or over and over again; and lies about where they come from."""

from __future__ import annotations

from tests.attacks.plan import ATTACKER, Attack, Plan, always, from_loopback, once
from tests.attacks.wire import BINARY, CONTINUATION, PING, TEXT, frame, frame_head, head

NO_ADDRESS = {"address_connects": "0", "address_connections": "0"}
FEW_FILES = 1024
LOG, FILES = ("counted log lines",), ("the reserve of open files",)
PART = frame_head(TEXT, 60_001) + b"x" * 60_000
"""A frame that ends with its next byte."""
FRAGMENT = frame(TEXT, b"x" * 60_000, fin=False)


def one_byte_a_second(bytes_of_head: bytes) -> Plan:
    return Plan(
        1500,
        head=lambda _: bytes_of_head[:20],
        say=lambda _, turn: bytes_of_head[20 + turn : 21 + turn] or b"x",
        every=1.0,
        waits=False,
        again=True,
    )


DOOR = (
    Attack("idle-lines", (Plan(1400),), without=NO_ADDRESS, files=FEW_FILES),
    Attack(
        "idle-lines-from-loopback",
        (Plan(1400, head=from_loopback),),
        patch=LOG,
        files=FEW_FILES,
        shut=True,
    ),
    Attack("connect-loop", (Plan(50, leaves=True, again=True),), patch=LOG),
    Attack(
        "connect-loop-from-loopback",
        (Plan(50, head=from_loopback, leaves=True, again=True),),
        patch=LOG,
        shut=True,
    ),
    Attack(
        "silent-connections",
        (Plan(1500, head=lambda _: b"", waits=False, again=True),),
        patch=FILES,
        files=2048,
        shut=True,
    ),
    Attack("slow-handshakes", (one_byte_a_second(head(address=ATTACKER)),), patch=FILES, files=2048, shut=True),
    Attack(
        "endless-heads",
        (
            Plan(
                200,
                head=lambda _: head()[:-2],
                say=always(b"X-More: " + b"x" * 1000 + b"\r\n"),
                waits=False,
                again=True,
            ),
        ),
        without=NO_ADDRESS,
        patch=("the limit of a head",),
    ),
    Attack(
        "unread-handshakes",
        (Plan(500, reads=False, waits=False, say=always(frame(PING, b"x" * 100)), every=0.05),),
        patch=LOG,
    ),
    Attack(
        "invented-addresses",
        (Plan(1400, head=lambda n: head(address=f"192.0.2.{n % 250}, {ATTACKER}")),),
        without=NO_ADDRESS,
        files=FEW_FILES,
    ),
    Attack(
        "addresses-of-one-ipv6-network",
        (Plan(1400, head=lambda n: head(address=f"2001:db8:0:7::{n + 1:x}")),),
        without=NO_ADDRESS,
        files=FEW_FILES,
    ),
    Attack(
        "several-forwarded-headers",
        (Plan(1400, head=lambda n: head(address=f"192.0.2.{n % 250}", more=(f"X-Forwarded-For: {ATTACKER}",))),),
        without=NO_ADDRESS,
        files=FEW_FILES,
    ),
    Attack(
        "proxy-lines-in-floods",
        (
            Plan(
                200, head=lambda n: b"PROXY TCP4 192.0.2.%d 192.0.2.1 1 1\r\n" % (n % 250) * 50, waits=False, again=True
            ),
        ),
        always="what follows the first line is no request, and waits like any unfinished handshake",
        shut=True,
    ),
    Attack(
        "parts-of-frames",
        (Plan(1500, first=once(PART), say=lambda _, __: None),),
        without={**NO_ADDRESS, "memory": "0", "rate_bytes": "0"},
    ),
    Attack(
        "parts-of-frames-from-loopback",
        (Plan(1500, head=from_loopback, first=once(PART), say=lambda _, __: None),),
        without={"memory": "0"},
    ),
    Attack(
        "unfinished-fragments",
        (Plan(1500, head=from_loopback, first=once(FRAGMENT), say=always(frame(PING)), every=0.5),),
        without={"memory": "0"},
    ),
    Attack(
        "large-binary-frames-and-silence",
        (Plan(1500, head=from_loopback, first=once(frame(BINARY, b"x" * 60_000)), say=lambda _, __: None),),
        patch=("payloads that are let go",),
    ),
    Attack(
        "empty-fragments",
        (
            Plan(
                50,
                first=once(frame(TEXT, b"", fin=False)),
                say=always(frame(CONTINUATION, b"", fin=False) * 2000),
                again=True,
            ),
        ),
        without={"rate": "0", **NO_ADDRESS},
    ),
)
