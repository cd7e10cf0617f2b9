"""Schemas, changed schemas and values by chance, from a seed.

The schemas use few names and few values, so that values by chance fit them often and changes matter.
"""

from __future__ import annotations

import copy
import random
from typing import Any

Schema = Any
NAMES = ("a", "b", "kind", "x-c")
TEXTS = ("", "a", "b", "ccc", "12")
WORDS = (*TEXTS, 0, 1, 2, 5, -1, 1.5, True, False, None)
DEFINITIONS = ("one", "two")


class Chance:
    """Makes schemas and values."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # not a secret
        self._pick = self._random.choice

    def document(self) -> Schema:
        """A schema with definitions, which may be recursive."""
        return {**self._schema(3), "$defs": {name: self._schema(2) for name in DEFINITIONS}}

    def changed(self, document: Schema) -> Schema:
        """A copy with one to three changes, or another order of what has none."""
        found = copy.deepcopy(document)
        for _ in range(self._random.randint(1, 3)):
            self._change(self._pick(_objects(found)[: self._random.choice((3, 100))]))
        return found

    def value(self, depth: int = 3) -> Any:
        """Any value."""
        how = self._random.random()
        if depth == 0 or how < 0.3:
            return self._pick(WORDS)
        if how < 0.5:
            return [self.value(depth - 1) for _ in range(self._random.randint(0, 3))]
        return {name: self.value(depth - 1) for name in NAMES if self._random.random() < 0.5}

    def fitting(self, schema: Schema, document: Schema, depth: int = 5) -> Any:
        """A value that often fits `schema`."""
        if not isinstance(schema, dict) or depth == 0 or self._random.random() < 0.05:
            return self.value(1)
        if "$ref" in schema:
            return self.fitting(document["$defs"][schema["$ref"].rpartition("/")[2]], document, depth - 1)
        for word in ("oneOf", "anyOf"):
            if word in schema:
                schema = _together(schema, self._pick(schema[word]), word)
                return self.fitting(schema, document, depth)
        for part in schema.get("allOf", ()):
            schema = _together(schema, part, "allOf")
        if "const" in schema or "enum" in schema:
            return self._pick(schema.get("enum") or [schema.get("const")])
        return self._of_kind(schema, document, depth)

    def _of_kind(self, schema: Schema, document: Schema, depth: int) -> Any:
        kinds = schema.get("type", ["string", "integer", "object", "array"])
        kind = kinds if isinstance(kinds, str) else self._pick(kinds)
        if kind == "object" or "properties" in schema:
            names = {name: schema.get("properties", {}).get(name, True) for name in NAMES}
            needed = schema.get("required", ())
            keep = [name for name in names if name in needed or self._random.random() < 0.4]
            return {name: self.fitting(names[name], document, depth - 1) for name in keep}
        if kind == "array":
            count = self._random.randint(schema.get("minItems", 0), 3)
            return [self.fitting(schema.get("items", True), document, depth - 1) for _ in range(count)]
        options = {"string": TEXTS, "integer": (0, 1, 2, 5, -1), "number": (0, 1.5, 2), "boolean": (True, False)}
        return self._pick(options.get(kind, (None,)))

    def _schema(self, depth: int) -> Schema:
        how = self._random.random()
        if depth > 0 and how < 0.45:
            return self._object(depth)
        if depth > 0 and how < 0.6:
            return {"type": "array", "items": self._schema(depth - 1), **self._some({"minItems": 1, "maxItems": 2})}
        if depth > 0 and how < 0.75:
            alternatives = [self._schema(depth - 1) for _ in range(self._random.randint(2, 3))]
            return {self._pick(("anyOf", "oneOf")): alternatives}
        if depth > 0 and how < 0.8:
            return {"allOf": [self._schema(depth - 1), self._schema(depth - 1)]}
        if how < 0.88 and depth < 3:
            return {"$ref": f"#/$defs/{self._pick(DEFINITIONS)}"} if depth else {"type": "string"}
        return self._plain()

    def _plain(self) -> Schema:
        return self._pick((
            {"type": "string", **self._some({"minLength": 1, "maxLength": 2, "pattern": "^[a-c]*$"})},
            {"type": "integer", **self._some({"minimum": 0, "maximum": 2, "exclusiveMinimum": 0})},
            {"type": "number", **self._some({"minimum": 1, "exclusiveMaximum": 2})},
            {"enum": self._random.sample(WORDS, 3)},
            {"const": self._pick(TEXTS)},
            {"type": self._random.sample(("string", "null", "boolean", "integer"), 2)},
            {"not": {"const": "a"}},
        ))  # fmt: skip

    def _object(self, depth: int) -> Schema:
        properties = {name: self._schema(depth - 1) for name in NAMES if self._random.random() < 0.5}
        if self._random.random() < 0.4:
            properties["kind"] = {"const": self._pick(TEXTS)}
        needed = [name for name in properties if self._random.random() < 0.4]
        rules = {
            "additionalProperties": self._pick((False, False, {"type": "string"})),
            "patternProperties": {"^x-": self._plain()},
            "dependentRequired": {"a": ["b"]},
            "if": {"properties": {"a": {"const": "a"}}},
            "minProperties": 1,
            "maxProperties": 2,
        }
        found = {"type": "object", "properties": properties, **self._some(rules)}
        if "if" in found:
            found["then"] = {"required": [self._pick(NAMES)]}
        return {**found, "required": needed} if needed else found

    def _some(self, rules: dict[str, Any]) -> dict[str, Any]:
        return {word: value for word, value in rules.items() if self._random.random() < 0.25}

    def _change(self, schema: Schema) -> None:
        """Change `schema` in place."""
        word = self._pick(list(schema)) if schema else ""
        match word:
            case "properties" if self._random.random() < 0.5 and schema[word]:
                schema[word].pop(self._pick(list(schema[word])))
            case "properties":
                schema[word][self._pick(NAMES)] = self._schema(1)
            case "required" | "enum":
                schema[word] = [item for item in schema[word] if self._random.random() < 0.7] or schema[word]
            case "anyOf" | "oneOf" | "allOf" if self._random.random() < 0.5:
                self._random.shuffle(schema[word])
            case "anyOf" | "oneOf":
                schema[word].append(self._schema(1))
            case "minLength" | "maxLength" | "minimum" | "maximum" | "minItems" | "maxItems":
                schema[word] = max(0, schema[word] + self._pick((-1, 1)))
            case "type" | "items" | "additionalProperties" if self._random.random() < 0.5:
                schema.pop(word)
            case "const" | "not":
                schema[word] = self._pick(TEXTS) if word == "const" else {"const": "b"}
            case "type" | "$ref" | "if" | "then" | "items" | "$defs" | "additionalProperties" | "":
                schema.update(self._some({"maxLength": 1, "minItems": 1, "required": ["a"], "minimum": 1}))
            case "patternProperties":
                schema[word] = {"^x-": self._plain()}
            case _:
                schema.pop(word)


def _together(one: Schema, other: Schema, word: str) -> Schema:
    rest = {name: value for name, value in one.items() if name != word}
    if not isinstance(other, dict):
        return rest
    properties = {**rest.get("properties", {}), **other.get("properties", {})}
    needed = [*rest.get("required", ()), *other.get("required", ())]
    return {
        **rest,
        **other,
        **({"properties": properties} if properties else {}),
        **({"required": needed} if needed else {}),
    }


def _objects(schema: Any) -> list[Any]:
    """The schemas inside `schema`."""
    found: list[Any] = []
    if isinstance(schema, dict):
        found.append(schema)
        for word in ("items", "additionalProperties", "then"):
            found += _objects(schema.get(word))
        for word in ("anyOf", "oneOf", "allOf"):
            found += [inner for sub in schema.get(word, ()) for inner in _objects(sub)]
        for word in ("properties", "$defs", "patternProperties"):
            found += [inner for sub in schema.get(word, {}).values() for inner in _objects(sub)]
    return found
