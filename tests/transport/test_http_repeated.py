"""Heads that a client repeats byte for byte are read once: each request is answered as if its head were new."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from tests.support.waiting import until
from tests.transport.http_requests import EchoApi, post, request, response
from tests.transport.raw import listening
from tests.transport.test_http_head import HEADS, LIMIT, mutated
from tidegate.transport import Exchange, Response, gatekeeper
from tidegate.transport.http_connection import HttpConnection
from tidegate.transport.http_head import BadRequest, for_api, read_head
from tidegate.transport.incoming import KNOWN_BYTES, Incoming
from tidegate.transport.origins import origin_allowed
from tidegate.transport.turns import Turns

APP = "https://app.example"


def test_head_that_is_known_means_what_it_means_when_it_is_read() -> None:
    chance, incoming, known = random.Random(7), Incoming(LIMIT), 0
    heads = [each.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" for each in HEADS]
    heads += [mutated(each, chance).partition(b"\r\n\r\n")[0] + b"\r\n\r\n" for each in heads * 20]
    for _ in range(3000):
        sent = chance.choice(heads[: chance.choice((2, len(heads)))])
        incoming.add(sent)
        data = incoming.head()
        assert data == sent[: sent.index(b"\r\n\r\n") + 4]
        try:
            head = read_head(data)
        except BadRequest:
            assert incoming.known is None
            incoming.clear()
            continue
        if incoming.known is not None:
            known += 1
            assert incoming.known == head
            assert for_api(data) == for_api(sent)
        incoming.take(data, head)
        assert incoming.clear() == sent[len(data) :]
    assert known > 300


def test_head_that_only_begins_alike_is_not_known() -> None:
    incoming, short = Incoming(LIMIT), post()
    for sent in (short, short[:-2] + b"X: y\r\n\r\n", short[:-20]):
        incoming.add(short)
        data = incoming.head()
        assert data is not None
        incoming.take(data, read_head(data))
        incoming.add(sent)
        assert (incoming.known is not None, incoming.head()) == (True, sent if sent.endswith(b"\r\n\r\n") else None)
        assert (incoming.known is not None) == (sent == short)
        incoming.clear()


def test_large_head_is_not_kept() -> None:
    incoming, large = Incoming(LIMIT), request("GET", "/api/echo", "X: " + "x" * KNOWN_BYTES)
    for sent in (large, large):
        incoming.add(sent)
        data = incoming.head()
        assert data is not None
        incoming.take(data, read_head(data))
        assert incoming.known is None


async def test_page_of_a_foreign_origin_is_refused_between_requests_that_are_let_in() -> None:
    foreign, known = post(b"x", "Origin: https://evl.example"), post(b"x", f"Origin: {APP}")
    assert len(foreign) == len(known)
    async with listening(api=EchoApi(), origins=(APP,)) as door, door.tcp() as raw:
        for sent, status in ((known, 200), (known, 200), (foreign, 403), (foreign, 403), (known, 200), (foreign, 403)):
            raw.send(sent)
            answer = await response(raw)
            assert answer.status == status
            assert answer.headers.get("access-control-allow-origin") == (APP if status == 200 else None)


async def test_request_to_a_foreign_name_is_refused_between_requests_that_are_let_in() -> None:
    known, foreign = (
        request("POST", "/api/echo", body=b"x", host=f"{name}.example") for name in ("gateway", "foreign")
    )
    async with listening(api=EchoApi(), hosts=("gateway.example",)) as door, door.tcp() as raw:
        for sent, status in ((known, 200), (foreign, 421), (known, 200), (known, 200), (foreign, 421)):
            raw.send(sent)
            assert (await response(raw)).status == status


async def test_origin_and_host_are_looked_at_once_for_requests_that_have_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[str | None] = []

    def counting(origin: str | None, *rest: Any, **options: Any) -> bool:
        looks.append(origin)
        return origin_allowed(origin, *rest, **options)

    monkeypatch.setattr(gatekeeper, "origin_allowed", counting)
    async with listening(api=EchoApi(), origins=(APP,)) as door, door.tcp() as raw:
        for number in range(4):
            raw.send(post(b"x" * number, f"Origin: {APP}"))
            assert (await response(raw)).status == 200
    assert looks == [APP]


async def test_repeated_request_is_held_to_settings_that_changed() -> None:
    async with listening(api=EchoApi(), origins=(APP,)) as door, door.tcp() as raw:
        context = door.listener.context
        changes: list[tuple[dict[str, object], int]] = [
            ({}, 200),
            ({}, 200),
            ({"origins": ()}, 403),
            ({"origins": (APP,)}, 200),
            ({"hosts": ("other.example",)}, 421),
            ({"hosts": ("gateway.example",), "max_size": 2}, 413),
        ]
        for change, status in changes:
            context.settings = msgspec.structs.replace(context.settings, **change)
            raw.send(post(b"abc", f"Origin: {APP}"))
            assert (await response(raw)).status == status, change


async def test_handler_sees_that_a_head_is_repeated_only_after_it_let_the_request_before_in() -> None:
    class Strict(EchoApi):
        def __init__(self) -> None:
            super().__init__()
            self.refuses, self.told = False, list[bool]()

        def begin(self, exchange: Exchange) -> Response | None:
            self.told.append(exchange.repeats)
            return Response.text(401, "no\n") if self.refuses else None

    api = Strict()
    async with listening(api=api) as door, door.tcp() as raw:
        for api.refuses in (False, False, True, False, False):
            raw.send(post(b"x"))
            await response(raw)
        raw.send(post(b"xy"))
        await response(raw)
    assert api.told == [False, True, True, False, True, False]


async def test_nothing_more_is_read_of_a_client_whose_requests_wait_for_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listening(api=EchoApi()) as door, door.tcp() as raw:
        monkeypatch.setattr(Turns, "_schedule", lambda self: None)
        raw.send(post(b"x") * 200_000)
        await until(lambda: len(door.listener.context.turns))
        (connection,) = door.listener.context.connections
        assert isinstance(connection, HttpConnection)
        assert connection._output._reading_paused
        assert len(connection._incoming) <= len(door.listener.context.receive_buffer)
