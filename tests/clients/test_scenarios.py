"""The scenarios that both clients share (scenarios/*.json), played by the Python client. The TypeScript client plays
them too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients import scenario as files
from tests.clients.player import GATEWAY, PASSING, Player, RealPlayer, ScriptedPlayer, check_error, options_of
from tests.clients.relay import Relay
from tests.clients.scenario import Scenario
from tests.clients.scripted import FakeClock, ScriptedGateway
from tests.support.cases import every_case
from tests.support.gateway import GatewayProcess
from tidegate_client import TidegateError, connect

SCRIPTED = files.scenarios("scripted")
DESCRIBED = (files.FOLDER / "README.md").read_text()


@pytest.mark.parametrize("scenario", [one for one in SCRIPTED if "refused" not in one], ids=lambda one: one["name"])
async def test_scenario(
    scenario: Scenario, scripted: ScriptedGateway, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate_client.link.RESUME_TIMEOUT", 0.1)  # real time, in which the gateway does not answer
    await (await ScriptedPlayer.of(scenario, scripted, clock, monkeypatch)).play(scenario)


@pytest.mark.parametrize("scenario", [one for one in SCRIPTED if "refused" in one], ids=lambda one: one["name"])
def test_options_that_are_refused(scenario: Scenario) -> None:
    with pytest.raises(TidegateError) as caught:
        connect("ws://127.0.0.1:1/ws", **options_of(scenario))
    check_error(caught.value, scenario["refused"])


@pytest.fixture(scope="module")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    process = GatewayProcess(tmp_path_factory.mktemp("scenarios"), "--dev")
    process.migrate()
    process.start()
    yield process
    process.stop()


@pytest.mark.process
@pytest.mark.parametrize("scenario", files.scenarios("real"), ids=lambda one: one["name"])
async def test_scenario_with_a_real_gateway(scenario: Scenario, shared_gateway: GatewayProcess) -> None:
    async with Relay(shared_gateway.port) as relay:
        await (await RealPlayer.of(scenario, relay, shared_gateway.token)).play(files.own_room(scenario))


def test_the_guards_of_the_page_are_the_scenarios() -> None:
    assert files.PAGE.read_text() == files.page(), "type: python -m tests.clients.scenario"


def test_the_files_have_their_layout() -> None:
    with every_case() as case:
        for area, found in files.areas().items():
            with case(area):
                written: Path = files.FOLDER / f"{area}.json"
                assert written.read_text() == files.text(found), "type: python -m tests.clients.scenario"


def test_every_scenario_has_a_name_that_no_other_has() -> None:
    names = [one["name"] for area in files.areas().values() for one in area]
    assert len(names) == len(set(names)) >= 60


def test_the_description_has_every_step_and_operation() -> None:
    described = set(re.findall(r"^\| `\[\"([a-z ]+)\"", DESCRIBED, re.M))
    assert described == {name.removeprefix("step_").replace("_", " ") for name in _methods("step_")}
    assert described >= GATEWAY | PASSING
    operations = set(re.findall(r"^\| `([a-z ]+)`", DESCRIBED, re.M))
    assert operations >= {name.removeprefix("do_").replace("_", " ") for name in _methods("do_")}


def test_each_scenario_that_one_client_alone_plays_says_why() -> None:
    alone = [one for area in files.areas().values() for one in area if "clients" in one]
    assert all(len(one["why"]) > 10 for one in alone)


def _methods(prefix: str) -> list[str]:
    owners: tuple[type[Any], ...] = (Player, ScriptedPlayer)
    return [name for owner in owners for name in vars(owner) if name.startswith(prefix)]
