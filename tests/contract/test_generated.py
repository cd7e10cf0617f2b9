"""Runs each part of `tidegate check contract` for a short time: generated messages, the bridge, Schemathesis.

The schemas are the sample application and one with the keywords that the sample lacks. `make contract` runs longer.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import pytest

from tests.contract import rich
from tests.support.deadlines import DEADLINE_S
from tests.support.forked_checks import forked_checks
from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.checks import schemathesis_run
from tidegate.checks.bridge import Bridge
from tidegate.checks.client import CheckClient
from tidegate.checks.contract_check import QuietHandler, bridged
from tidegate.checks.document import operations
from tidegate.checks.fuzz import Fuzzer
from tidegate.checks.gateway_process import gateway
from tidegate.checks.judge import Judge
from tidegate.checks.oracle import Oracle

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("forked_checks")]

__all__ = ["forked_checks"]

SECONDS = float(os.environ.get("CONTRACT_SECONDS", "0.5"))
ENOUGH = 50
"""The test needs so many accepted and so many refused messages."""
Post = Callable[..., tuple[int, Any]]


def loaded(folder: Path) -> schema.Schemas:
    return schema.unbundle(schema.bundle(schema.load(folder)))


@pytest.mark.timeout(600 + 2 * SECONDS)
@pytest.mark.parametrize("name", ["sample", pytest.param("rich", marks=pytest.mark.long)])
def test_a_gateway_answers_generated_messages_as_the_schema_says(name: str, tmp_path: Path) -> None:
    folder = ROOT / "schema" if name == "sample" else rich.write(tmp_path)
    schemas = loaded(folder)
    with gateway(folder, schemas, None) as address, CheckClient(address.url, address.token, DEADLINE_S) as client:
        fuzzer = Fuzzer(schemas, client, Judge(Oracle(schemas), handlers=False), start=2026)
        tally = fuzzer.run(SECONDS)
        while not tally.violations and min(tally.accepted, tally.refused) <= ENOUGH:  # a busy machine needs longer
            tally = fuzzer.run(SECONDS)
        assert tally.violations == []
        assert client.opened == 1
    print(f"{name}: {tally.cases} cases, {tally.accepted} accepted, {tally.refused} refused, no violation")
    assert tally.by_operation.keys() == operations(schemas).keys()


def test_schemathesis_finds_no_failure(bridge: Bridge) -> None:
    checked = schemathesis_run.run(bridge, None, 2026, ("fuzzing", "stateful"), cases=2)
    assert (checked.failures, checked.errors) == ([], [])
    assert checked.steps["fuzzing"] > 50
    assert checked.steps["stateful"] > 10
    assert sum(checked.followed.values()) > 0
    wanted = {"negative_data_rejection", "positive_data_acceptance", "response_schema_conformance"}
    assert all(checked.checks[name] > 50 for name in wanted | {"not_a_server_error", "status_code_conformance"})


@pytest.fixture(scope="module")
def bridge(forked_checks: None) -> Iterator[Bridge]:
    """The HTTP side of a gateway over the sample application."""
    folder = ROOT / "schema"
    schemas = loaded(folder)
    with gateway(folder, schemas, None) as address, CheckClient(address.url, address.token, DEADLINE_S) as client:
        yield bridged(client, schemas)


@pytest.fixture
def post(bridge: Bridge) -> Post:
    """Sends one request through the bridge and returns the status and the answer."""

    def send(path: str, body: Any, method: str = "POST", kind: str = "application/json") -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        statuses: list[str] = []
        environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "CONTENT_TYPE": kind}
        environ |= {"CONTENT_LENGTH": str(len(content)), "wsgi.input": io.BytesIO(content)}
        answer = b"".join(bridge(environ, lambda status, headers: statuses.append(status)))
        return int(statuses[0].split()[0]), json.loads(answer) if answer else None

    return send


def test_history_has_the_message_that_the_bridge_sent(post: Post) -> None:
    status, joined = post("/join/ChatMessage", {"type": "join", "room": "chat-j"})
    assert (status, joined["type"]) == (200, "joined")
    say = {"type": "message", "room": "chat-j", "data": {"text": "hello"}, "ref": "mine"}
    assert post("/message/ChatMessage", say) == (200, {**joined_position(joined, 1), "type": "sent", "ref": "mine"})
    status, page = post("/history/ChatMessage", {"type": "history", "room": "chat-j"})
    assert [message["data"] for message in page["messages"]] == [{"text": "hello"}]
    assert post("/leave/ChatMessage", {"type": "leave", "room": "chat-j"}) == (200, {"type": "left", "room": "chat-j"})
    status, refused = post("/message/ChatMessage", say)
    assert (status, refused["code"]) == (409, "not_joined")


def joined_position(joined: dict[str, Any], offset: int) -> dict[str, Any]:
    return {"room": joined["room"], "position": {**joined["position"], "offset": offset}}


def test_the_bridge_creates_updates_lists_and_deletes_a_row(post: Post) -> None:
    create = {"type": "create", "resource": "tasks", "data": {"user_id": 1, "title": "a", "due_at": None}}
    status, made = post("/create/tasks", create)
    assert status == 200
    key = made["rows"][0]["id"]
    about = {"resource": "tasks", "id": key}
    status, changed = post("/update/tasks", {"type": "update", **about, "data": {"title": "b"}})
    assert (status, changed["rows"][0]["title"]) == (200, "b")
    listing = {"type": "list", "resource": "tasks", "filters": {"id": key}}
    assert [row["title"] for row in post("/list/tasks", listing)[1]["rows"]] == ["b"]
    assert post("/delete/tasks", {"type": "delete", **about})[0] == 200
    assert post("/list/tasks", listing)[1]["rows"] == []
    assert post("/delete/tasks", {"type": "delete", **about})[0] == 404


def test_the_bridge_maps_replies_to_http_statuses(post: Post) -> None:
    assert post("/ping", {"type": "ping"})[0] == 200
    assert post("/ping", {"type": "ping", "payload": 1})[0] == 400
    assert post("/ping", b"\xff\xfe")[0] == 400
    assert post("/ping", {"type": "join", "room": "a"})[1]["pointer"] == "/type"
    assert post("/message/ChatMessage", {"type": "message", "room": "lobby", "data": 1})[1]["pointer"] == "/room"
    assert post("/join/AnyMessage", {"type": "join", "room": "chat-1"})[0] == 400
    assert post("/join/AnyMessage", {"type": "join", "room": "lobby", "info": {"a": "\0"}})[0] == 409
    assert post("/ping", {"type": "ping", "ref": "\ud800"})[0] == 400
    assert post("/message/AnyMessage", {"type": "message", "room": "lobby", "data": "x" * 70_000})[0] == 409
    assert post("/authenticate", {"type": "authenticate", "token": "\U0010fffd" * 8192})[0] == 401
    assert post("/ping", {"type": "ping"}, method="GET")[0] == 405
    assert post("/ping", {"type": "ping"}, kind="text/plain")[0] == 415
    assert post("/nowhere", {})[0] == 404
    assert post("/authenticate", {"type": "authenticate", "token": "a.b.c"})[0] == 401
    assert "/join/ChatMessage" in post("/openapi.json", b"", method="GET")[1]["paths"]


def test_st_run_works_over_the_bridge(bridge: Bridge, tmp_path: Path) -> None:
    with make_server("127.0.0.1", 0, bridge, handler_class=QuietHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            done = subprocess.run(
                [
                    *(
                        sys.executable,
                        "-m",
                        "schemathesis.cli",
                        "run",
                        "--no-color",
                        "--max-examples",
                        "1",
                        "--seed",
                        "1",
                    ),
                    *(
                        "--phases",
                        "fuzzing",
                        "--include-path-regex",
                        "^/(join|leave)/",
                        f"http://127.0.0.1:{server.server_port}/openapi.json",
                    ),
                ],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=DEADLINE_S,
                check=False,
            )
        finally:
            server.shutdown()
            thread.join()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "passed" in done.stdout
