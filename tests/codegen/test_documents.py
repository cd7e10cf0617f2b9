"""The AsyncAPI and OpenAPI documents: valid by their standards, and equal to the contract.

The published JSON Schemas of both standards come with npm packages. The tests fetch nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from tests.support.gateway import ROOT
from tests.support.node import node_packages
from tidegate import codegen, schema
from tidegate.cli import main
from tidegate.contract import Contract
from tidegate.documents import asyncapi, openapi
from tidegate.documents.components import draft07
from tidegate.schema import INDEX, Bundle

PUBLISHED = {
    "asyncapi": "@asyncapi/specs/schemas/3.0.0.json",
    "openapi": "@seriousme/openapi-schema-validator/schemas/v3.1/schema.json",
}
"""The published schemas in the npm packages."""
OWN: dict[str, Any] = {
    "types/money.schema.json": {
        "title": "Money",
        "type": "object",
        "properties": {"amount": {"type": "integer", "minimum": 5}, "pair": {"prefixItems": [{"type": "string"}]}},
        "required": ["amount"],
    },
    "types/tree.schema.json": {
        "title": "Tree",
        "type": "object",
        "properties": {"inside": {"type": "array", "items": {"$ref": "#"}}},
    },
    "resources/orders.schema.json": {
        "title": "Order",
        "type": "object",
        "x-resource": {"key": ["shop", "number"]},
        "properties": {
            "shop": {"type": "string", "pattern": "^[a-z]{3}$", "examples": ["abc"]},
            "number": {"type": "integer"},
            "price": {"$ref": "../types/money.schema.json", "description": "What it costs."},
            "first": {"$ref": "../types/money.schema.json#/properties/pair/prefixItems/0"},
            "tree": {"$ref": "../types/tree.schema.json"},
            "history": {"$ref": "#/$defs/history"},
        },
        "required": ["shop", "number", "price"],
        "dependentRequired": {"history": ["tree"]},
        "$defs": {"history": {"type": "array", "items": {"type": ["string", "number"]}}},
    },
    "rooms/fixed.schema.json": {"title": "Fixed", "x-room": {"pattern": "lobby"}, "const": "hello"},
    "client/pay.schema.json": {
        "title": "PayRequest",
        "type": "object",
        "x-reply": "paid",
        "x-access": {"send": "authenticated"},
        "properties": {
            "type": {"const": "pay it"},
            "ref": {"$ref": "../types/ref.schema.json"},
            "price": {"$ref": "../types/money.schema.json"},
        },
        "required": ["type", "price"],
    },
    "client/odd.schema.json": {
        "title": "OddRequest",
        "type": "object",
        "properties": {"type": {"const": "odd"}, "never": {"not": {}}},
        "required": ["type", "never"],
    },
    "server/paid.schema.json": {
        "title": "Paid",
        "type": "object",
        "properties": {"type": {"const": "paid"}, "ref": {"$ref": "../types/ref.schema.json"}},
        "required": ["type"],
    },
}


@cache
def sample() -> Bundle:
    return schema.bundle(schema.load(ROOT / "schema"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The schema folder of an application."""
    for path, content in OWN.items():
        file = tmp_path / "schema" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    return tmp_path / "schema"


@pytest.fixture(params=["sample", "own"])
def document(request: pytest.FixtureRequest, folder: Path) -> Bundle:
    return sample() if request.param == "sample" else schema.bundle(schema.load(folder))


def complaints(standard: str, document: Any) -> list[str]:
    """The violations of `document` against the published schema of `standard`."""
    published = json.loads((node_packages() / PUBLISHED[standard]).read_text())
    kind = Draft7Validator if standard == "asyncapi" else Draft202012Validator
    return [f"{error.json_path}: {error.message[:200]}" for error in kind(published).iter_errors(document)]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)


def follow(document: Any, reference: str) -> Any:
    assert reference.startswith("#/"), reference
    for escaped in reference[2:].split("/"):
        step = escaped.replace("~1", "/").replace("~0", "~")
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def test_the_documents_match_the_published_schemas_of_their_standards(document: Bundle) -> None:
    assert complaints("asyncapi", asyncapi(document)) == []
    assert complaints("openapi", openapi(document)) == []
    assert complaints("asyncapi", {**asyncapi(document), "operation": {}}) != []
    assert complaints("openapi", {**openapi(document), "path": {}}) != []


def test_every_reference_has_a_target(document: Bundle) -> None:
    for made in (asyncapi(document), openapi(document)):
        found = set(references(made))
        assert len(found) > 10
        for reference in found:
            follow(made, reference)


def test_every_schema_is_valid_in_the_dialect_of_its_document(document: Bundle) -> None:
    for component in asyncapi(document)["components"]["schemas"].values():
        Draft7Validator.check_schema(component)
    for component in openapi(document)["components"]["schemas"].values():
        Draft202012Validator.check_schema(component)


def test_each_message_has_one_operation(document: Bundle) -> None:
    made = asyncapi(document)
    told: dict[str, list[str]] = {"receive": [], "send": []}
    for operation in made["operations"].values():
        (reference,) = (message["$ref"] for message in operation["messages"])
        payload = follow(made, follow(made, follow(made, reference)["$ref"])["payload"]["$ref"])
        assert payload["properties"]["type"]["const"] == operation["title"]
        told[operation["action"]].append(operation["title"])
    assert told == {"receive": list(document[INDEX]["client"]), "send": list(document[INDEX]["server"])}


def test_a_request_names_its_reply_or_error_with_ref() -> None:
    made = asyncapi(sample())
    joined = [message["$ref"] for message in made["operations"]["receive.JoinRequest"]["reply"]["messages"]]
    assert joined == ["#/channels/ws/messages/Joined", "#/channels/ws/messages/ErrorMessage"]
    for key in ("JoinRequest", "Joined", "ErrorMessage"):
        assert made["components"]["messages"][key]["correlationId"] == {"$ref": "#/components/correlationIds/ref"}
    assert "correlationId" not in made["components"]["messages"]["Heartbeat"]
    replies = {name: entry.get("reply") for name, entry in sample()[INDEX]["client"].items()}
    for operation in made["operations"].values():
        if operation["action"] == "receive" and operation["title"] == "cancel":
            assert "reply" not in operation
        elif operation["action"] == "receive":
            first = follow(made, follow(made, operation["reply"]["messages"][0]["$ref"])["$ref"])
            assert first["name"] == replies[operation["title"]]


def test_each_kind_of_room_is_a_channel_with_the_parameters_of_its_pattern(tmp_path: Path) -> None:
    rules = {"x-access": {"join": "anyone", "send": "anyone"}}
    (tmp_path / "rooms").mkdir()
    for title, pattern in (("TeamMessage", "team-{team}-{part}"), ("ChatMessage", "chat-*"), ("HallMessage", "hall")):
        room = {"title": title, "description": "Said.", "x-room": {"pattern": pattern}, **rules}
        (tmp_path / "rooms" / f"{title}.schema.json").write_text(json.dumps(room))
    made = asyncapi(schema.bundle(schema.load(tmp_path)))
    assert complaints("asyncapi", made) == []
    team, chat, hall = (made["channels"][f"room.App.{title}Message"] for title in ("Team", "Chat", "Hall"))
    assert (team["address"], chat["address"], hall["address"]) == ("team-{team}-{part}", None, "hall")
    assert {name: said["description"] for name, said in team["parameters"].items()} == {
        "team": "One or more characters without '-'.",
        "part": "One or more characters.",
    }
    assert "parameters" not in chat
    assert "parameters" not in hall
    message = team["messages"]["App.TeamMessage"]
    assert (message["name"], message["summary"]) == ("TeamMessage", "Said.")
    assert follow(made, message["payload"]["$ref"])["x-room"]["pattern"] == "team-{team}-{part}"


def test_custom_messages_are_beside_those_of_the_protocol(folder: Path) -> None:
    made = asyncapi(schema.bundle(schema.load(folder)))
    pay = made["operations"]["receive.App.PayRequest"]
    assert (pay["title"], pay["x-access"]) == ("pay it", {"send": "authenticated"})
    assert pay["reply"]["messages"][0] == {"$ref": "#/channels/ws/messages/App.Paid"}
    odd = made["operations"]["receive.App.OddRequest"]["reply"]["messages"]
    assert odd == [{"$ref": "#/channels/ws/messages/Ok"}, {"$ref": "#/channels/ws/messages/ErrorMessage"}]
    assert made["x-tidegate"]["resources"] == {"orders": {"schema": {"$ref": "#/components/schemas/App.Order"}}}
    assert "receive.JoinRequest" in made["operations"]


@pytest.mark.parametrize("standard", ["asyncapi", "openapi"])
def test_the_components_accept_and_refuse_the_same_as_the_contract(standard: str) -> None:
    """Validate every example of `schema/examples` with the validators that readers of each document use."""
    made = asyncapi(sample()) if standard == "asyncapi" else openapi(sample())
    kind = Draft7Validator if standard == "asyncapi" else Draft202012Validator
    index = sample()[INDEX]
    keys = {f"{side}.{name}": entry["schema"] for side in ("client", "server") for name, entry in index[side].items()}

    def accepts(of: str, message: Any) -> bool:
        return kind({"$ref": f"#/components/schemas/{keys[of]}", "components": made["components"]}).is_valid(message)

    told = 0
    for file in sorted((ROOT / "schema/examples").glob("*/*/*.json")):
        if file.parent.name not in keys:
            continue
        example = json.loads(file.read_text())
        if file.parts[-3] == "valid":
            assert accepts(file.parent.name, example), file
        elif example["by"] == "message" and isinstance(example["message"], dict):
            assert not accepts(file.parent.name, example["message"]), file
        else:
            continue
        told += 1
    assert told > 100


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ({"prefixItems": [{"type": "string"}], "items": False}, ["a", 1]),
        ({"prefixItems": [{"type": "string"}]}, [1]),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"a": 1}),
        ({"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"a": {"required": ["c"]}}}, {"a": 1, "c": 1}),
        ({"$ref": "#/definitions/text", "maxLength": 2}, "abc"),
        ({"properties": {"in": {"$ref": "#/definitions/text", "maxLength": 2}}}, {"in": "abc"}),
    ],
)
def test_draft_07_components_refuse_with_their_own_spelling(written: dict[str, Any], value: Any) -> None:
    definitions = {"definitions": {"text": {"type": "string"}}}
    assert not Draft202012Validator({**written, **definitions}).is_valid(value)
    assert not Draft7Validator({**draft07(written), **definitions}).is_valid(value)


def test_draft_07_components_accept_a_missing_optional_item() -> None:
    assert Draft7Validator(draft07({"contains": {"type": "string"}, "minContains": 0})).is_valid([])


def test_components_have_the_schemas_derived_from_rows() -> None:
    for made in (asyncapi(sample()), openapi(sample())):
        schemas = made["components"]["schemas"]
        assert {"App.UserCreate", "App.UserUpdate", "App.UserFilters", "App.UserKey"} <= set(schemas)
        assert "password" in schemas["App.UserCreate"]["properties"]
        assert "password" not in schemas["App.UserFilters"]["properties"]


def test_every_message_has_an_example_that_the_contract_accepts() -> None:
    contract = Contract(sample())
    for message in asyncapi(sample())["components"]["messages"].values():
        (example,) = (given["payload"] for given in message["examples"])
        assert example["type"] == message["name"]
        if message["title"].endswith("Request"):
            contract.decode(json.dumps(example).encode())
        else:
            contract.check_server(example)


def test_a_custom_message_has_an_example_if_possible(folder: Path) -> None:
    document = schema.bundle(schema.load(folder))
    messages = asyncapi(document)["components"]["messages"]
    assert messages["App.PayRequest"]["examples"][0]["payload"] == {"type": "pay it", "price": {"amount": 5}}
    assert "examples" not in messages["App.OddRequest"]
    create = messages["CreateRequest"]["examples"][0]["payload"]
    assert create["data"] == {"shop": "abc", "number": 1, "price": {"amount": 5}}
    Contract(document).decode(json.dumps(create).encode())


@pytest.mark.process
def test_generate_writes_and_checks_both_documents(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["generate", "--schema", str(folder), "--out", str(out)]
    assert main(arguments) == 0
    document = schema.bundle(schema.load(folder))
    mark = {"x-generated": codegen.GENERATED}
    assert json.loads((out / "asyncapi.json").read_text()) == asyncapi(document) | mark
    assert json.loads((out / "openapi.json").read_text()) == openapi(document) | mark
    assert main([*arguments, "--check"]) == 0
    (out / "openapi.json").write_text((out / "openapi.json").read_text().replace("getHealth", "getWealth"))
    capsys.readouterr()
    assert main([*arguments, "--check"]) == 1
    assert "getWealth" in capsys.readouterr().out
    (out / "asyncapi.json").unlink()
    assert main([*arguments, "--check"]) == 1


@pytest.mark.process
def test_the_generator_refuses_to_overwrite_a_foreign_document(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "openapi.json").write_text('{"openapi": "3.1.0"}')
    assert main(["generate", "--schema", str(folder), "--out", str(out)]) == 1
    assert "openapi.json was not generated" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["openapi.json"]
    assert (out / "openapi.json").read_text() == '{"openapi": "3.1.0"}'
