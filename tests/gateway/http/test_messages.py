"""`POST /api/<type>`: the messages of the protocol and of the application over HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.gateway.http import application
from tests.gateway.http.client import Http, http, token
from tests.support.waiting import until
from tests.support.wire import wire
from tests.transport.http_requests import request, response
from tests.transport.inside import Inside, running
from tidegate.handlers import Connection, Refused
from tidegate.schema.http_statuses import NEEDS_CONNECTION, STATUSES, status_of
from tidegate_protocol import ERRORS

JSON = "Content-Type: application/json"


async def test_reply_is_the_body_without_ref(client: Http) -> None:
    created = await client.post("create", resource="things", data={"code": "a"})
    assert (created.status, created.headers["content-type"]) == (200, "application/json")
    rows = created.json["rows"]
    assert created.json["type"] == "rows"
    assert "ref" not in created.json
    assert (await client.post("get", resource="things", id=rows[0]["id"])).json["rows"] == rows
    assert (await client.post("list", resource="things", filters={"code": "a"})).json["rows"] == rows
    updated = await client.post("update", resource="things", ids=[rows[0]["id"]], data={"amount": 3})
    assert updated.json["rows"][0]["amount"] == 3
    assert (await client.post("delete", resource="things", id=rows[0]["id"])).status == 200
    assert (await client.post("ping")).json["type"] == "pong"


async def test_same_content_that_looks_like_a_ref_stays(client: Http) -> None:
    about = {"ref": "http", "deep": {"x": 1, "ref": 7}}
    created = await client.post("create", resource="things", data={"code": '","ref":"x"', "about": about})
    assert created.json["rows"][0]["about"] == about


async def test_message_of_the_application_is_answered_by_its_handler(gateway: Inside, client: Http) -> None:
    bought = await client.post("buy", amount=2)
    assert (bought.status, bought.json) == (200, {"type": "bought", "left": 3, "by": "7"})
    refused = await client.post("buy", amount=6)
    assert (refused.status, refused.json["code"], refused.json["pointer"]) == (409, "conflict", "/amount")
    assert (await client.post("buy", amount=11)).json["pointer"] == "/amount"
    async with http(gateway) as anonymous:
        refused = await anonymous.post("buy", amount=1)
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert (await anonymous.post("note", text="hello")).json == {"type": "ok"}


async def test_parts_of_a_handler_are_lines_that_end_with_its_reply(gateway: Inside, client: Http) -> None:
    counted = await client.ask("POST", "/api/count", {"to": 3}, Accept="application/jsonl")
    assert (counted.status, counted.headers["content-type"]) == (200, "application/jsonl")
    lines = [json.loads(line) for line in counted.body.splitlines()]
    assert lines == [*({"type": "part", "data": number} for number in range(3)), {"type": "ok"}]
    assert (await client.post("count", to=0)).json == {"type": "ok"}
    failed = await client.post("count", to=7)
    assert (failed.status, json.loads(failed.body.splitlines()[-1])["code"]) == (200, "conflict")
    assert (await client.post("count", to=-1)).status == 409
    assert (await client.ask("POST", "/api/count", {"to": 1}, Accept="text/html")).status == 406
    async with http(gateway) as other:
        other.raw.send(request("POST", "/api/count", JSON, body=b'{"to":100000}'))
        await other.raw.head()
    await until(lambda: not gateway.gateway.calls._running)


async def test_handler_that_fails_is_500(client: Http, caplog: pytest.LogCaptureFixture) -> None:
    failed = await client.post("note", text="fail")
    assert (failed.status, failed.json["code"]) == (500, "internal")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_request_about_a_connection_is_400_with_words(client: Http) -> None:
    for kind in sorted(NEEDS_CONNECTION):
        refused = await client.post(kind)
        assert (refused.status, "WebSocket" in refused.json["message"]) == (400, True), kind


WRONG_BODIES = [
    (b"", "invalid_json", None),
    (b"{", "invalid_json", None),
    (b"[]", "invalid_json", None),
    (b'{"resource":"things"}{}', "invalid_json", None),
    (b'{"resource":"things","type":"delete"}', "invalid_message", "/type"),
    (b'{"resource":"things","ref":1}', "invalid_message", "/ref"),
    (b'{"resource":"things","limit":0}', "invalid_message", "/limit"),
    (b'{"resource":"nothing"}', "unknown_resource", "/resource"),
    (b'{"resource":"things","filters":{"code":"\xff"}}', "invalid_json", None),
    (b"[" * 1000, "invalid_json", None),
]


async def test_wrong_body_is_refused_at_its_place(client: Http) -> None:
    for body, code, pointer in WRONG_BODIES:
        refused = await client.ask("POST", "/api/list", body)
        assert refused.status == STATUSES[code], body
        assert (refused.json["code"], refused.json.get("pointer")) == (code, pointer), body


async def test_idempotency_key_of_the_header_is_the_key_of_the_message(gateway: Inside, client: Http) -> None:
    message = {"resource": "things", "data": {"code": "once"}}
    first = await client.ask("POST", "/api/create", message, Idempotency_Key="k-1")
    for again in ({"Idempotency_Key": "k-1"}, {"Idempotency_Key": '"k-1"'}):
        assert (await client.ask("POST", "/api/create", message, **again)).json["rows"] == first.json["rows"]
    assert (await client.post("create", **message, key="k-1")).json["rows"] == first.json["rows"]
    other = {"resource": "things", "data": {"code": "other"}}
    refused = await client.ask("POST", "/api/create", other, Idempotency_Key="k-1")
    assert (refused.status, refused.json["pointer"]) == (409, "/key")
    both = await client.ask("POST", "/api/create", {**message, "key": "k-2"}, Idempotency_Key="k-1")
    assert (both.status, both.json["pointer"]) == (409, "/key")
    assert (await client.ask("POST", "/api/list", {"resource": "things"}, Idempotency_Key="k")).status == 400
    async with http(gateway) as anonymous:
        assert (await anonymous.ask("POST", "/api/create", message, Idempotency_Key="k-1")).status == 401
        refused = await anonymous.post("create", **message, key="k-1")
        assert (refused.status, refused.json["pointer"]) == (401, "/key"), "a repetition would be done again"
        assert (await anonymous.post("buy", amount=1, key="own-1")).status == 401
        body = {**message, "key": "k-1"}
        refused = await anonymous.ask("POST", "/api/create", body, Authorization="Basic YTpi")
        assert (refused.status, refused.json["pointer"]) == (401, "/key"), "that is no token"
        assert (await anonymous.post("play", key="c")).status != 401, "it is no idempotency key"


async def test_own_message_with_a_key_is_handled_once(client: Http) -> None:
    first = await client.ask("POST", "/api/buy", {"amount": 1}, Idempotency_Key="own-1")
    other = await client.ask("POST", "/api/buy", {"amount": 2}, Idempotency_Key="own-1")
    assert (first.status, other.status, other.json["code"]) == (200, 409, "conflict")


async def test_idempotency_key_is_refused_where_the_message_would_be_handled_again(client: Http) -> None:
    assert (await client.post("play", key="c")).status == 200
    for kind, body in (("play", {}), ("note", {"text": "x"})):
        refused = await client.ask("POST", f"/api/{kind}", body, Idempotency_Key="c")
        assert refused.status == 400
        assert "takes no Idempotency-Key" in refused.json["message"]


async def test_token_is_looked_at_again_when_it_changes_or_has_expired(gateway: Inside) -> None:
    async with http(gateway, token("1", ttl=1.2)) as client:
        assert (await client.post("buy", amount=1)).json["by"] == "1"
        client.token = token("2")
        assert (await client.post("buy", amount=1)).json["by"] == "2"
        client.token = "no.such.token"
        refused = await client.post("buy", amount=1)
        assert (refused.status, refused.json["code"]) == (401, "unauthenticated")
        assert "no.such.token" not in refused.body.decode()
        client.token = None
        assert (await client.post("buy", amount=1)).status == 401
        client.token = token("1", ttl=-10)
        assert (await client.post("buy", amount=1)).status == 401


async def test_token_that_is_revoked_is_refused_with_the_next_request_whose_head_is_the_same(gateway: Inside) -> None:
    async with http(gateway, token("1")) as client:
        for _ in range(3):
            assert (await client.post("buy", amount=1)).json["by"] == "1"
        await gateway.gateway.removal.revoke(user="1")
        for _ in range(2):
            assert (await client.post("buy", amount=1)).status == 401


async def test_wrong_method_type_and_accept_are_405_415_and_406(client: Http) -> None:
    wrong = await client.ask("GET", "/api/ping")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST, OPTIONS")
    assert wrong.headers["content-type"] == "application/json"
    for kind, status in (
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=latin-1", 415),
        ("application/json; charset=UTF-8", 200),
        ("APPLICATION/JSON", 200),
    ):
        assert (await client.ask("POST", "/api/ping", b"{}", content_type=kind)).status == status, kind
    assert (await client.ask("POST", "/api/ping", b"{}", Content_Encoding="gzip")).status == 415
    for accepted, status in (("text/html", 406), ("text/html, */*;q=0.1", 200), ("application/json", 200)):
        assert (await client.ask("POST", "/api/ping", {}, Accept=accepted)).status == status
    for path in ("/api/nothing", "/api/", "/api", "/api/ping/", "/api//ping", "/api/Ping", "/api/%70ing"):
        assert (await client.ask("POST", path, {})).status == 404, path
    for path in ("/healthz", "/sses"):
        assert (await client.ask("POST", path, {})).status == 405, path


async def test_service_speaks_in_a_room_without_being_joined(gateway: Inside) -> None:
    async with http(gateway, token("robot", "service")) as robot, wire(gateway.url) as listener:
        await listener.say({"type": "authenticate", "token": token("7"), "ref": "a"})
        await listener.hear("authenticated")
        await listener.ask({"type": "join", "room": "log-1"})
        sent = await robot.post("message", room="log-1", data={"text": "started"})
        assert (sent.status, sent.json["room"], sent.json["position"]["offset"]) == (200, "log-1", 1)
        heard = await listener.hear("message")
        assert (heard["from"], heard["data"]) == ("robot", {"text": "started"})
        page = await robot.post("history", room="log-1")
        assert [message["data"]["text"] for message in page.json["messages"]] == ["started"]
        wrong = await robot.post("message", room="log-1", data={"text": 1})
        assert (wrong.status, wrong.json["pointer"]) == (400, "/data/text")
        assert (await robot.post("message", room="nothing", data={})).status == 404
    assert not gateway.gateway.sessions.protocol.rooms.occupants.rooms


async def test_user_whose_role_no_rule_names_has_to_join(gateway: Inside, client: Http) -> None:
    """Also where the rule lets anyone send: the members of a room see who speaks."""
    for room in ("log-1", "chat-1"):
        refused = await client.post("message", room=room, data={"text": "hello"})
        assert (refused.status, refused.json["code"]) == (403, "forbidden")
        async with http(gateway) as anonymous:
            assert (await anonymous.post("message", room=room, data={"text": "hello"})).status == 401
    assert (await client.post("history", room="log-1")).status == 403


async def test_answers_that_wait_for_the_database_keep_the_order_of_pipelined_requests(client: Http) -> None:
    for number in range(10):
        client.raw.send(
            request("POST", "/api/note", JSON, body=b'{"text":"x"}'),
            request("POST", "/api/create", JSON, body=b'{"resource":"things","data":{"code":"%d"}}' % number),
        )
    types = [(await response(client.raw)).json["type"] for _ in range(20)]
    assert types == ["ok", "rows"] * 10


async def test_client_that_leaves_ends_what_only_reads_for_it(gateway: Inside) -> None:
    async with http(gateway, token()) as client:
        await client.post("create", resource="things", data={"code": "a"})
        client.raw.send(request("POST", "/api/list", JSON, body=b'{"resource":"things"}'))
    await until(lambda: not gateway.gateway.work.under_way)
    assert not gateway.gateway.ledger.of_kind("reads")


async def test_application_lets_a_user_in_once_a_minute_and_may_refuse(tmp_path: Path, schema_folder: Path) -> None:
    asked: list[str] = []
    added = application.handlers()

    @added.on_connect
    def on_connect(connection: Connection) -> dict[str, object]:
        asked.append(connection.user.id)
        if connection.user.id == "banned":
            raise Refused("forbidden", "this user is banned")
        return {"team": "red"}

    async with running(tmp_path, schema=str(schema_folder), added=added) as gateway, http(gateway, token("7")) as one:
        for _ in range(3):
            assert (await one.post("buy", amount=1)).status == 200
        assert asked == ["7"]
        one.token = token("banned")
        for _ in range(2):
            refused = await one.post("buy", amount=1)
            assert (refused.status, refused.json["message"]) == (403, "this user is banned")
        assert asked == ["7", "banned", "banned"]
        gate = gateway.gateway.api._api._gate
        assert not gate.asking
        assert not gate._known
        assert not gate._held


async def test_requests_leave_no_session_behind(gateway: Inside, client: Http) -> None:
    for _ in range(3):
        await client.post("ping")
    assert len(gateway.gateway.sessions) == 0
    assert not gateway.gateway.work._pending
    await asyncio.sleep(0)


def test_every_error_code_has_a_status() -> None:
    assert STATUSES.keys() == set(ERRORS)
    assert status_of("app:sold_out") == 409
    assert all(HTTPStatus(status) for status in STATUSES.values())
