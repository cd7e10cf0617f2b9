"""Plays a scenario with the Python client. `ScriptedPlayer` is the gateway too; `RealPlayer` needs a real one.

scenarios/README.md describes each step. The TypeScript client's player is clients/typescript/test/support/player.ts.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.clients.relay import Relay
from tests.clients.scenario import Scenario
from tests.clients.scripted import PATIENCE, WELCOME, FakeClock, Peer, ScriptedGateway
from tidegate_client import Client, LiveQuery, Room, TidegateError, connect

ANY = "ANY"
Step = list[Any]


def snake(names: dict[str, Any]) -> dict[str, Any]:
    return {re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower(): value for name, value in names.items()}


def meant(value: Any) -> Any:
    """What the words of a scenario stand for that JSON can't say."""
    if isinstance(value, dict):
        return {name: meant(item) for name, item in value.items()}
    if isinstance(value, list):
        return [meant(item) for item in value]
    if value == "CYCLE":
        cycle: list[Any] = []
        cycle.append(cycle)
        return cycle
    words = {"LONG": "x" * 70_000, "NAN": math.nan, "INFINITY": math.inf, "FUNCTION": meant}
    return words.get(value, value) if isinstance(value, str) else value


def fits(value: Any, expected: Any) -> bool:
    """Whether `value` is what a scenario expects: of objects, it names only the properties that matter."""
    if expected == ANY:
        return value is not None
    if isinstance(expected, dict):
        return isinstance(value, dict) and all(fits(value.get(name), item) for name, item in expected.items())
    if isinstance(expected, list):
        return isinstance(value, list) and len(value) == len(expected) and all(map(fits, value, expected))
    return bool(value == expected)


def check_error(error: BaseException, expected: dict[str, Any]) -> None:
    assert isinstance(error, TidegateError), error
    about = snake(expected)
    assert type(error).__name__ == about.pop("class"), error
    if "violations" in about:
        assert len(error.errors) == about.pop("violations")
    secret = about.pop("without", None)
    assert secret is None or secret not in f"{error} {error!r}"
    assert {name: getattr(error, name) for name in about} == about


def token_function(tokens: list[str | None]) -> Callable[[], str]:
    """Gives these tokens in turn; it fails in place of None."""
    left = iter(tokens)

    def token() -> str:
        given = next(left)
        if given is None:
            raise OSError("the login service is down")
        return given

    return token


def options_of(scenario: Scenario) -> dict[str, Any]:
    options = snake(scenario.get("options", {}))
    if scenario.get("optimistic"):
        options["optimistic"] = True
    if isinstance(options.get("token"), list):
        options["token"] = token_function(options["token"])
    return options


class Player:
    """What the program does, and what comes of it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.statuses = client.statuses()
        self.tasks: dict[str, asyncio.Task[Any]] = {}
        self.lives: dict[str, LiveQuery[Any]] = {}
        self.rooms: dict[str, Room[Any]] = {}
        self.heard: dict[str, list[dict[str, Any]]] = {}
        self.gaps: dict[str, list[dict[str, Any]]] = {}
        self.listeners: list[asyncio.Task[None]] = []

    async def play(self, scenario: Scenario) -> None:
        try:
            for number, step in enumerate(meant(scenario["steps"])):
                name, *arguments = step
                try:
                    async with asyncio.timeout(PATIENCE):
                        await getattr(self, "step_" + name.replace(" ", "_"))(*arguments)
                except BaseException as error:
                    error.add_note(f"step {number + 1}: {scenario['steps'][number]}")
                    raise
        finally:
            await self.client.close()
            for task in self.listeners:
                task.cancel()
            await asyncio.gather(*self.tasks.values(), *self.listeners, return_exceptions=True)

    async def until(self, check: Callable[[], bool], shown: Callable[[], object]) -> None:
        """What a scenario expects is so, at once or, with a real gateway, after a while."""
        assert check(), shown()

    # What the program does

    async def step_start(self, name: str, operation: str, *arguments: Any) -> None:
        work: Callable[..., Awaitable[Any]] = getattr(self, "do_" + operation.replace(" ", "_"))

        async def run() -> Any:
            return await (work(name, *arguments) if operation == "live" else work(*arguments))

        self.tasks[name] = asyncio.ensure_future(run())
        await asyncio.sleep(0)

    async def do_ping(self) -> Any:
        return await self.client.ping()

    async def do_request(self, message: dict[str, Any], options: dict[str, Any]) -> Any:
        return await self.client.request(message, **options)

    async def do_stream(self, message: dict[str, Any], options: dict[str, int]) -> dict[str, Any]:
        parts: list[Any] = []
        stream = self.client.stream(message)
        async for part in stream:
            parts.append(part)
            if len(parts) == options.get("take"):
                return {"parts": parts}
        return {"parts": parts, "reply": await stream.reply()}

    async def do_send(self, message: dict[str, Any]) -> None:
        self.client.send(message)

    async def do_authenticate(self, token: str) -> None:
        await self.client.authenticate(self.token(token))

    def token(self, word: str) -> str:
        """The token that a word of the scenario stands for."""
        return word.replace("TOKEN ", "token-of-")

    async def do_join(self, name: str, options: dict[str, Any]) -> None:
        room = await self.client.join(name, **options)
        first, self.rooms[name] = self.rooms.get(name), room
        if first is not None and not first.messages.closed:
            return  # it hears the same
        heard, gaps = self.heard.setdefault(name, []), self.gaps.setdefault(name, [])

        async def hear() -> None:
            async for message in room:
                heard.append({"data": message.data, "replayed": message.replayed, "gap": message.gap})

        async def miss() -> None:
            async for gap in room.gaps():
                gaps.append({"dropped": gap.dropped, "position": gap.position})

        self.listeners += map(asyncio.ensure_future, (hear(), miss()))

    async def do_room_send(self, room: str, data: Any, options: dict[str, Any]) -> Any:
        return await self.rooms[room].send(data, **options)

    async def do_leave(self, room: str) -> None:
        await self.rooms[room].leave()

    async def do_history(self, room: str, options: dict[str, Any]) -> Any:
        return await self.rooms[room].history(**options)

    async def do_update(self, room: str, options: dict[str, Any]) -> None:
        await self.rooms[room].update(**options)

    async def do_list(self, resource: str, options: dict[str, Any]) -> Any:
        return await self.client.resource(resource).list(**options)

    async def do_create(self, resource: str, data: dict[str, Any]) -> Any:
        return await self.client.resource(resource).create(data)

    async def do_change(self, resource: str, id: Any, data: dict[str, Any], options: dict[str, Any]) -> Any:
        return await self.client.resource(resource).update(id, data, **options)

    async def do_live(
        self, name: str, resource: str, filters: dict[str, Any], options: dict[str, Any] | None = None
    ) -> None:
        self.lives[name] = await self.client.subscribe(resource, filters, **(options or {}))
        await self.lives[name].loaded()

    async def do_loaded(self, name: str) -> None:
        await self.lives[name].loaded()

    async def step_close_client(self) -> None:
        await self.client.close()

    async def step_close_live(self, name: str) -> None:
        self.lives[name].close()
        await asyncio.sleep(0)  # the client begins to wait

    # What comes of it

    async def step_status(self, status: str) -> None:
        assert await anext(self.statuses) == status

    async def step_user(self, name: str) -> None:
        assert fits(self.client.user.id, name)

    async def step_rows(self, name: str, rows: list[dict[str, Any]]) -> None:
        await self.tasks[name]
        live = self.lives[name]
        await self.until(lambda: fits(list(live.rows.values()), rows), lambda: live.rows)
        assert live.ready

    async def step_standing(self, name: str, status: str, more: bool, since: dict[str, Any] | None = None) -> None:
        live = self.lives[name]
        await self.until(lambda: live.status == status, lambda: live.status)
        assert live.has_more is more
        while live.stream.unread:  # `since` is of what the program has read
            await anext(live)
        assert since is None or live.since == since

    async def step_heard(self, room: str, messages: list[dict[str, Any]]) -> None:
        heard = self.heard[room]
        await self.until(lambda: fits(heard, messages), lambda: heard)
        heard.clear()

    async def step_gaps(self, room: str, gaps: list[dict[str, Any]]) -> None:
        found = self.gaps[room]
        await self.until(lambda: fits(found, gaps), lambda: found)
        found.clear()

    async def step_room_status(self, room: str, status: str) -> None:
        await self.until(lambda: self.rooms[room].status == status, lambda: self.rooms[room].status)

    async def step_me(self, room: str, member: dict[str, Any] | None) -> None:
        def shown() -> dict[str, Any] | None:
            me = self.rooms[room].me
            return None if me is None else {"id": me.id, "name": me.name, "status": me.status, "info": me.info}

        await self.until(lambda: fits(shown(), member), shown)

    async def step_members(self, room: str, members: list[dict[str, Any]]) -> None:
        def present() -> list[dict[str, Any]]:
            return [
                {"id": member.id, "name": member.name, "status": member.status, "info": member.info}
                for member in self.rooms[room].members.values()
            ]

        await self.until(lambda: fits(present(), members), present)

    async def step_result(self, name: str, value: Any) -> None:
        result = await self.tasks[name]
        assert fits(result, value) if value is not None else result is None, result

    async def step_error(self, name: str, expected: dict[str, Any]) -> None:
        try:
            result = await self.tasks[name]
        except Exception as error:
            check_error(error, expected)
        else:
            raise AssertionError(f"it did not fail: {result!r}")


class Openings:
    """The time that attempts to connect have: it passes when the scenario says so, however busy the machine is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._last: tuple[float, asyncio.Timeout] | None = None
        asked = SimpleNamespace(**{**vars(asyncio), "timeout": self._timeout})
        monkeypatch.setattr("tidegate_client.connection.asyncio", asked)

    def elapse(self, seconds: float) -> None:
        assert self._last is not None
        asked, timeout = self._last
        assert seconds == asked
        timeout.reschedule(asyncio.get_running_loop().time())

    def _timeout(self, seconds: float) -> asyncio.Timeout:
        self._last = seconds, asyncio.timeout(None)
        return self._last[1]


class ScriptedPlayer(Player):
    """Plays the gateway too. `peer` is the gateway's end of the present connection."""

    def __init__(self, gateway: ScriptedGateway, clock: FakeClock, client: Client, peer: Peer) -> None:
        super().__init__(client)
        self.gateway, self.clock, self.peer = gateway, clock, peer
        self.openings: Openings | None = None
        self.barriers = client.pushes("barrier")
        self.last: dict[str, Any] = {}
        self.kept: dict[str, dict[str, Any]] = {}

    @classmethod
    async def of(
        cls, scenario: Scenario, gateway: ScriptedGateway, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> ScriptedPlayer:
        openings = Openings(monkeypatch) if "openTimeout" in scenario.get("options", {}) else None
        gateway.welcome = {**WELCOME, **scenario.get("welcome", {})}
        client = await connect(gateway.url, clock=clock, random=lambda: 0.5, **options_of(scenario))
        player = cls(gateway, clock, client, await gateway.accept())
        player.openings = openings
        return player

    async def step_status(self, status: str) -> None:
        await super().step_status(status)
        assert self.client.status == status

    # What the gateway does

    async def step_expect(self, subset: dict[str, Any]) -> None:
        self.last = await self.peer.receive()
        assert self.last == {**self.last, **subset}

    async def step_expect_again(self) -> None:
        assert await self.peer.receive() == self.last

    async def step_has(self, name: str) -> None:
        assert self.last[name]

    async def step_lacks(self, name: str) -> None:
        assert name not in self.last

    async def step_nothing_sent(self) -> None:
        """A ping after what the client sent; it comes first."""
        asked = asyncio.ensure_future(self.client.ping())
        await self.peer.reply(await self.peer.expect("ping"), "pong", time=1)
        await asked

    async def step_token(self, token: str | None) -> None:
        assert self.peer.authorization == (None if token is None else f"Bearer {token}")

    async def step_reply(self, message: dict[str, Any]) -> None:
        await self.peer.socket.send(json.dumps({**message, "ref": self.last["ref"]}))

    async def step_keep(self, name: str) -> None:
        self.kept[name] = self.last

    async def step_answer(self, name: str, message: dict[str, Any]) -> None:
        self.last = self.kept[name]
        await self.step_reply(message)

    async def step_push(self, message: dict[str, Any]) -> None:
        await self.peer.socket.send(json.dumps(message))

    async def step_raw(self, text: str) -> None:
        await self.peer.socket.send(text)

    async def step_close(self, code: int) -> None:
        await self.peer.close(code)

    async def step_break(self) -> None:
        self.peer.socket.transport.abort()

    async def step_welcome(self, fields: dict[str, Any] | None) -> None:
        self.gateway.welcome = None if fields is None else {**WELCOME, **fields}

    async def step_greet(self) -> None:
        await self.peer.socket.send(json.dumps(WELCOME))

    async def step_dropped(self) -> None:
        assert await self.peer.is_closed() is not None

    # What passes

    async def step_settle(self) -> None:
        """Wait until the client has read everything that was sent, and until the program has."""
        await self.peer.send("barrier")
        await anext(self.barriers)
        await asyncio.sleep(0)

    async def step_elapse(self, seconds: float) -> None:
        """The timeouts of requests are real time: the result comes after it."""
        if self.openings is not None:
            self.openings.elapse(seconds)

    async def step_pass(self, seconds: float) -> None:
        await self.clock.pass_sleep(seconds)

    async def step_sleep(self, seconds: float) -> None:
        self.clock.freeze(seconds)

    async def step_wait(self, seconds: float) -> None:
        await self.clock.pass_sleep(seconds)
        self.peer = await self.gateway.accept()


GATEWAY = {
    "expect",
    "expect again",
    "has",
    "lacks",
    "nothing sent",
    "token",
    "reply",
    "push",
    "raw",
    "welcome",
    "keep",
    "answer",
}
PASSING = {"settle", "elapse", "pass", "wait"}


class RealPlayer(Player):
    """Leaves to a real gateway what it does by itself. The connection runs through `relay`, which can break it."""

    def __init__(self, relay: Relay, client: Client, token_of: Callable[[str], str]) -> None:
        super().__init__(client)
        self.relay = relay
        self.token_of = token_of
        for step in GATEWAY | PASSING:
            setattr(self, "step_" + step.replace(" ", "_"), self.by_itself)

    @classmethod
    async def of(cls, scenario: Scenario, relay: Relay, token_of: Callable[[str], str]) -> RealPlayer:
        relay.chunk = scenario.get("chunk")
        return cls(relay, await connect(relay.url, random=lambda: 0.0, **options_of(scenario)), token_of)

    def token(self, word: str) -> str:
        return self.token_of(word.removeprefix("TOKEN "))

    async def by_itself(self, *arguments: Any) -> None:
        """The gateway does it, or the time passes."""

    async def step_break(self) -> None:
        self.relay.cut()

    async def step_close(self, code: int) -> None:
        self.relay.cut()

    async def until(self, check: Callable[[], bool], shown: Callable[[], object]) -> None:
        while not check():  # noqa: ASYNC110  # nothing tells when members or rows have changed
            await asyncio.sleep(0.005)
