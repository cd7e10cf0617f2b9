"""The document of the API: it names every operation, and each command of it works as it stands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.http import application
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess
from tidegate import schema
from tidegate.auth import tokens
from tidegate.config import DEVELOPMENT_SECRET
from tidegate.contract import Contract
from tidegate.documents import openapi
from tidegate.documents.curl import curl, operations
from tidegate.gateway.http.paths import Paths
from tidegate.schema.http_statuses import NEEDS_CONNECTION

CURL = shutil.which("curl")


def document(folder: Path) -> dict[str, Any]:
    return openapi(schema.bundle(schema.load(folder)))


def test_only_messages_with_an_idempotency_key_take_the_header(tmp_path: Path) -> None:
    paths = document(application.write(tmp_path))["paths"]
    taking = {path for path, methods in paths.items() if "Idempotency-Key" in json.dumps(methods.get("post", {}))}
    assert taking >= {"/api/create", "/api/update", "/api/delete", "/api/message", "/api/buy"}
    assert not taking & {"/api/play", "/api/note", "/api/list"}


def test_an_example_has_a_key_only_where_its_caller_has_to_be_signed_in(tmp_path: Path) -> None:
    folder = application.write(tmp_path)
    file = folder / "client" / "buy.schema.json"
    buy = json.loads(file.read_text())
    file.write_text(json.dumps({**buy, "required": [*buy["required"], "key"], "x-access": {"send": "anyone"}}))
    paths = document(folder)["paths"]
    create, buying = paths["/api/create"]["post"], paths["/api/buy"]["post"]
    assert "key" not in create["requestBody"]["content"]["application/json"]["example"]
    assert "key" in buying["requestBody"]["content"]["application/json"]["example"]
    assert (create["security"], buying["security"]) == ([{}, {"token": []}], [{"token": []}])


def test_every_path_of_the_api_is_described_and_no_other(tmp_path: Path) -> None:
    for folder in (ROOT / "schema", application.write(tmp_path)):
        contract = Contract(schema.bundle(schema.load(folder)))
        paths, described = Paths(contract), document(folder)["paths"]
        api = {path: methods for path, methods in described.items() if path.startswith("/api/")}
        types = {path.removeprefix("/api/") for path in api if not path.startswith("/api/resources/")}
        assert types == set(contract.message_types) - NEEDS_CONNECTION
        for path, methods in api.items():
            found = paths.find(re.sub(r"{\w+}", "1", path))
            assert found is not None, path
            assert {method.upper() for method in methods if method != "parameters"} == set(found), path
        named = {path for name in contract.resources for path in (f"/api/resources/{name}",)}
        assert named <= api.keys()


def test_every_operation_names_every_status_that_a_refusal_can_have() -> None:
    described = document(ROOT / "schema")
    answers = set(described["components"]["responses"])
    for path, method, operation in operations(described):
        if path.startswith("/api/"):
            used = {each["$ref"].split("/")[-1] for each in operation["responses"].values() if "$ref" in each}
            assert answers - used <= {"PreconditionFailed"}, (path, method)


def test_keys_of_several_properties_and_own_messages_are_described(tmp_path: Path) -> None:
    described = document(application.write(tmp_path))
    key = described["paths"]["/api/resources/places/{zone}/{slug}"]["parameters"]
    assert [each["name"] for each in key] == ["zone", "slug"]
    links = described["paths"]["/api/resources/places"]["post"]["responses"]["201"]["links"]
    assert links["get_it"]["parameters"] == {
        "path.zone": "$response.body#/zone",
        "path.slug": "$response.body#/slug",
    }
    buy = described["paths"]["/api/buy"]["post"]
    assert set(buy["requestBody"]["content"]["application/json"]["schema"]["properties"]) == {"amount", "key"}
    assert buy["security"] == [{"token": []}]
    assert "links" in described["paths"]["/api/resources/things"]["post"]["responses"]["201"]


def test_conditions_with_operators_are_parameters(tmp_path: Path) -> None:
    described = document(application.write(tmp_path))
    listed = described["paths"]["/api/resources/things"]["get"]["parameters"]
    by_name = {each["name"]: each for each in listed}
    assert len(by_name) == len(listed)
    assert {"amount", "amount[ne]", "amount[lt]", "amount[gte]", "amount[null]", "done", "done[ne]"} <= by_name.keys()
    assert by_name["amount[gte]"]["schema"]["type"] == "integer"
    # `limit` is a word of every list
    assert by_name["limit"]["schema"]["maximum"] == 1000
    assert by_name["limit[eq]"]["schema"]["type"] == "integer"


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """The sample application with its rows."""
    process = GatewayProcess(tmp_path_factory.mktemp("curl"), "--dev")
    process.migrate(seed=True)
    process.start()
    yield process
    process.stop()


@pytest.mark.process
@pytest.mark.skipif(CURL is None, reason="this machine has no curl")
def test_command_of_each_operation_works_in_a_shell(seeded: GatewayProcess) -> None:
    """What removes rows comes last, so that the other examples find theirs."""
    token = tokens.sign(DEVELOPMENT_SECRET, "1", "Ada", ["admin"], time.time(), 86_400)
    environment = {**os.environ, "TIDEGATE": f"http://127.0.0.1:{seeded.port}", "TOKEN": token}
    made = list(operations(document(ROOT / "schema")))
    made.sort(key=lambda each: (each[0] == "/api/delete", each[1] == "delete"))
    tried = 0
    for path, method, operation in made:
        command = curl(path, method, operation)
        written = f"{command} -s -S -o /dev/stderr -w '%{{http_code}}'"
        done = subprocess.run(
            ["sh", "-c", written], env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        expected = {status for status in operation["responses"] if status[0] == "2"}
        if path in {"/api/message", "/api/history"}:
            expected = {"401"}  # no rule of the sample's rooms names a role
        if path == "/api/delete" or (method == "delete" and "users" in path):
            expected |= {"404", "409"}  # the row is gone already, or others refer to it
        assert done.stdout in expected, (command, done.stdout, done.stderr)
        tried += 1
    assert tried == len(made) > 20


@pytest.mark.process
def test_command_quotes_what_a_shell_would_read() -> None:
    media = {"application/json": {"example": {"text": "it's $HOME `x` \\ \""}}}
    written = curl("/api/x/{key}", "post", {"parameters": [{"in": "path", "name": "key", "example": '$(x)"/ä'}], "requestBody": {"content": media}})  # fmt: skip # noqa: E501
    done = subprocess.run(["sh", "-c", f"printf '%s\\n' {written.removeprefix('curl ')}"], capture_output=True, text=True, check=True)  # fmt: skip # noqa: E501
    words = done.stdout.splitlines()
    assert words[2] == "/api/x/%24%28x%29%22%2F%C3%A4"
    assert json.loads(words[-1]) == media["application/json"]["example"]
