"""No change that breaks clients passes `compare`: schemas, changes and values by chance, with a seed for each.

Where `compare` has nothing to say of a message of clients, no value that the older schema accepts may be refused by the
newer one. Where it has nothing to say of a message of the gateway, the older schema, as a client reads it, must accept
what the newer one accepts.
"""

from __future__ import annotations

from typing import Any

from jsonschema_rs import Draft202012Validator

from tests.schema.compatibility.chance import Chance, Schema
from tests.support.cases import every_case
from tidegate.schema.compat import compare
from tidegate.schema.compat.oracle import opened
from tidegate.schema.definition import Definition, Kind, Schemas

PAIRS, VALUES = 250, 30


def message(kind: Kind, document: Schema) -> Schemas:
    """A folder with one message, whose `v` has the schema."""

    def with_keys(schema: Any) -> Any:
        if isinstance(schema, dict):
            return {
                word: value.replace("/$defs/", "/$defs/App.") if word == "$ref" else with_keys(value)
                for word, value in schema.items()
            }
        return [with_keys(item) for item in schema] if isinstance(schema, list) else schema

    document = with_keys(document)
    value = {word: sub for word, sub in document.items() if word != "$defs"}
    tagged = {"type": {"const": "ask"}, "v": value}
    whole = {"type": "object", "properties": tagged, "required": ["type"], "additionalProperties": False}
    own = [Definition("Ask", kind, "ask", f"{kind}/ask.schema.json", "", False, whole)]
    own += [
        Definition(name, kind, "ask", f"{kind}/ask.schema.json", f"/$defs/{name}", False, schema)
        for name, schema in document["$defs"].items()
    ]
    return Schemas(tuple(sorted(own, key=lambda item: item.key)), {}, defines_protocol=False)


def test_what_is_called_compatible_is_compatible() -> None:
    silent = broken = 0
    with every_case() as case:
        for seed in range(PAIRS):
            chance = Chance(seed)
            old = chance.document()
            new = chance.changed(old)
            values = [chance.fitting(which, which) for which in (old, new) for _ in range(VALUES)]
            values += [chance.value() for _ in range(VALUES)]
            readers: tuple[tuple[Kind, Schema, Schema], ...] = (("client", old, new), ("server", new, opened(old)))
            for kind, narrow, wide in readers:
                sender, receiver = Draft202012Validator(narrow), Draft202012Validator(wide)
                lost = [value for value in values if sender.is_valid(value) and not receiver.is_valid(value)]
                found = compare(message(kind, old), message(kind, new))
                silent += not found
                broken += bool(lost)
                with case(f"seed {seed}, {kind}"):
                    assert found or not lost, f"{lost[0]} of {old} does not fit {new}"
    assert silent > PAIRS / 2, "most changes are reported, so that the test shows little"
    assert broken > PAIRS / 4, "few changes break anything, so that the test shows little"
