"""A token in a URL or without its scheme, a WebSocket at another path: mistakes that are refused with words.

Nothing repeats the token.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.gateway.http.client import http
from tests.transport.inside import SECRET, running
from tidegate.auth.tokens import sign
from tidegate.transport.url_tokens import has_token

TOKEN = sign(SECRET, "7", "Ada", [], time.time(), 600)


def test_query_with_a_token_is_found_by_its_name_or_by_its_look() -> None:
    named = ["token=x", "access_token=x", "id_token=x", "a=1&jwt=x", "a=1&Authorization=x", "bearer=x", "%74oken=x"]
    looking = [f"auth={TOKEN}", f"x={TOKEN.replace('.', '%2E')}", TOKEN]
    without = ["", "a=1", "token=", "tokens=1", "my_token_count=1", "contract=eyJ", "x=eyJhbGciOiJIUzI1NiJ9"]
    assert [query for query in (*named, *looking) if not has_token(query)] == []
    assert [query for query in without if has_token(query)] == []
    assert [query for query in named if has_token(query, by_name=False)] == [], "a property may have such a name"
    assert all(has_token(query, by_name=False) for query in looking)


async def test_requests_with_a_token_in_the_url_are_refused_without_repeating_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "tidegate")
    async with running(tmp_path) as gateway:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"{gateway.url}?token={TOKEN}", proxy=None):
                pass
        assert refused.value.response.status_code == 400
        body = refused.value.response.body.decode()
        async with http(gateway) as client:
            answer = await client.ask("GET", f"/api/resources/users?key={TOKEN}")
            assert answer.status == 400
            said = body + answer.body.decode()
    assert "must not be in the URL" in body
    assert TOKEN.rpartition(".")[2] not in said + caplog.text


async def test_token_without_its_scheme_is_refused_and_does_not_make_an_anonymous_client(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(gateway.url, proxy=None, additional_headers={"Authorization": TOKEN}):
                pass
        assert refused.value.response.status_code == 401
        body = refused.value.response.body.decode()
        async with http(gateway) as client:
            answer = await client.ask("GET", "/api/resources/users", Authorization=TOKEN)
            assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
            said = body + answer.body.decode()
            assert (await client.ask("GET", "/api/resources/users", Authorization="Basic abc")).status == 200
        async with connect(gateway.url, proxy=None, additional_headers={"Authorization": "Basic abc"}):
            pass
    assert said.count("write `Authorization: Bearer TOKEN`") == 2
    assert TOKEN.rpartition(".")[2] not in said


async def test_websocket_at_another_path_is_told_where_it_is(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        for path in ("/", "/socket", "/ws/", "/healthz"):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(gateway.url.removesuffix("/ws") + path, proxy=None):
                    pass
            assert refused.value.response.status_code == 404
            assert b"is at /ws" in (refused.value.response.body or b"")
