"""What a generated type must refuse, so that "everything is allowed" is no way to hold every payload.

It looks at the properties at the top of a message only, as far as `properties`, `allOf` and `$ref` name them: there
each has a field, and a field of one plain kind takes no value of another kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tests.contract.generated_applications.schemas import Case

Json = Any
WRONG: dict[str, Json] = {"string": 12345, "integer": "wrong", "number": "wrong", "boolean": "wrong"}


@dataclass(frozen=True)
class Wrong:
    """A payload with one wrong value, which must not be of the type. `python`: Structs can tell that too."""

    name: str
    value: Json
    python: bool

    def put_into(self, value: Json) -> Json:
        return {**deepcopy(value), self.name: self.value}


def fields(case: Case) -> dict[str, list[Json]]:
    """The schemas of each property at the top, by name."""
    found: dict[str, list[Json]] = {}
    for schema in _parts(case, case.schema, case.path):
        for name, sub in schema.get("properties", {}).items():
            found.setdefault(name, []).append(sub)
    return found


def wrongs(case: Case) -> Iterator[Wrong]:
    """One wrong value for each property that can be told."""
    for name, schemas in fields(case).items():
        if len(schemas) != 1 or not isinstance(schemas[0], dict) or (name == "type" and case.message):
            continue
        schema = schemas[0]
        kind = schema.get("type")
        if kind == "array" and schema.get("prefixItems") and schema.get("minItems", 0) > 0:
            yield Wrong(name, [], python=False)
        elif isinstance(kind, str) and kind in WRONG and schema.get("format") != "int64" and "$ref" not in schema:
            yield Wrong(name, WRONG[kind], python=True)
        elif isinstance(schema.get("const"), str):
            yield Wrong(name, 12345, python=True)


def deprecated(case: Case) -> list[str]:
    """The names of the deprecated properties at the top."""
    return [
        name
        for name, schemas in fields(case).items()
        if len(schemas) == 1 and isinstance(schemas[0], dict) and schemas[0].get("deprecated") is True
    ]


def _parts(case: Case, schema: Json, file: str, depth: int = 0) -> Iterator[Json]:
    """`schema` and the schemas that it adds by `allOf` and `$ref`."""
    if not isinstance(schema, dict) or depth > 20:
        return
    yield schema
    for sub in schema.get("allOf", ()):
        yield from _parts(case, sub, file, depth + 1)
    if "$ref" in schema:
        target, where = case.resolved(schema["$ref"], file)
        yield from _parts(case, target, where, depth + 1)
