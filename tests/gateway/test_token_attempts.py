"""Guessing tokens: after a few that are refused, those of the same address are not looked at for a while."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.wire import wire
from tests.transport.inside import SECRET, Inside, running
from tidegate.auth import tokens

ADDRESS, OTHER = ({"X-Forwarded-For": address} for address in ("203.0.113.7", "203.0.113.8"))


def a_token(user: str = "7") -> str:
    return tokens.sign(SECRET, user, "Ada", [], time.time(), 600)


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path, trusted_proxies=["127.0.0.1"], token_attempts=3) as gateway:
        yield gateway


async def guess(url: str, headers: dict[str, str], token: str) -> int:
    """The close code after a handshake with `token`, 0 for a welcome, or the status of a refused handshake."""
    try:
        async with connect(url, additional_headers={**headers, "Authorization": f"Bearer {token}"}) as client:
            if '"welcome"' in str(await client.recv()):
                return 0
            await client.wait_closed()
            return client.close_code or -1
    except InvalidStatus as refused:
        assert int(refused.response.headers["Retry-After"]) > 0
        return refused.response.status_code


async def test_handshakes_with_tokens_are_refused_after_some_that_are_not_valid(inside: Inside) -> None:
    assert [await guess(inside.url, ADDRESS, "x.y.z") for _ in range(5)] == [4001, 4001, 4001, 429, 429]
    assert await guess(inside.url, ADDRESS, a_token()) == 429, "a valid one is not looked at either"
    assert await guess(inside.url, OTHER, a_token()) == 0
    async with wire(inside.url, additional_headers=ADDRESS) as client:
        assert (await client.ask({"type": "ping"}))["type"] == "pong", "clients without a token come in"


async def test_authenticate_is_rate_limited_and_says_when_to_try_again(inside: Inside) -> None:
    async with wire(inside.url, additional_headers=ADDRESS) as client:
        codes = [(await client.ask({"type": "authenticate", "token": "x.y.z"}))["code"] for _ in range(4)]
        assert codes == ["unauthenticated"] * 3 + ["rate_limited"]
        error = await client.ask({"type": "authenticate", "token": a_token()})
        assert error["code"] == "rate_limited"
        assert 0 < error["retry_after"] <= 20


async def test_signed_in_client_renews_its_token_whatever_others_of_its_address_guess(inside: Inside) -> None:
    signed_in = {**ADDRESS, "Authorization": f"Bearer {a_token()}"}
    async with wire(inside.url, additional_headers=signed_in) as client:
        assert [await guess(inside.url, ADDRESS, "x.y.z") for _ in range(4)] == [4001, 4001, 4001, 429]
        assert (await client.ask({"type": "authenticate", "token": a_token()}))["type"] == "authenticated"
        codes = [(await client.ask({"type": "authenticate", "token": "x.y.z"}))["code"] for _ in range(4)]
        assert codes == ["unauthenticated"] * 3 + ["rate_limited"], "its own guesses count for its user"


@pytest.mark.parametrize("chosen", [{"token_attempts": 0, "trusted_proxies": ["127.0.0.1"]}, {"token_attempts": 1}])
async def test_tokens_are_not_counted_where_the_limit_is_off_or_addresses_are_not_limited(
    tmp_path: Path, chosen: dict[str, Any]
) -> None:
    async with running(tmp_path, **chosen) as gateway, wire(gateway.url, additional_headers=ADDRESS) as client:
        for _ in range(20):
            assert (await client.ask({"type": "authenticate", "token": "x.y.z"}))["code"] == "unauthenticated"
