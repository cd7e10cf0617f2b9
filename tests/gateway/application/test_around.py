"""`@gateway.around`: functions that see each message before its handler, in threads and in the loop of handlers."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.application.shop import Shop, bearer, open_shop
from tests.support.cases import every_case
from tests.support.wire import wire
from tidegate.handlers import Call, Refused


def plain_around(shop: Shop, name: str, told: list[str]) -> None:
    @shop.gateway.around
    def around(message: dict[str, Any], call: Call, go_on: Any) -> Any:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        told.append(name)
        message["what"] = "changed"
        found = go_on()
        told.append(f"/{name}")
        return {"result": [name, found["result"]]}


def waiting_around(shop: Shop, name: str, told: list[str]) -> None:
    @shop.gateway.around
    async def around(message: dict[str, Any], call: Call, go_on: Any) -> Any:
        assert threading.current_thread().name == "tidegate-handlers"
        told.append(name)
        await asyncio.sleep(0)
        found = await go_on()
        told.append(f"/{name}")
        return {"result": [name, found["result"]]}


async def test_functions_run_about_each_handler_in_their_order(tmp_path: Path) -> None:
    kinds = {"p": plain_around, "w": waiting_around}
    with every_case() as case:
        for chain in ("p", "w", "pw", "wp", "pwp"):
            with case(chain):
                shop, told = Shop(), list[str]()
                for number, kind in enumerate(chain):
                    kinds[kind](shop, f"{kind}{number}", told)

                @shop.action
                def act(_: Any, call: Call, told: list[str] = told) -> str:
                    assert threading.current_thread().name == "tidegate-application"
                    told.append("act")
                    return "done"

                @shop.action
                async def wait(_: Any, call: Call, told: list[str] = told) -> str:
                    assert threading.current_thread().name == "tidegate-handlers"
                    told.append("act")
                    return "done"

                names = [f"{kind}{number}" for number, kind in enumerate(chain)]
                expected: Any = "done"
                for name in reversed(names):
                    expected = [name, expected]
                async with open_shop(tmp_path, shop) as inside, wire(inside.url) as client:
                    for kind, what in (("plain", "act"), ("waits", "wait")):
                        told.clear()
                        answer = await client.ask({"type": kind, "what": what})
                        assert answer["result"] == expected, answer
                        assert told == [*names, "act", *(f"/{name}" for name in reversed(names))]


async def test_a_function_answers_refuses_and_cannot_go_on_twice(tmp_path: Path) -> None:
    shop = Shop()
    acted: list[str] = []

    @shop.gateway.around
    async def around(message: dict[str, Any], call: Call, go_on: Any) -> Any:
        match message["what"]:
            case "answer":
                return {"result": "from the function"}
            case "refuse":
                raise Refused("forbidden", "not today")
            case "twice":
                await go_on()
                return await go_on()
        return await go_on()

    for name in ("answer", "refuse", "twice"):
        shop.actions[name] = lambda with_, call: acted.append("acted")
    async with open_shop(tmp_path, shop) as inside, wire(inside.url) as client:
        assert (await client.ask({"type": "plain", "what": "answer"}))["result"] == "from the function"
        assert (await client.ask({"type": "plain", "what": "refuse"}))["code"] == "forbidden"
        assert acted == []
        assert (await client.ask({"type": "plain", "what": "twice"}))["code"] == "internal"
        assert acted == ["acted"]


@pytest.mark.parametrize("waits", [False, True])
async def test_what_a_handler_wrote_before_it_failed_is_undone_although_a_function_answers(
    tmp_path: Path, database_url: str, waits: bool
) -> None:
    shop = Shop()

    @shop.action
    def fail(text: str, call: Call) -> Any:
        call.db.notes.create(owner="ada", text=text)
        raise OSError("no paper")

    if waits:

        @shop.gateway.around
        async def answering(message: dict[str, Any], call: Call, go_on: Any) -> Any:
            with contextlib.suppress(OSError):
                return await go_on()
            return {"result": "failed"}

    else:

        @shop.gateway.around
        def noting(message: dict[str, Any], call: Call, go_on: Any) -> Any:
            with contextlib.suppress(OSError):
                return go_on()
            call.db.notes.create(owner="ada", text="it failed")
            return {"result": "failed"}

    async with open_shop(tmp_path, shop, database_url) as inside, wire(inside.url, **bearer("ada")) as client:
        answer = await client.ask({"type": "plain", "what": "fail", "with": "half done"})
        assert answer["result"] == "failed"
        rows = (await client.ask({"type": "list", "resource": "notes"}))["rows"]
        assert [row["text"] for row in rows] == ([] if waits else ["it failed"])


async def test_the_deadline_ends_what_runs_about_a_handler_too(tmp_path: Path) -> None:
    shop = Shop()
    ended = threading.Event()

    @shop.gateway.around
    def around(message: dict[str, Any], call: Call, go_on: Any) -> Any:
        try:
            return go_on()
        finally:
            ended.set()

    @shop.action
    async def forever(_: Any, call: Call) -> None:
        await asyncio.Event().wait()

    async with open_shop(tmp_path, shop, handler_timeout=0.1) as inside, wire(inside.url) as client:
        assert (await client.ask({"type": "waits", "what": "forever"}))["code"] == "timeout"
        assert await asyncio.to_thread(ended.wait, 60)
