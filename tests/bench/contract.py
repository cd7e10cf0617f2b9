"""The cost of decoding a message, and of a refusal with an explanation, in this process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.contract import Contract
from tidegate.core.errors import Refused

MESSAGES = {
    "ping": {"type": "ping", "ref": 1},
    "message": {"type": "message", "room": "chat-1", "data": {"text": "x" * 100}, "ref": 2},
    "subscribe": {"type": "subscribe", "resource": "users", "filters": {"status": "active"}, "ref": 3},
    "create": {"type": "create", "resource": "users", "data": {"name": "Ada", "email": "ada@example.com"}, "ref": 4},
}
REFUSED = {
    "a typo in a filter": {"type": "subscribe", "resource": "users", "filters": {"staet": "active"}, "ref": 1},
    "a text that is a number": {"type": "message", "room": "chat-1", "data": {"text": 1}},
    "three mistakes in a row": {"type": "create", "resource": "users", "data": {"nmae": 1, "email": 2, "status": 3}},
}
DECODE_US, REFUSE_US = 4.0, 60.0


def run(runs: int, scale: float, judge: bool) -> bool:
    """Measure and print; returns whether every target is reached."""
    contract = Contract(schema.bundle(schema.load(ROOT / "schema")))

    def refuse(payload: bytes) -> None:
        try:
            contract.decode(payload)
        except Refused:
            return
        raise AssertionError("this should have been refused")

    print(f"\n{'contract (processor us, the best of the runs)':<60}{'us':>10}{'at most':>10}")
    good = True
    for title, messages, call, limit in (
        ("decode", MESSAGES, contract.decode, DECODE_US),
        ("refuse", REFUSED, refuse, REFUSE_US),
    ):
        for name, message in messages.items():
            payload = json.dumps(message).encode()
            cost = min(_cost(lambda: call(payload), int(20000 * scale)) for _ in range(max(3, runs)))  # noqa: B023  # called at once
            good = good and cost <= limit
            mark = "  above" if judge and cost > limit else ""
            print(f"{title + ': ' + name:<60}{cost:>10.2f}{limit:>10.1f}{mark}")
    return good


def _cost(call: Callable[[], object], rounds: int) -> float:
    """Processor microseconds a call."""
    started = time.process_time()
    for _ in range(max(rounds, 100)):
        call()
    return (time.process_time() - started) / max(rounds, 100) * 1e6
