"""schema/examples: the contract accepts every valid example and refuses every invalid one with pointer and keyword.

The contract (jsonschema-rs) and Python jsonschema must agree.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from tests.support.cases import every_case
from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.contract import Contract
from tidegate.contract.compiled import CompiledSchema, Compiler
from tidegate.contract.explain import violations
from tidegate.core.errors import Refused
from tidegate.json_pointer import pointer
from tidegate.schema.definition import Kind
from tidegate_protocol import CLIENT_MESSAGES, SERVER_MESSAGES

SCHEMA = ROOT / "schema"
EXAMPLES = SCHEMA / "examples"
BUNDLE = schema.bundle(schema.load(SCHEMA))
SCHEMAS = schema.unbundle(BUNDLE)
CONTRACT = Contract(BUNDLE)
COMPILER = Compiler(BUNDLE["$defs"])


def files(folder: str) -> list[str]:
    return sorted(path.relative_to(EXAMPLES).as_posix() for path in (EXAMPLES / folder).rglob("*.json"))


def example(name: str) -> Any:
    return json.loads((EXAMPLES / name).read_bytes())


VALID = files("valid")
INVALID = files("invalid")


def kind_of(name: str) -> tuple[str, str]:
    """("client", "join") of valid/client.join/least.json."""
    direction, _, rest = name.split("/")[1].partition(".")
    return direction, rest


@cache
def schema_of(direction: str, name: str) -> dict[str, Any]:
    if direction == "client":
        return {"$ref": f"#/$defs/{SCHEMAS.client[name].key}"}
    if direction == "server":
        return {"$ref": f"#/$defs/{SCHEMAS.server[name].key}"}
    if direction == "resource":
        return _file("resources", name)
    return _file("rooms", name)


def _file(kind: Kind, name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{next(item.key for item in SCHEMAS.files(kind) if item.name == name)}"}


@cache
def compiled(direction: str, name: str) -> CompiledSchema:
    return COMPILER.schema(schema_of(direction, name))


@cache
def oracle(direction: str, name: str) -> Draft202012Validator:
    return Draft202012Validator(
        {**schema_of(direction, name), "$defs": BUNDLE["$defs"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def test_every_message_resource_and_room_has_examples() -> None:
    expected = {
        *(f"client.{name}" for name in CLIENT_MESSAGES),
        *(f"server.{name}" for name in SERVER_MESSAGES),
        *(f"resource.{name}" for name in SCHEMAS.resources),
    }
    for examples in (VALID, INVALID):
        assert expected <= {name.split("/")[1] for name in examples}
    assert {f"room.{item.name}" for item in SCHEMAS.files("rooms")} <= {name.split("/")[1] for name in VALID}


def test_the_contract_accepts_valid_examples() -> None:
    with every_case() as case:
        for name in VALID:
            with case(name):
                _is_accepted(name)


def _is_accepted(name: str) -> None:
    message = example(name)
    direction, kind = kind_of(name)
    assert violations(compiled(direction, kind), message) == []
    assert list(oracle(direction, kind).iter_errors(message)) == []
    if direction == "client":
        request = CONTRACT.decode(json.dumps(message).encode())
        assert type(request) is CLIENT_MESSAGES[kind]
        assert msgspec.json.decode(CONTRACT.encode(request)).keys() == message.keys()
    if direction == "server":
        struct = msgspec.convert(message, SERVER_MESSAGES[kind])
        assert msgspec.json.decode(CONTRACT.encode(struct)) == message
        CONTRACT.check_server(struct)


def test_the_contract_refuses_invalid_examples_at_their_pointer() -> None:
    with every_case() as case:
        for name in INVALID:
            with case(name):
                _is_refused(name)


def _is_refused(name: str) -> None:
    expected = example(name)
    message = expected["message"]
    direction, kind = kind_of(name)
    if direction == "client":
        with pytest.raises(Refused) as caught:
            CONTRACT.decode(json.dumps(message).encode())
        refused = caught.value
        assert (refused.code, refused.pointer, refused.keyword) == (
            expected["code"],
            expected["pointer"],
            expected["keyword"],
        )
    else:
        told = violations(compiled(direction, kind), message)
        assert told
        assert (told[0].pointer, told[0].keyword) == (expected["pointer"], expected["keyword"])


BY_SCHEMA_ALONE = [name for name in INVALID if example(name)["by"] == "message"]


def test_python_jsonschema_refuses_invalid_examples_at_the_same_pointer() -> None:
    with every_case() as case:
        for name in BY_SCHEMA_ALONE:
            with case(name):
                expected = example(name)
                errors = list(oracle(*kind_of(name)).iter_errors(expected["message"]))
                assert expected["pointer"] in {place for error in errors for place in _places(error)}


def _places(error: Any) -> Any:
    """The pointers of an error and of those inside it. The pointer of an unexpected property names the property."""
    here = pointer(list(error.absolute_path))
    yield here
    if error.validator == "additionalProperties":
        yield from (f"{here}{pointer([name])}" for name in error.instance if name not in error.schema["properties"])
    for inner in error.context or ():
        yield from _places(inner)
