"""What becomes of requests when the connection breaks. No sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tidegate_client.errors import ClientClosed, ConnectionLost, RequestRefused, TidegateError
from tidegate_client.outstanding import MAX_SENDS, Outstanding, Reply, Request, may_repeat


def request(outstanding: Outstanding, *, repeat: bool = False, **more: Any) -> Request:
    ref = outstanding.next_ref()
    made = Request(ref, "x", b"{}", asyncio.get_running_loop().create_future(), repeat, **more)
    outstanding.add(made)
    return made


def sent(made: Request) -> Request:
    made.sends += 1
    made.given = True
    return made


def reply_to(made: Request) -> asyncio.Future[Reply]:
    assert made.reply is not None
    return made.reply


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
    outstanding = Outstanding()
    unsafe, safe = sent(request(outstanding)), sent(request(outstanding, repeat=True))
    unsent, bound = request(outstanding), request(outstanding, bound=True)
    outstanding.connection_lost()
    for lost in (unsafe, bound):
        with pytest.raises(ConnectionLost):
            await reply_to(lost)
    assert not reply_to(safe).done()
    assert not reply_to(unsent).done()
    assert len(outstanding) == 2


async def test_what_the_connection_has_yet_to_carry_keeps_its_order() -> None:
    outstanding = Outstanding()
    made = [request(outstanding), request(outstanding, bound=True), Request(outstanding.next_ref(), "wave", b"{}")]
    outstanding.add(made[2])
    made.append(sent(request(outstanding)))
    made.append(request(outstanding))
    assert outstanding.unsent() == [made[0], made[2], made[4]]


async def test_a_request_that_breaks_every_connection_fails() -> None:
    outstanding = Outstanding()
    poison = request(outstanding, repeat=True)
    for _ in range(MAX_SENDS - 1):
        sent(poison)
        outstanding.connection_lost()
        assert not reply_to(poison).done()
    sent(poison)
    outstanding.connection_lost()
    with pytest.raises(ConnectionLost):
        await reply_to(poison)


async def test_replies_find_their_request_once() -> None:
    outstanding = Outstanding()
    made = request(outstanding)
    assert not outstanding.settle({"type": "pong"})
    assert not outstanding.settle({"type": "pong", "ref": "1"})
    assert outstanding.settle({"type": "pong", "ref": made.ref})
    assert not outstanding.settle({"type": "pong", "ref": made.ref})
    assert (await reply_to(made))["type"] == "pong"


async def test_errors_and_unreadable_replies() -> None:
    outstanding = Outstanding()
    refused = request(outstanding)
    outstanding.settle({"type": "error", "ref": refused.ref, "code": "not_found", "message": "no such row"})
    with pytest.raises(RequestRefused, match="no such row"):
        await reply_to(refused)

    def read(reply: dict[str, Any]) -> None:
        raise KeyError("position")

    unreadable = request(outstanding, on_reply=read)
    outstanding.settle({"type": "joined", "ref": unreadable.ref})
    with pytest.raises(TidegateError) as caught:
        await reply_to(unreadable)
    assert caught.value.code == "invalid_reply"


async def test_the_end_of_the_client_ends_all() -> None:
    outstanding = Outstanding()
    made = request(outstanding, repeat=True)
    outstanding.fail_all(ClientClosed())
    with pytest.raises(ClientClosed):
        await reply_to(made)
    assert len(outstanding) == 0
