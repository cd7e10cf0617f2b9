"""The text messages of a client, decoded by the contract and judged by the oracle of `tidegate check contract`.

What must hold: both accept the same messages, and a refusal names a fault that the message has, at its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.contract.mutated_messages import SEEDS
from tests.contract.test_equivalence import Subject
from tests.fuzz.target import Run, Target
from tests.support.gateway import ROOT

WORDS = [
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"1e400", b"-0", b"0.1", b"9007199254740993", b"NaN",
    b'"\\ud800"', b"\\u0000", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"type":', b'"ref":"r"', b'"data":{}', b'"filters":',
    b'"or":[', b'"contains":', b'"in":[1,"1"]', b'"resource":"tasks"', b'"room":"chat-1"', b'"__proto__":', b'"id":',
]  # fmt: skip


@contextmanager
def make() -> Iterator[Run]:
    subject = Subject(ROOT / "schema")

    def run(data: bytes) -> str:
        try:
            data.decode()
        except UnicodeDecodeError:
            return "not UTF-8"  # the transport refuses it
        verdict, differences = subject.difference(data)
        assert not differences, differences
        return (
            ", ".join(f"{fault.code} {fault.keyword} {fault.pointer.count('/')}" for fault in verdict.faults[:2])
            or "accepted"
        )

    yield run


TARGET = Target("messages", make, [json.dumps(seed).encode() for seed in SEEDS], WORDS)
