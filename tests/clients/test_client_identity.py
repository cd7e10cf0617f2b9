"""Who the client is: tokens, identities, and that no error and no log shows them."""

from __future__ import annotations

import logging
import time

import pytest

from tests.clients.scripted import FakeClock, ScriptedGateway, begun
from tidegate_client import InvalidOption, Unreachable, connect
from tidegate_client.options import LoopClock, Options

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl-_"


async def test_an_identity_of_an_earlier_run_is_given_back(scripted: ScriptedGateway) -> None:
    scripted.call_it("anon-2", identity="identity-2")
    opening = begun(connect(scripted.url, identity="identity-1\n").__aenter__())  # as from a file
    peer = await scripted.accept()
    request = await peer.expect("authenticate")
    assert request["token"] == "identity-1"
    await peer.reply(request, "authenticated", user={"id": "anon-1", "anonymous": True}, identity="identity-3")
    client = await opening
    assert (client.user.id, client.identity) == ("anon-1", "identity-3")
    renewals = client.pushes("identity")
    await peer.send("identity", token="identity-4")
    await anext(renewals)
    assert client.identity == "identity-4"
    await client.close()


async def test_a_refused_identity_is_thrown_away(scripted: ScriptedGateway, caplog: pytest.LogCaptureFixture) -> None:
    scripted.call_it("anon-2", identity="identity-2")
    opening = begun(connect(scripted.url, identity="identity-1").__aenter__())
    peer = await scripted.accept()
    refusal = {"code": "unauthenticated", "message": "expired", "temporary": False}
    await peer.reply(await peer.expect("authenticate"), "error", **refusal)
    client = await opening
    assert (client.user.id, client.identity) == ("anon-2", "identity-2")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    await client.close()


async def test_an_identity_that_cannot_be_taken_for_the_moment_is_kept(
    scripted: ScriptedGateway, clock: FakeClock
) -> None:
    scripted.call_it("anon-2", identity="identity-2")
    opening = begun(
        connect(scripted.url, identity="identity-1", wait=True, clock=clock, random=lambda: 0.0).__aenter__()
    )
    peer = await scripted.accept()
    refusal = {"code": "rate_limited", "message": "too many tokens", "temporary": True}
    await peer.reply(await peer.expect("authenticate"), "error", **refusal)
    await peer.is_closed()
    await clock.pass_sleep(0.0)
    peer = await scripted.accept()
    request = await peer.expect("authenticate")
    assert request["token"] == "identity-1"
    await peer.reply(request, "authenticated", user={"id": "anon-1", "anonymous": True})
    client = await opening
    assert (client.user.id, client.identity) == ("anon-1", "identity-1")
    await client.close()


async def test_a_client_with_a_token_has_no_identity(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, token="one", identity="identity-1") as client:
        await (await scripted.accept()).send("barrier")
        assert client.identity is None


async def test_no_token_is_in_the_log(scripted: ScriptedGateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scripted.call_it("anon-2", identity=JWT)
    async with connect(scripted.url, token=JWT + "\n", headers={"X-Secret": "header-1"}) as client:
        peer = await scripted.accept()
        assert peer.authorization == f"Bearer {JWT}"
        becoming = begun(client.authenticate("token-of-bob"))
        await peer.expect("authenticate")
    with pytest.raises(Exception, match="closed"):
        await becoming
    own = "\n".join(record.getMessage() for record in caplog.records if "server" not in record.name)
    assert not [secret for secret in (JWT, "token-of-bob", "header-1") if secret in own]


@pytest.mark.parametrize("token", [f"{JWT}\nx", "<!doctype html> <p>", "tök", b"bytes"])
def test_an_error_about_a_token_does_not_show_it(token: str) -> None:
    with pytest.raises(InvalidOption, match="token") as caught:
        connect("ws://127.0.0.1:1/ws", token=token)
    assert str(token) not in str(caught.value)


async def test_a_token_function_that_gives_no_token_is_asked_again(scripted: ScriptedGateway, clock: FakeClock) -> None:
    answers = ["one", f"{JWT} {JWT}", "two\n"]
    async with connect(scripted.url, token=lambda: answers.pop(0), clock=clock, random=lambda: 0.5):
        await (await scripted.accept()).close(4202)
        await clock.pass_sleep(0.0)
        await clock.pass_sleep(0.5)
        assert (await scripted.accept()).authorization == "Bearer two"


async def test_the_failure_of_a_token_function_shows_no_token(
    scripted: ScriptedGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def token() -> str:
        raise ValueError(f"the login service refused {JWT}")

    with pytest.raises(Unreachable, match=r"token function failed.*the login service refused") as caught:
        await connect(scripted.url, token=token)
    assert JWT not in str(caught.value) + repr(caught.value.__cause__) + caplog.text


async def test_an_address_in_an_error_shows_no_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for url in ("ws://ann:secret-1@127.0.0.1:1/ws?token=secret-1", "http://ann:secret-1@host/?token=secret-1"):
        with pytest.raises(Exception, match=r"127\.0\.0\.1|host") as caught:
            await connect(url)
        assert "secret-1" not in str(caught.value)
    assert "secret-1" not in "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("tidegate"))


def test_a_header_that_cannot_be_sent_is_refused_without_its_value() -> None:
    with pytest.raises(InvalidOption, match="Authorization") as caught:
        connect("ws://127.0.0.1:1/ws", headers={"Authorization": f"Bearer {JWT}\n"})
    assert JWT not in str(caught.value)


def test_options_show_no_secret() -> None:
    shown = repr(Options(url="ws://host/ws", token="secret-1", identity="secret-2", headers={"X": "secret-3"}))
    assert "secret" not in shown


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="the clock of this system has another name")
def test_the_clock_goes_on_while_the_computer_sleeps() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= LoopClock().now() <= time.clock_gettime(time.CLOCK_BOOTTIME)
