"""What becomes of requests when the connection breaks. No sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tidegate_client.errors import ClientClosed, ConnectionLost, RequestRefused, TidegateError
from tidegate_client.outstanding import MAX_SENDS, Outstanding, Request, may_repeat


def request(outstanding: Outstanding, *, repeat: bool = False, **more: Any) -> Request:
    ref = outstanding.next_ref()
    made = Request(ref, "x", b"{}", asyncio.get_running_loop().create_future(), repeat, **more)
    outstanding.add(made)
    return made


def sent(made: Request, link: object) -> Request:
    made.sends += 1
    made.sent_on = link
    return made


@pytest.mark.parametrize(
    ("message", "may"),
    [
        ({"type": "list"}, True),
        ({"type": "ping"}, True),
        ({"type": "create", "key": "k"}, True),
        ({"type": "create"}, False),
        ({"type": "message", "key": "k"}, True),
        ({"type": "join"}, False),
        ({"type": "launch", "key": "k"}, False),
    ],
)
def test_may_repeat(message: dict[str, Any], may: bool) -> None:
    assert may_repeat(message) is may


async def test_only_repeatable_and_unsent_requests_survive_the_connection() -> None:
    outstanding, link = Outstanding(), object()
    unsafe, safe = sent(request(outstanding), link), sent(request(outstanding, repeat=True), link)
    unsent, bound = request(outstanding), request(outstanding, bound=True)
    outstanding.connection_lost()
    for lost in (unsafe, bound):
        with pytest.raises(ConnectionLost):
            await lost.reply
    assert not safe.reply.done()
    assert not unsent.reply.done()
    assert len(outstanding) == 2


async def test_waiting_requests_go_out_in_order_with_those_that_come_meanwhile() -> None:
    outstanding, link = Outstanding(), object()
    first, second = request(outstanding), request(outstanding)
    order = []
    for made in outstanding.unsent_on(link):
        order.append(sent(made, link).ref)
        if made is second:
            third = request(outstanding)
    assert order == [first.ref, second.ref, third.ref]


async def test_a_request_that_breaks_every_connection_fails() -> None:
    outstanding = Outstanding()
    poison = request(outstanding, repeat=True)
    for _ in range(MAX_SENDS - 1):
        sent(poison, object())
        outstanding.connection_lost()
        assert not poison.reply.done()
    sent(poison, object())
    outstanding.connection_lost()
    with pytest.raises(ConnectionLost):
        await poison.reply


async def test_replies_find_their_request_once() -> None:
    outstanding = Outstanding()
    made = request(outstanding)
    assert not outstanding.settle({"type": "pong"})
    assert not outstanding.settle({"type": "pong", "ref": "1"})
    assert outstanding.settle({"type": "pong", "ref": made.ref})
    assert not outstanding.settle({"type": "pong", "ref": made.ref})
    assert (await made.reply)["type"] == "pong"


async def test_errors_and_unreadable_replies() -> None:
    outstanding = Outstanding()
    refused = request(outstanding)
    outstanding.settle({"type": "error", "ref": refused.ref, "code": "not_found", "message": "no such row"})
    with pytest.raises(RequestRefused, match="no such row"):
        await refused.reply

    def read(reply: dict[str, Any]) -> None:
        raise KeyError("position")

    unreadable = request(outstanding, on_reply=read)
    outstanding.settle({"type": "joined", "ref": unreadable.ref})
    with pytest.raises(TidegateError) as caught:
        await unreadable.reply
    assert caught.value.code == "invalid_reply"


async def test_the_end_of_the_client_ends_all() -> None:
    outstanding = Outstanding()
    made = request(outstanding, repeat=True)
    outstanding.fail_all(ClientClosed())
    with pytest.raises(ClientClosed):
        await made.reply
    assert len(outstanding) == 0
