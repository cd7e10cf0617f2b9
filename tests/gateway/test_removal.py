"""The operator ends connections and tokens: what clients are told, and who may come back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from websockets.asyncio.client import connect

from tests.support.wire import Wire, wire
from tests.transport.inside import SECRET, Inside, running
from tidegate.core.closes import DRAIN, FORBIDDEN, UNAUTHENTICATED
from tidegate.core.errors import Refused
from tidegate.core.revocations import Revocation
from tidegate.store.revocation_log import StoredRevocations


def a_token(user: str = "7", issued: float | None = None, **claims: Any) -> str:
    now = time.time() if issued is None else issued
    return jwt.encode({"sub": user, "iat": int(now), "exp": int(now) + 600, **claims}, SECRET, "HS256")


def bearer(*given: Any, **claims: Any) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {a_token(*given, **claims)}"}}


async def ended(client: Wire) -> tuple[int, str]:
    """How the gateway ended a connection; the goodbye before it said the same."""
    goodbye = await client.heard_of("goodbye")
    await client.connection.wait_closed()
    code, reason = client.connection.close_code, client.connection.close_reason
    assert (goodbye["code"], goodbye["reason"]) == (code, reason)
    assert code is not None
    return code, str(reason)


async def refused_at_the_door(url: str, **options: Any) -> int | None:
    """The close code of a connection that is turned away; None for one that is greeted."""
    async with connect(url, proxy=None, **options) as client:
        if '"welcome"' in str(await client.recv()):
            return None
        await client.wait_closed()
        return client.close_code


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path) as gateway:
        yield gateway


async def test_a_revoked_user_is_sent_away_and_comes_back_with_a_newer_token_alone(inside: Inside) -> None:
    removal = inside.gateway.removal
    async with (
        wire(inside.url, **bearer("ada")) as one,
        wire(inside.url, **bearer("ada")) as two,
        wire(inside.url, **bearer("bob")) as bob,
    ):
        await removal.revoke(user="ada")
        for client in (one, two):
            assert await ended(client) == (UNAUTHENTICATED, "the token was revoked")
            assert (await client.heard_of("goodbye"))["retry_after"] >= 1.0, "then a new token has another second"
        await bob.settle()
    before = time.time() - 5
    assert await refused_at_the_door(inside.url, **bearer("ada", before)) == UNAUTHENTICATED
    assert await refused_at_the_door(inside.url, **bearer("ada", time.time() + 2)) is None
    async with wire(inside.url) as guest:
        assert (await guest.ask({"type": "authenticate", "token": a_token("ada", before)}))["code"] == "unauthenticated"


async def test_a_revoked_token_is_refused_and_others_of_its_user_are_good(inside: Inside) -> None:
    async with wire(inside.url, **bearer("ada", jti="t1")) as one, wire(inside.url, **bearer("ada", jti="t2")) as two:
        await inside.gateway.removal.revoke(jti="t1")
        assert (await ended(one))[0] == UNAUTHENTICATED
        await two.settle()
    assert await refused_at_the_door(inside.url, **bearer("ada", jti="t1")) == UNAUTHENTICATED
    assert await refused_at_the_door(inside.url, **bearer("ada", jti="t2")) is None


async def test_an_anonymous_user_is_revoked_with_its_identity(inside: Inside) -> None:
    async with wire(inside.url) as guest:
        welcome = await guest.heard_of("welcome")
        jti = jwt.decode(welcome["identity"], options={"verify_signature": False})["jti"]
        async with wire(inside.url) as again:
            await again.ask({"type": "authenticate", "token": welcome["identity"]})
            await inside.gateway.removal.revoke(user=welcome["user"]["id"])
            assert (await ended(again))[0] == UNAUTHENTICATED
    async with wire(inside.url) as another:
        answer = await another.ask({"type": "authenticate", "token": welcome["identity"]})
        assert answer["code"] == "unauthenticated"
        assert jti


@pytest.mark.parametrize(("chosen", "code"), [({}, FORBIDDEN), ({"code": DRAIN}, DRAIN)])
async def test_a_disconnected_user_loses_every_connection_and_keeps_its_token(
    inside: Inside, chosen: dict[str, Any], code: int
) -> None:
    async with wire(inside.url, **bearer("ada")) as one, wire(inside.url, **bearer("ada")) as two:
        inside.gateway.removal.disconnect(user="ada", **chosen)
        for client in (one, two):
            assert await ended(client) == (code, "the operator ended the connection")
    assert await refused_at_the_door(inside.url, **bearer("ada")) is None


async def test_one_connection_is_ended_by_its_id(inside: Inside) -> None:
    async with wire(inside.url, **bearer("ada")) as one, wire(inside.url, **bearer("ada")) as two:
        inside.gateway.removal.disconnect(connection=(await one.heard_of("welcome"))["connection"])
        assert (await ended(one))[0] == FORBIDDEN
        await two.settle()


@pytest.mark.parametrize("given", [{}, {"user": "ada", "jti": "t1"}, {"user": ""}, {"jti": "x" * 300}, {"user": 5}])
async def test_what_names_nothing_or_two_things_is_refused(inside: Inside, given: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        await inside.gateway.removal.revoke(**given)
    assert refused.value.code == "invalid_message"


async def test_what_was_revoked_is_known_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        await gateway.gateway.removal.revoke(user="ada")
        await gateway.gateway.removal.revoke(jti="t1")
    before = time.time() - 5
    async with running(tmp_path) as gateway:
        assert await refused_at_the_door(gateway.url, **bearer("ada", before)) == UNAUTHENTICATED
        assert await refused_at_the_door(gateway.url, **bearer("bob", jti="t1")) == UNAUTHENTICATED
        assert await refused_at_the_door(gateway.url, **bearer("bob", jti="t2")) is None


async def test_gateway_that_shares_the_database_alone_knows_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.gateway.removal.LOOK_S", 0.01)
    async with running(tmp_path) as gateway, wire(gateway.url, **bearer("ada")) as client:
        other = StoredRevocations(f"sqlite:///{tmp_path / 'tidegate.db'}")
        await other.newer()
        await other.add(Revocation("user", "ada", time.time(), time.time() + 60))
        other.close()
        assert (await ended(client))[0] == UNAUTHENTICATED


async def test_revocation_that_cannot_be_kept_is_answered_so(inside: Inside) -> None:
    class Broken:
        async def newer(self) -> list[Revocation]:
            return []

        async def add(self, revocation: Revocation) -> None:
            raise Refused("unavailable", "the database is away")

        def close(self) -> None:
            pass

    inside.gateway.removal.end()
    await inside.gateway.removal.keep_in(Broken())
    with pytest.raises(Refused, match="away"):
        await inside.gateway.removal.revoke(user="ada")
    known = await refused_at_the_door(inside.url, **bearer("ada", time.time() - 5))
    assert known == UNAUTHENTICATED, "this gateway knows it"


async def test_disconnect_acts_here_at_once_and_once_where_the_engine_says_it_later(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str | None, str, str]] = []
    tell = inside.engine.tell
    monkeypatch.setattr(inside.engine, "tell", lambda *order: said.append(order))
    async with wire(inside.url, **bearer("ada")) as client:
        inside.gateway.removal.disconnect(user="ada")
        assert (await ended(client))[0] == FORBIDDEN
    async with wire(inside.url, **bearer("ada")) as back:
        tell(*said[0])
        await back.settle()
        tell(*said[0])
        assert (await ended(back))[0] == FORBIDDEN, "only the first one is this gateway's own"
    async with wire(inside.url, **bearer("ada")) as client:
        tell(None, "disconnect", f'["user","ada",{FORBIDDEN}]')
        assert (await ended(client))[0] == FORBIDDEN, "a gateway of an earlier version says no id"
