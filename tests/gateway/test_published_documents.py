"""The public part of a contract: no document has a rule of `x-access` or the name of a `writeOnly` property."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.admin.operators import operated
from tests.gateway.test_http_routes import get, sample
from tests.transport.inside import running
from tidegate import schema
from tidegate.documents import asyncapi, console, openapi, protocol_page, published
from tidegate.schema import INDEX, Bundle

RULES = ("role:zebra", "role zebra", "$user.okapi", "okapi", "x-access", '"access": {')
NAMES = ("giraffe_pin", "giraffe_hint", "PinOfGiraffe", "OfPin")
OWN: dict[str, Any] = {
    "resources/vaults": {
        "title": "Vault",
        "type": "object",
        "x-resource": {"key": "id", "unique": [["giraffe_pin"], ["name"]], "indexes": [["name", "giraffe_hint"]]},
        "x-access": {"read": {"role": "zebra", "where": {"name": "$user.okapi"}}, "create": "role:zebra"},
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "name": {"type": "string", "maxLength": 9},
            "size": {"type": "integer"},
            "giraffe_pin": {"$ref": "../types/pin.schema.json", "writeOnly": True},
            "giraffe_hint": {"type": "string", "writeOnly": True},
        },
        "required": ["id", "name", "giraffe_pin"],
        "dependentRequired": {"giraffe_hint": ["size"]},
        "if": {"properties": {"size": {"const": 1}}},
        "then": {"required": ["giraffe_hint"]},
        "allOf": [{"maxProperties": 5}],
    },
    "types/pin": {"title": "PinOfGiraffe", "type": "string", "maxLength": 77, "$ref": "of_pin.schema.json"},
    "types/of_pin": {"title": "OfPin", "type": "string", "minLength": 4},
    "rooms/den": {
        "title": "Den",
        "type": "string",
        "x-room": {"pattern": "den-*"},
        "x-access": {"join": "role:zebra", "send": "role:zebra"},
    },
    "client/roar": {
        "title": "RoarRequest",
        "type": "object",
        "x-access": {"send": ["role:zebra"]},
        "properties": {"type": {"const": "roar"}, "ref": {"$ref": "../types/ref.schema.json"}},
        "required": ["type"],
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("own") / "schema"
    for name, content in OWN.items():
        file = found / f"{name}.schema.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    return found


@pytest.fixture(scope="module")
def own(folder: Path) -> Bundle:
    return schema.bundle(schema.load(folder))


def found_in(text: str) -> list[str]:
    return [word for word in (*RULES, *NAMES) if word in text]


def test_no_document_of_a_published_bundle_has_what_is_hidden(own: Bundle) -> None:
    for make in (asyncapi, openapi, console, protocol_page, lambda document: document):
        whole, public = make(own), make(published(own))
        texts = [each if isinstance(each, str) else json.dumps(each) for each in (whole, public)]
        assert found_in(texts[0]) != []
        assert found_in(texts[1]) == []
        assert "den-*" in texts[1] and "vaults" in texts[1] and "roar" in texts[1]


def test_published_bundle_is_one_with_the_hash_of_the_whole(own: Bundle) -> None:
    before = json.dumps(own)
    public = published(own)
    assert json.dumps(own) == before, "it is not changed"
    assert schema.contract_hash(public) == schema.contract_hash(own)
    assert schema.lint(schema.unbundle({**public, INDEX: {**public[INDEX], "meta": own[INDEX]["meta"]}})) == []
    vaults = public["$defs"]["App.Vault"]
    assert list(vaults["properties"]) == ["id", "name", "size"]
    assert vaults["required"] == ["id", "name"]
    assert vaults["x-resource"] == {"key": "id", "unique": [["name"]], "indexes": []}
    assert vaults["allOf"] == [{"maxProperties": 5}], "a condition that says nothing of them stays"
    assert "if" not in vaults and "then" not in vaults
    assert published(public) == public


def test_contract_without_secrets_loses_its_rules_alone() -> None:
    whole, public = sample(), published(sample())
    assert set(whole["$defs"]) == set(public["$defs"])
    assert public["$defs"]["App.Task"] == {
        word: value for word, value in whole["$defs"]["App.Task"].items() if word != "x-access"
    }


async def test_no_public_answer_has_what_is_hidden(tmp_path: Path, folder: Path) -> None:
    async with operated(tmp_path, schema=str(folder), console=True) as operators:
        inside = operators.inside
        for path in sorted(inside.listener.context.routes._answers):
            _, _, body = await get(inside, path)
            hidden = found_in(body.decode())
            assert hidden in ([], ["x-access"] if path.endswith(".js") else []), path
        about = json.loads((await get(inside, "/console/application.json"))[2])
        assert {each["access"] for part in ("resources", "rooms", "messages") for each in about[part].values()} == {
            None
        }


async def test_operators_and_developers_get_the_whole(tmp_path: Path) -> None:
    async with operated(tmp_path) as operators:
        made = {"schema/bundle": sample(), "asyncapi": asyncapi(sample()), "openapi": openapi(sample())}
        for name, whole in made.items():
            assert await operators.get(f"/{name}.json") == whole
    (tmp_path / "dev").mkdir()
    async with running(tmp_path / "dev", dev=True) as inside:
        assert json.loads((await get(inside, "/schema/bundle.json"))[2]) == sample()
        about = json.loads((await get(inside, "/console/application.json"))[2])
        assert about["resources"]["users"]["secret"] == ["password"]


async def test_documents_that_are_off_are_off_and_the_gateway_serves(tmp_path: Path) -> None:
    async with running(tmp_path, documents=False) as inside:
        for path in ("/docs", "/schema/bundle.json", "/asyncapi.json", "/openapi.json"):
            status, _, body = await get(inside, path)
            assert (status, b"documents = true" in body) == (404, True), path
        for path in ("/healthz", "/readyz"):
            assert (await get(inside, path))[0] == 200
