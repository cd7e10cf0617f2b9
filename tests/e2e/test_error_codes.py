"""Errors over a real socket: every error code of the schema occurs, and errors do not repeat values.

The gateway runs in the event loop of the test, over a schema folder of the test, with limits of 1.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import jsonschema_rs
import pytest

from tests.support.gateway import ROOT
from tests.support.wire import Message, Wire, wire
from tests.transport.inside import SECRET, Inside, running
from tidegate.auth import tokens
from tidegate.contract.hazards import VALUES
from tidegate.store.sqlite import connection

TABLE: dict[str, dict[str, Any]] = json.loads((ROOT / "schema" / "types" / "error_code.schema.json").read_text())[
    "x-errors"
]
HANDLERS = """
    import threading

    import msgspec
    from tidegate.handlers import Gateway, Refused

    class Fail(msgspec.Struct):
        how: str
        times: int = 1

    gateway = Gateway()

    @gateway.on("fail")
    def fail(request: Fail) -> None:
        if request.how == "rate":
            raise Refused("rate_limited", "not so fast", retry_after=1.5)
        if request.how == "long":
            raise Refused("conflict", "no. " * 1_000)
        if request.how == "wait":
            threading.Event().wait()
        if request.how == "bug":
            raise RuntimeError("the till is stuck")
"""
FAIL = {
    "title": "FailRequest",
    "type": "object",
    "x-reply": "failed",
    "x-timeout": 1,
    "x-access": {"send": "anyone"},
    "properties": {
        "type": {"const": "fail"},
        "ref": {"$ref": "../types/ref.schema.json"},
        "how": {"type": "string"},
        "times": {"type": "integer"},
    },
    "required": ["type", "how"],
    "additionalProperties": False,
}
FAILED = {
    "title": "Failed",
    "type": "object",
    "properties": {"type": {"const": "failed"}, "ref": {"$ref": "../types/ref.schema.json"}},
    "required": ["type"],
}


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Inside]:
    folder = tmp_path / "schema"
    shutil.copytree(ROOT / "schema" / "resources", folder / "resources")
    for name in ("chat", "cursor"):  # without the pattern `*`, which matches every name
        (folder / "rooms").mkdir(exist_ok=True)
        shutil.copy(ROOT / "schema" / "rooms" / f"{name}.schema.json", folder / "rooms")
    for name, written in {"client/fail": FAIL, "server/failed": FAILED}.items():
        (folder / name).parent.mkdir()
        (folder / f"{name}.schema.json").write_text(json.dumps(written))
    (tmp_path / "handlers_that_fail.py").write_text(textwrap.dedent(HANDLERS))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "handlers_that_fail", raising=False)
    monkeypatch.setitem(connection.PRAGMAS, "busy_timeout", 20)
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_MS", 20)
    chosen: dict[str, Any] = {"max_rooms": 1, "max_subscriptions": 1, "max_message": 1 << 22}
    chosen |= {"schema": str(folder), "handlers": "handlers_that_fail:gateway"}
    async with running(tmp_path, **chosen) as inside:
        yield inside


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another writer holds the lock. It uses the same library, because POSIX locks belong to a process."""
    other = apsw.Connection(str(path))
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
    finally:
        other.close()


async def raw(client: Wire, sent: str | bytes) -> Message:
    """The error for an invalid frame, which has no `ref`."""
    await client.say(sent)
    return await client.hear("error")


async def reader(client: Wire) -> None:
    """Authenticate the client as a user without a role."""
    token = tokens.sign(SECRET, "5", "Reader", [], time.time(), 3600.0)
    assert (await client.ask({"type": "authenticate", "token": token}))["type"] == "authenticated"


async def forbidden(client: Wire, _: Path) -> Message:
    await reader(client)
    return await client.ask({"type": "delete", "resource": "users", "id": 1})


async def conflict(client: Wire, _: Path) -> Message:
    row = {"name": "A", "email": "a@b.cc"}
    await client.ask({"type": "create", "resource": "users", "data": row})
    return await client.ask({"type": "create", "resource": "users", "data": row})


async def too_large(client: Wire, _: Path) -> Message:
    return await client.ask({"type": "message", "room": "chat-1", "data": [0] * (VALUES + 1)})


async def limit_reached(client: Wire, _: Path) -> Message:
    await client.ask({"type": "join", "room": "chat-1"})
    return await client.ask({"type": "join", "room": "chat-2"})


async def unavailable(client: Wire, file: Path) -> Message:
    with locked(file):
        return await client.ask({"type": "create", "resource": "users", "data": {"name": "A", "email": "a@b.cc"}})


async def cancelled(client: Wire, _: Path) -> Message:
    await client.say({"type": "fail", "how": "wait", "ref": "waits"})
    await client.say({"type": "cancel", "ref": "waits"})
    return await client.hear("error")


def asking(**message: Any) -> Callable[[Wire, Path], Awaitable[Message]]:
    return lambda client, _: client.ask(message)


PROVOKED: dict[str, Callable[[Wire, Path], Awaitable[Message]]] = {
    "invalid_json": lambda client, _: raw(client, '{"type":"ping","ref":"c1",}'),
    "unknown_type": asking(type="jion", room="chat-1"),
    "invalid_message": asking(type="join", room="chat-1", presence="half"),
    "invalid_data": asking(type="message", room="chat-1", data={"text": 7}),
    "unauthenticated": asking(type="delete", resource="users", id=1),
    "forbidden": forbidden,
    "unknown_room": asking(type="join", room="garden"),
    "unknown_resource": asking(type="list", resource="gardens"),
    "not_joined": asking(type="message", room="chat-1", data={"text": "hello"}),
    "not_found": asking(type="update", resource="users", id=404, data={"name": "B"}),
    "conflict": conflict,
    "too_large": too_large,
    "rate_limited": asking(type="fail", how="rate"),
    "limit_reached": limit_reached,
    "unavailable": unavailable,
    "cancelled": cancelled,
    "timeout": asking(type="fail", how="wait"),
    "internal": asking(type="fail", how="bug"),
}
"""How to provoke each code. The gateway itself does not send `rate_limited`: it reads more slowly from a fast client.
Handlers may send this code, as here.
"""


def test_the_table_has_every_error_code() -> None:
    assert set(PROVOKED) == set(TABLE)


async def test_every_error_code_occurs_and_keeps_the_connection(gateway: Inside, tmp_path: Path) -> None:
    for code, provoke in PROVOKED.items():
        async with wire(gateway.url) as client:
            error = await provoke(client, tmp_path / "tidegate.db")
            assert (error["type"], error["code"]) == ("error", code)
            assert error["temporary"] is TABLE[code]["temporary"]
            assert ("retry_after" in error) == (code in {"rate_limited", "unavailable"})
            assert "ref" in error
            assert 0 < len(error["message"]) <= 200
            assert (await client.ask({"type": "ping"}))["type"] == "pong"
        fits_its_schema(error)


def fits_its_schema(error: Message) -> None:
    bundle = json.loads((ROOT / "generated" / "schema" / "bundle.json").read_text())
    jsonschema_rs.validate({**bundle, "$ref": "#/$defs/ErrorMessage"}, error)


async def test_a_write_succeeds_after_the_lock_is_released(gateway: Inside, tmp_path: Path) -> None:
    row = {"type": "create", "resource": "users", "data": {"name": "A", "email": "a@b.cc"}, "key": "k"}
    async with wire(gateway.url) as client:
        with locked(tmp_path / "tidegate.db"):
            assert (await client.ask(row))["code"] == "unavailable"
            assert (await client.ask({"type": "list", "resource": "users"}))["rows"] == []
        assert (await client.ask(row))["type"] == "rows"


async def test_an_error_lists_several_faults(gateway: Inside) -> None:
    async with wire(gateway.url) as client:
        row = {"nmae": "A", "email": "nobody", "status": "asleep"}
        error = await client.ask({"type": "create", "resource": "users", "data": row})
        told = {(one["pointer"], one["keyword"]) for one in error["errors"]}
        assert told == {
            ("/data/nmae", "additionalProperties"),
            ("/data/email", "format"),
            ("/data/status", "enum"),
            ("/data", "required"),
        }
        first = error["errors"][0]
        assert (error["pointer"], error["keyword"], error["message"]) == (
            first["pointer"],
            first["keyword"],
            first["message"],
        )

        many = await client.ask({"type": "ping", **{f"extra{index}": 1 for index in range(30)}})
        assert [one["pointer"] for one in many["errors"]] == [f"/extra{index}" for index in range(10)]

        rows = [{"name": "A", "email": "a@b.cc"}, {"name": 1, "email": "a@b.cc"}, {"name": "A"}]
        wrong = await client.ask({"type": "create", "resource": "users", "data": rows})
        assert [(one["pointer"], one["keyword"]) for one in wrong["errors"]] == [
            ("/data/1/name", "type"),
            ("/data/2", "required"),
        ]


REQUESTS: dict[str, dict[str, Any]] = {
    "authenticate": {"token": "x"},
    "cancel": {},
    "create": {"resource": "users", "data": {"name": "A", "email": "a@b.cc", "status": "active"}, "key": "k"},
    "delete": {"resource": "tasks", "id": 1, "if": {"title": "T"}, "key": "k"},
    "get": {"resource": "users", "ids": [1], "fields": ["name"]},
    "history": {"room": "chat-1", "before": {"epoch": "e", "offset": 1}, "limit": 1},
    "join": {"room": "chat-1", "since": {"epoch": "e", "offset": 1}, "presence": "full", "status": "away", "info": {}},
    "leave": {"room": "chat-1"},
    "list": {"resource": "users", "filters": {"status": "active"}, "sort": [{"field": "name", "order": "asc"}]},
    "message": {"room": "chat-1", "data": {"text": "T"}, "key": "k"},
    "ping": {},
    "presence": {"room": "chat-1", "status": "away", "info": {}},
    "subscribe": {"resource": "users", "filters": {"status": "active"}, "since": {"epoch": "e", "seq": 1}},
    "unsubscribe": {"subscription": "s1"},
    "update": {"resource": "users", "id": 1, "data": {"email": "a@b.cc"}, "if": {"status": "active"}, "key": "k"},
    "fail": {"how": "long", "times": 2},
}
NAMES = {"type", "room", "resource"}
"""The names in a message. Errors may repeat these, but not the values."""


def with_each_value(message: Any, value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Copies of `message`, each with a different value replaced."""
    inner = message.items() if isinstance(message, dict) else enumerate(message) if isinstance(message, list) else ()
    for name, sub in inner:
        if name in NAMES:
            continue
        for place, changed in [((*path, name), value), *with_each_value(sub, value, (*path, name))]:
            copy: Any = dict(message) if isinstance(message, dict) else list(message)
            copy[name] = changed
            yield place, copy


async def test_errors_do_not_repeat_values_of_the_message(gateway: Inside) -> None:
    """Values may be tokens, passwords or megabytes."""
    bundle = json.loads((ROOT / "generated" / "schema" / "bundle.json").read_text())
    assert set(REQUESTS) == {*bundle["x-tidegate"]["client"], "fail"}
    refused = 0
    async with wire(gateway.url) as client:
        for type_, fields in REQUESTS.items():
            for value in ("hunter2-hunter2", "hunter2" * 3_000, {"hunter2": "hunter2-hunter2"}, ["hunter2-hunter2"]):
                for place, changed in with_each_value(fields, value):
                    if place[0] == "ref":
                        continue
                    answer = await client.ask({**changed, "type": type_})
                    if answer["type"] != "error":
                        continue
                    refused += 1
                    text = json.dumps(answer)
                    assert "hunter2-hunter2" not in text, (type_, place)
                    assert "hunter2hunter2" not in text, (type_, place)
                    assert len(text) < 4_000
                    assert all(len(one["message"]) <= 200 for one in [answer, *answer.get("errors", ())])
                    fits_its_schema(answer)
    assert refused > 150


async def test_errors_do_not_repeat_a_token(gateway: Inside) -> None:
    good = tokens.sign("another-secret-of-thirty-two-characters", "5", "R", [], 0.0, 3600.0)
    async with wire(gateway.url) as client:
        for token in (good, good[:-1], f"anon.{good}", "x.y.z", "hunter2"):
            error = await client.ask({"type": "authenticate", "token": token})
            assert error["code"] == "unauthenticated"
            assert token not in json.dumps(error)
            assert not any(part in json.dumps(error) for part in token.split(".") if len(part) > 8)


async def test_errors_shorten_long_names(gateway: Inside) -> None:
    """An error names the wrong property; of a long name it has only the beginning."""
    async with wire(gateway.url) as client:
        error = await client.ask({"type": "ping", "n" * 100_000: 1})
        assert (error["pointer"], error["keyword"]) == ("", "additionalProperties")
        assert len(json.dumps(error)) < 1_000
        error = await client.ask({"type": "fail", "how": "long"})
        assert len(error["message"]) == 200
        error = await client.ask({"type": "x" * 100_000})
        assert (error["code"], len(json.dumps(error)) < 300) == ("unknown_type", True)


async def test_handlers_get_1_0_as_an_integer(gateway: Inside) -> None:
    async with wire(gateway.url) as client:
        assert (await client.ask({"type": "fail", "how": "not", "times": 2.0}))["type"] == "failed"
