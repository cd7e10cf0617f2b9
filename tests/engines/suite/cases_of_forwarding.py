"""Requests for a stream of events that another gateway has: they reach it, and its answers come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.engines.suite.case import case
from tests.engines.suite.ears import Ears
from tests.engines.suite.under_test import Ability, Gateway, House
from tidegate.gateway.http.forwarding import MOST_OF_A_USER, Forwarding

ADA = "user äda"


class Streams:
    """In the place of `gateway.http.streams`: one stream, of Ada."""

    def __init__(self) -> None:
        self.open = True
        self.said: list[bytes] = []

    def has(self, identifier: str) -> bool:
        return False

    def deliver(self, identifier: str, user: str, messages: Sequence[bytes]) -> str:
        if user != ADA or not self.open:
            return "foreign" if self.open else "ended"
        self.said += messages
        return "taken"

    def leave(self, identifier: str, user: str) -> str:
        self.open = False
        return "taken"


def forwarding(gateway: Gateway) -> tuple[Forwarding, Streams]:
    streams: Any = Streams()
    ears: Any = Ears(gateway)
    return Forwarding(streams, gateway.engine, ears), streams


@case()
async def the_gateway_of_a_stream_is_asked_at_once(house: House) -> None:
    gateway = await house.start()
    own, streams = forwarding(gateway)
    outcomes: list[str] = []
    own.ask(f"{gateway.engine.node}.1", ADA, b'{"type":"ping"}', outcomes.append)
    assert (outcomes, streams.said) == (["taken"], [b'{"type":"ping"}'])


@case(Ability.SEVERAL)
async def a_request_for_a_stream_reaches_its_gateway(house: House) -> None:
    one, two = await house.two()
    asking, _ = forwarding(one)
    _, streams = forwarding(two)
    outcomes: list[str] = []

    async def ask(user: str, body: bytes | None) -> str:
        before = len(outcomes)
        asking.ask(f"{two.node}.{'0' * 32}", user, body, outcomes.append)
        await house.until(lambda: len(outcomes) > before, "an answer")
        return outcomes[-1]

    large = b'{"text":"' + "ü\U0001f409".encode() * 10_000 + b'"}'
    assert await ask(ADA, b'[{"type":"ping"}, ' + large + b"]") == "taken"
    assert streams.said == [b'{"type":"ping"}', large]
    assert await ask("another", b"{}") == "foreign"
    assert await ask(ADA, None) == "taken"
    assert await ask(ADA, b"{}") == "ended"
    assert len(streams.said) == 2


@case(Ability.SEVERAL)
async def many_requests_for_a_gateway_that_is_gone_wait_only_up_to_a_limit(house: House) -> None:
    one, two = await house.two()
    asking, _ = forwarding(one)
    ended: list[str] = []
    refused: list[str] = []
    for _ in range(MOST_OF_A_USER):
        asking.ask("gone.1", ADA, b"{}", ended.append)
    asking.ask("gone.1", ADA, b"{}", refused.append)
    assert (ended, refused) == ([], ["unavailable"])
    _, streams = forwarding(two)
    asking.ask(f"{two.node}.1", "another", b"{}", refused.append)
    await house.until(lambda: refused[1:] == ["foreign"], "another user is not held up")
    assert streams.said == []
    asking.give_up()
    assert ended == ["ended"] * MOST_OF_A_USER
