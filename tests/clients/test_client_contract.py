"""A client with a contract warns once about a gateway that has another one."""

from __future__ import annotations

import logging

import pytest

import app_contract
from tests.clients.scripted import FakeClock, ScriptedGateway
from tests.support.gateway import GatewayProcess
from tidegate_client import connect

LOGGER = "tidegate_client"


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "contract" in record.getMessage()]


async def test_another_contract_is_one_warning_and_ends_nothing(
    scripted: ScriptedGateway, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, LOGGER):
        async with connect(scripted.url, contract="mine", clock=clock, random=lambda: 0.5) as client:
            statuses = client.statuses()
            for delay in (0.25, 0.5):
                peer = await scripted.accept()
                await peer.close(4100)
                assert await anext(statuses) == "reconnecting"
                await clock.pass_sleep(delay)
                assert await anext(statuses) == "open"
            assert client.welcome["contract"] == "hash"
    [told] = warnings(caplog)
    assert f"{scripted.url}: the gateway's contract is hash, this program's code was generated from mine" in told
    assert "tidegate generate" in told


@pytest.mark.parametrize("contract", [None, "hash"])
async def test_the_same_contract_and_none_are_no_warning(
    scripted: ScriptedGateway, caplog: pytest.LogCaptureFixture, contract: str | None
) -> None:
    with caplog.at_level(logging.WARNING, LOGGER):
        async with connect(scripted.url, contract=contract):
            await scripted.accept()
    assert warnings(caplog) == []


async def test_a_gateway_without_a_contract_is_no_warning(
    scripted: ScriptedGateway, caplog: pytest.LogCaptureFixture
) -> None:
    assert scripted.welcome is not None
    del scripted.welcome["contract"]
    with caplog.at_level(logging.WARNING, LOGGER):
        async with connect(scripted.url, contract="mine"):
            await scripted.accept()
    assert warnings(caplog) == []


async def test_the_generated_contract_is_that_of_the_gateway(
    gateway: GatewayProcess, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, LOGGER):
        async with connect(gateway.url, contract=app_contract.CONTRACT) as client:
            assert client.welcome["contract"] == app_contract.CONTRACT
    assert warnings(caplog) == []
