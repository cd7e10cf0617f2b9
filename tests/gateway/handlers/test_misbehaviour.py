"""Handlers that misbehave: the client gets one answer, other clients notice nothing, and the gateway stops in time.

One gateway in production and one in development are shared by all ways; two more do not wait long for answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.gateway.handlers import ways
from tests.support.cases import every_case
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.support.wire import Message, Wire, wire

pytestmark = pytest.mark.process

GRACEFUL_S = 0.5
THOROUGH = 8
"""After so many calls the bystanders talk and follow a new row; after each one they are answered."""
CALLS = 40
STOPPING = "the gateway stops, and the application had not answered"
LATE = "the application did not answer in time"
GUARDS = ("the handler of connections raised", "Fatal error", "a timer's callback failed", "request failed")
THING: dict[str, Any] = {
    "title": "Thing",
    "type": "object",
    "x-resource": {"table": "things", "key": "id"},
    "x-access": {"read": "anyone", "create": "anyone"},
    "properties": {"id": {"type": "integer", "readOnly": True}, "name": {"type": "string", "maxLength": 40}},
    "required": ["id", "name"],
    "additionalProperties": False,
}
REF = {"$ref": "../types/ref.schema.json"}


def request(name: str) -> dict[str, Any]:
    return {
        "title": f"{name.title()}Request",
        "type": "object",
        "x-reply": "done",
        "x-access": {"send": "anyone"},
        "properties": {"type": {"const": name}, "ref": REF, "way": {"type": "string"}},
        "required": ["type"],
        "additionalProperties": False,
    }


def schema_files() -> dict[str, dict[str, Any]]:
    return {
        "resources/things": THING,
        "rooms/lobby": {
            "title": "Said",
            "type": "object",
            "x-room": {"pattern": "lobby", "presence": True},
            "x-access": {"join": "anyone", "send": "anyone"},
            "properties": {"text": {"type": "string"}},
        },
        "server/done": {
            "title": "Done",
            "type": "object",
            "properties": {"type": {"const": "done"}, "ref": REF, "value": {}},
            "required": ["type"],
        },
        **{f"client/{name}": request(name) for name in ways.gateway.handlers},
    }


@pytest.fixture(scope="module", params=["production", "development"])
def mode(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def gateway(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Its handlers have the time that they need, however slow the machine is."""
    yield from started(tmp_path_factory.mktemp(mode), mode, timeout=DEADLINE_S)


@pytest.fixture(scope="module")
def hasty(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """It waits a second for its handlers."""
    yield from started(tmp_path_factory.mktemp(mode), mode, timeout=1)


def started(folder: Path, mode: str, timeout: float) -> Iterator[GatewayProcess]:
    for name, schema in schema_files().items():
        file = folder / "schema" / f"{name}.schema.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(schema))
    shutil.copytree(Path(ways.__file__).parent, folder / "misbehaving")
    environment = {"TIDEGATE_HANDLER_TIMEOUT": str(timeout), "TIDEGATE_GRACEFUL_STOP": str(GRACEFUL_S)}
    options = ["--dev"] if mode == "development" else []
    process = GatewayProcess(
        folder, *options, "--schema", "schema", "--handlers", "misbehaving.ways:gateway", environment=environment
    )
    process.migrate()
    process.start()
    yield process
    process.kill()


@contextlib.asynccontextmanager
async def connected(gateway: GatewayProcess) -> AsyncIterator[tuple[Bystanders, Wire]]:
    """The bystanders, and a client whose handlers misbehave."""
    async with wire(gateway.url) as one, wire(gateway.url) as two, wire(gateway.url) as caller:
        bystanders = Bystanders(one, two)
        await bystanders.begin()
        yield bystanders, caller


class Bystanders:
    """Two clients that talk in a room and follow rows. `check` fails if they notice anything."""

    def __init__(self, one: Wire, two: Wire) -> None:
        self.one, self.two = one, two
        self._checks = 0

    async def begin(self) -> None:
        for client in (self.one, self.two):
            await client.ask({"type": "join", "room": "lobby", "presence": "diff"})
            await client.ask({"type": "subscribe", "resource": "things"})
        await self._heard_by_both()
        self.one.heard.clear()
        self.two.heard.clear()

    async def check(self, *, thorough: bool = True) -> None:
        if not thorough:
            for client in (self.one, self.two):
                assert (await client.ask({"type": "ping"}))["type"] == "pong"
            return
        await self._heard_by_both()
        for client in (self.one, self.two):
            kinds = Counter(message["type"] for message in client.heard)
            client.heard.clear()
            assert set(kinds) <= {"pong", "message", "sent", "update", "rows", "heartbeat"}, kinds
            assert (kinds["message"], kinds["update"]) == (1, 1), kinds

    async def _heard_by_both(self) -> None:
        self._checks += 1
        mark = f"check {self._checks}"
        await self.one.ask({"type": "message", "room": "lobby", "data": {"text": mark}})
        await self.two.ask({"type": "create", "resource": "things", "data": {"name": mark}})
        for client in (self.one, self.two):
            while not said(client, mark):
                await client.hear(lambda message: message["type"] in {"message", "update"})
            assert (await client.ask({"type": "ping"}))["type"] == "pong"


def said(client: Wire, mark: str) -> bool:
    """Whether both the message and the row of a check have arrived."""
    return {"message", "update"} <= {
        message["type"] for message in client.heard if mark in message.get("data", {}).values()
    }


def outcome(answer: Message) -> str:
    """`done`, or the code of the error."""
    code: str = answer["code"] if answer["type"] == "error" else answer["type"]
    return code


async def test_a_handler_that_misbehaves_hurts_its_caller_alone(gateway: GatewayProcess) -> None:
    tables = [("plain", ways.WAYS), ("waits", {**ways.WAYS, **ways.ASYNC_WAYS})]
    requests: list[tuple[Message, str]] = [
        ({"type": kind, "way": name}, expected) for kind, table in tables for name, (_, expected) in table.items()
    ]
    requests += [({"type": kind}, expected) for kind, expected in ways.HANDLERS.items()]
    async with connected(gateway) as (bystanders, caller):
        with every_case() as case:
            for number, (request, expected) in enumerate(requests):
                with case(request):
                    answer = await caller.ask(request)
                    assert outcome(answer) == expected, answer
                    await bystanders.check(thorough=number % THOROUGH == 0)
            with case("the last ones"):
                await bystanders.check()
        await answered_once(caller, len(requests))
    log = gateway.log_file.read_text()
    told = log.count("'sold_out' is no error code of the protocol, and no own error of this message: declare it in")
    assert told == 2, "once before and once after standard error was closed"
    assert [line for line in GUARDS if line in log] == [], "a guard for failures of the gateway itself was needed"


async def test_a_handler_that_does_not_answer_costs_its_caller_alone(hasty: GatewayProcess) -> None:
    async with connected(hasty) as (bystanders, caller):
        late = [("plain", name) for name in ways.LATE] + [("waits", name) for name in ways.ASYNC_LATE]
        for ref, (kind, name) in enumerate(late):
            await caller.say({"type": kind, "way": name, "ref": f"late-{ref}"})
        asked = await until_done(caller, "plain") + await until_done(caller, "waits")
        await bystanders.check()
        for ref, way in enumerate(late):
            answer = await answer_to(caller, f"late-{ref}")
            assert (outcome(answer), answer["message"]) == ("timeout", LATE), way
        await answered_once(caller, len(late) + asked)
    assert "the handler waits did not answer within 1 s; the client gets `timeout`" in hasty.log_file.read_text()


async def test_an_async_handler_that_blocks_costs_async_handlers_alone(hasty: GatewayProcess) -> None:
    async with connected(hasty) as (bystanders, caller):
        await caller.say({"type": "waits", "way": "sleep for ever", "ref": "blocked"})
        asked = await until_done(caller, "plain")
        await bystanders.check()
        answer = await answer_to(caller, "blocked")
        assert (outcome(answer), answer["message"]) == ("timeout", LATE)
        asked += await until_done(caller, "waits")  # another loop takes the place of the blocked one
        await answered_once(caller, asked + 1)
    log = hasty.log_file.read_text()
    assert "an `async` handler blocks the event loop of all handlers" in log
    assert "time.sleep(FOREVER)" in log, "the log shows the line that blocks"


async def test_a_gateway_stops_in_time_whatever_its_handlers_do(gateway: GatewayProcess) -> None:
    """Threads, tasks and `atexit` functions that never end are left behind when it is told to stop."""
    left = [name for name in ways.ALL if name.startswith(("leave a", "wait at the exit"))]
    async with connected(gateway) as (_, caller):
        for name in left:
            assert outcome(await caller.ask({"type": "waits", "way": name})) == "done"
        for ref in range(CALLS):
            await caller.say({"type": "plain", "way": "sleep for ever", "ref": f"plain-{ref}"})
            await caller.say({"type": "waits", "way": "wait for ever and ignore the deadline", "ref": f"waits-{ref}"})
        await caller.ask({"type": "ping"})
        ended = asyncio.create_task(asyncio.to_thread(gateway.stop))
        with pytest.raises(ConnectionClosed) as closed:
            await caller.hear("never")
        assert await ended == 0, "by its own clock within `graceful_stop` and a second"
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4201
        unanswered = [message for message in caller.heard if isinstance(message.get("ref"), str)]
        assert {(outcome(answer), answer["message"]) for answer in unanswered} == {("unavailable", STOPPING)}
        await answered_once(caller, len(left) + 2 * CALLS + 1)
    assert "the process ends without waiting for threads of the application: " in gateway.log_file.read_text()


async def until_done(client: Wire, kind: str) -> int:
    """Ask until a handler of this kind answers; returns how often. It has only a second to answer."""
    for times in itertools.count(1):
        if outcome(await client.ask({"type": kind, "way": "return None"})) == "done":
            return times
    raise AssertionError


async def answer_to(client: Wire, ref: str) -> Message:
    """The answer to the request `ref`, which may have arrived."""
    arrived = [message for message in client.heard if message.get("ref") == ref]
    return arrived[0] if arrived else await client.hear(lambda message: message.get("ref") == ref)


async def answered_once(client: Wire, requests: int) -> None:
    """Fails if a request of `client` was answered twice, or not at all."""
    refs = Counter(message["ref"] for message in client.heard if "ref" in message)
    assert (len(refs), set(refs.values())) == (requests, {1})
