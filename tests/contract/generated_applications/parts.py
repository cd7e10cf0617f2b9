"""Random parts of schemas, of every kind that the linter lets pass, with nasty names.

Invariant: the same numbers from `random` make the same parts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from tests.contract.generated_applications import names

Json = Any
One = TypeVar("One")

DEPTH = 3
FORMATS = ["date-time", "date", "uuid", "ipv4", "ipv6"]
PATTERNS = {
    "^[a-z]+$": ["a", "abc"],
    "^x_": ["x_", "x_1", "x_a"],
    "\\d{2}": ["12", "a123"],
    "^[A-Z]{2}-[0-9]+$": ["AB-1", "XY-77"],
    "^(a|b)?$": ["", "a", "b"],
    "^\\$": ["$", "$a"],
    "[\"'\\\\]": ['"', "\\", "it's"],
}
"""{pattern: texts that match it}"""
ANY_VALUES: list[Json] = [
    *(None, True, False, 0, 1, -1, 1.5, 2.0, 1e300, 2**53 - 1),
    *("", "a", "1", "\U0001f600", '"', "\\", "\n", "*/", "`${a}`"),
    *([], {}, [1], [1, "a"], [[]], {"a": 1}, {"a": {"b": None}}, {"": ""}, {"__proto__": 1}),
    *([None], [{}], {"class": [1]}),
]  # fmt: skip


class Parts:
    """Makes schemas, and keeps those that are definitions."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"schema {seed}")
        self.seed = seed
        self.defs: dict[str, Json] = {}
        self.inline: list[str] = []
        """Names of properties whose value is an object: code generators name types after them."""
        self.types: dict[str, Json] = {}

    # Choices

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, options: Sequence[One]) -> One:
        return self.random.choice(options)

    def name(self) -> str:
        if self.chance(0.015):
            return self.pick(names.ENDS)
        return self.pick(names.PROPERTIES if self.chance(0.5) else names.MESSAGES)

    def some_names(self, most: int) -> list[str]:
        return list(dict.fromkeys(self.name() for _ in range(self.random.randint(1, most))))

    def any_value(self) -> Json:
        return self.pick(ANY_VALUES)

    # Schemas

    def schema(self, depth: int) -> Json:
        kinds: list[tuple[Callable[[int], Json], float]] = [
            (self.scalar, 6), (self.constant, 2), (self.enum, 2), (self.anything, 1), (self.several_types, 2),
        ]  # fmt: skip
        if depth < DEPTH:
            kinds += [
                (self.object, 5), (self.open_object, 2), (self.array, 3), (self.tuple, 2), (self.tagged, 3),
                (self.union, 2), (self.all_of, 2), (self.conditional, 1), (self.reference, 4), (self.recursive, 1),
                (self.nullable, 2), (self.dependent, 2), (self.negated, 1.5), (self.untyped, 1),
                (self.tagged_recursion, 0.2), (self.annotated_ref, 1),
            ]  # fmt: skip
        found = self.random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0](depth)
        return self.annotated(found) if isinstance(found, dict) and self.chance(0.25) else found

    def annotated(self, schema: Json) -> Json:
        words = ["description", "description", "deprecated", "title", "examples", "$comment", "readOnly", "writeOnly"]
        word = self.pick(words)
        fitting = {"string": ["a*/"], "boolean": [True, False], "null": [None]}
        examples = [schema["const"]] if "const" in schema else fitting.get(str(schema.get("type")), [])
        if word == "examples" and (not examples or schema.keys() - {"type", "const"}):
            word = "deprecated"
        value: Json = {
            "description": self.pick(names.TEXTS),
            "title": self.pick([*names.TITLES, "any title", '"']),
            "examples": examples,
            "$comment": "x",
        }.get(word, True)
        if "default" not in schema and self.chance(0.2) and "const" in schema:
            return {**schema, "default": schema["const"]}
        return {word: value, **schema}

    def scalar(self, depth: int) -> Json:
        return self.pick(
            [self.string, self.string, self.integer, self.integer, self.number, self.boolean, self.int64]
        )()

    def string(self) -> Json:
        found: Json = {"type": "string"}
        match self.random.randrange(7):
            case 0:
                found["format"] = self.pick(FORMATS)
            case 1:
                found["pattern"] = self.pick(list(PATTERNS))
                found["maxLength"] = 40
            case 2:
                found["minLength"] = self.random.randint(0, 2)
            case 3:
                found["maxLength"] = self.random.randint(1, 9)
            case 4:
                found["default"] = "a"
            case 5:
                found |= {"contentMediaType": "application/json", "contentSchema": {"type": "object"}}
                found |= self.pick([{}, {"contentEncoding": "base64"}])
        return found

    def int64(self) -> Json:
        return {"type": self.pick(["string", "string", ["string", "null"]]), "format": "int64"}

    def integer(self) -> Json:
        found: Json = {"type": "integer"}
        match self.random.randrange(5):
            case 0:
                found["minimum"] = self.random.randint(-3, 1)
            case 1:
                found["exclusiveMaximum"] = self.random.randint(2, 9)
                found |= self.pick([{}, {"exclusiveMinimum": -3}])
            case 2:
                found["multipleOf"] = self.pick([2, 5, 1])
            case 3:
                found["default"] = 0
        return found

    def number(self) -> Json:
        return {
            "type": "number",
            **self.pick([{}, {"minimum": 0}, {"maximum": 9.5}, {"multipleOf": 0.5}, {"default": 1.5}]),
        }

    def boolean(self) -> Json:
        return {"type": "boolean", **self.pick([{}, {}, {"default": False}])}

    def constant(self, depth: int) -> Json:
        return {"const": self.any_value()}

    def enum(self, depth: int) -> Json:
        words = self.random.sample(names.WORDS, self.random.randint(1, 4))
        values = words if self.chance(0.5) else self.random.sample(ANY_VALUES, self.random.randint(1, 5))
        unique = {json.dumps(value): value for value in values}
        for one, other in (("1", "true"), ("1", "1.0"), ("0", "false"), ("2", "2.0")):  # equal in Python
            if one in unique:
                unique.pop(other, None)
        found: Json = {"enum": list(unique.values())}
        if self.chance(0.3) and all(isinstance(value, str) for value in found["enum"]):
            found["type"] = "string"
        return found

    def anything(self, depth: int) -> Json:
        return self.pick([True, {}, {"description": "anything"}])

    def several_types(self, depth: int) -> Json:
        kinds = self.random.sample(
            ["string", "integer", "number", "boolean", "null", "array", "object"], self.random.randint(2, 3)
        )
        if {"integer", "number"} <= set(kinds):
            kinds.remove("integer")
        found: Json = {"type": kinds}
        if "array" in kinds and self.chance(0.5):
            found["items"] = self.scalar(depth)
        if "object" in kinds and self.chance(0.5):
            found["properties"] = {self.name(): self.scalar(depth)}
        if "string" in kinds and self.chance(0.3):
            found["maxLength"] = 5
        return found

    def properties(self, depth: int, most: int = 4) -> Json:
        found = {}
        for name in self.some_names(most):
            found[name] = self.schema(depth + 1)
            if isinstance(found[name], dict) and "properties" in found[name]:
                self.inline.append(name)
        return found

    def object(self, depth: int) -> Json:
        found: Json = {"type": "object", "properties": self.properties(depth)}
        required = [name for name in found["properties"] if self.chance(0.4)]
        if required:
            found["required"] = required
        match self.random.randrange(8):
            case 0 | 1 | 2:
                found["additionalProperties"] = False
            case 3:
                found["additionalProperties"] = self.schema(depth + 1)
            case 4:
                found["patternProperties"] = {self.pick(list(PATTERNS)): self.schema(depth + 1)}
                if self.chance(0.5):
                    found["additionalProperties"] = False
            case 5:
                found["maxProperties"] = len(found["properties"]) + 1
            case 6:
                found["unevaluatedProperties"] = False
            case 7:
                found["propertyNames"] = {"maxLength": 8}
        return found

    def open_object(self, depth: int) -> Json:
        """An object without named properties."""
        return {
            "type": "object",
            **self.pick(
                [
                    {},
                    {"additionalProperties": self.schema(depth + 1)},
                    {"additionalProperties": self.scalar(depth)},
                    {"patternProperties": {self.pick(list(PATTERNS)): self.schema(depth + 1)}},
                    {
                        "patternProperties": {"^x_": self.scalar(depth), "^[a-z]+$": self.schema(depth + 1)},
                        "additionalProperties": False,
                    },
                    {"propertyNames": {"maxLength": 3}, "minProperties": 1},
                    {"required": [self.name()]},
                    {"additionalProperties": {}, "properties": {}},
                ]
            ),
        }

    def dependent(self, depth: int) -> Json:
        found: Json = self.object(depth)
        known = list(found["properties"])
        one = self.pick(known)
        match self.random.randrange(4):
            case 0 | 3:
                found["dependentRequired"] = {one: [self.pick(known)]}
            case 1:
                found.pop("additionalProperties", None)
                found["dependentSchemas"] = {one: {"properties": {self.name(): self.scalar(depth)}}}
            case 2:
                found.pop("additionalProperties", None)
                found["dependentSchemas"] = {one: {"required": [self.name()]}}
                found["unevaluatedProperties"] = self.pick([False, {"type": "string"}, True])
        return found

    def array(self, depth: int) -> Json:
        found: Json = {"type": "array", "items": self.schema(depth + 1)}
        match self.random.randrange(6):
            case 0:
                found["minItems"] = self.random.randint(1, 2)
            case 1:
                found["maxItems"] = self.random.randint(1, 4)
            case 2:
                found |= {"uniqueItems": True, "maxItems": 10}
            case 3:
                found["contains"] = self.scalar(depth)
                found |= self.pick([{}, {"minContains": 0}, {"maxContains": 2}])
            case 4:
                del found["items"]
        return found

    def tuple(self, depth: int) -> Json:
        first = [self.schema(depth + 1) for _ in range(self.random.randint(1, 3))]
        found: Json = {"type": "array", "prefixItems": first}
        match self.random.randrange(5):
            case 0:
                found["items"] = False
            case 1:
                found |= {"items": False, "minItems": len(first)}
            case 2 | 4:
                found |= {"items": self.schema(depth + 1), "minItems": self.random.randint(0, len(first))}
            case 3:
                found |= {"unevaluatedItems": False, "minItems": 1}
        return found

    def tagged(self, depth: int) -> Json:
        """Alternatives that a property tells apart."""
        tag = self.pick(names.TAGS)
        words = self.random.sample(names.WORDS, self.random.randint(2, 3))
        alternatives = []
        for index, word in enumerate(words):
            of_tag: Json = {"const": word} if self.chance(0.85) else {"enum": [word, f"{word}{index}+"]}
            if self.chance(0.1):
                of_tag["type"] = "string"
            rest = {name: sub for name, sub in self.properties(depth + 1, 2).items() if name != tag}
            one: Json = {"type": "object", "properties": {tag: of_tag, **rest}, "required": [tag]}
            if self.chance(0.6):
                one["additionalProperties"] = False
            if self.chance(0.2):
                one["required"] += [name for name in rest if self.chance(0.5)]
            alternatives.append(self.defined(one) if self.chance(0.6) else one)
        if self.chance(0.15):
            alternatives.append({"type": "null"})
        return {self.pick(["oneOf", "anyOf"]): alternatives}

    def tagged_recursion(self, depth: int) -> Json:
        name = self.fresh()
        self.defs[name] = {}
        itself = {"$ref": self.pointer(name)}
        leaf = {
            "type": "object",
            "properties": {"op": {"const": "eq"}, "value": self.scalar(depth)},
            "required": ["op"],
            "additionalProperties": False,
        }
        some = [
            {
                "type": "object",
                "properties": {"op": {"const": word}, "args": {"type": "array", "items": itself}},
                "required": ["op", "args"],
                "additionalProperties": False,
            }
            for word in ("and", "or")
        ]
        self.defs[name] = {"oneOf": [leaf, *some]}
        return dict(itself)

    def union(self, depth: int) -> Json:
        return {self.pick(["oneOf", "anyOf"]): [self.schema(depth + 1) for _ in range(self.random.randint(1, 3))]}

    def nullable(self, depth: int) -> Json:
        inner = self.schema(depth + 1)
        return {self.pick(["oneOf", "anyOf"]): self.pick([[inner, {"type": "null"}], [{"type": "null"}, inner]])}

    def all_of(self, depth: int) -> Json:
        def part() -> Json:
            return {"type": "object", "properties": self.properties(depth + 1, 2)}

        parts = [self.defined(part()) for _ in range(self.random.randint(1, 3))]
        if self.chance(0.3):  # a diamond
            bottom = self.defined(part())
            parts = [self.defined({"allOf": [bottom], **part()}) for _ in range(2)]
        if self.chance(0.3):
            parts.append(part())
        found: Json = {"allOf": parts}
        if self.chance(0.2):
            parts.append({"required": [self.name()]})
        if self.chance(0.5):
            found |= {"type": "object", "properties": self.properties(depth + 1, 2)}
        if self.chance(0.25):
            found["unevaluatedProperties"] = False
        return found

    def conditional(self, depth: int) -> Json:
        found: Json = self.object(depth) if self.chance(0.7) else {}
        known = list(found.get("properties", {})) or ["kind"]
        one = self.pick(known)
        found["if"] = {"properties": {one: {"const": self.pick(["a", 1])}}, "required": [one]}
        if self.chance(0.8):
            found["then"] = self.pick(
                [{"required": [self.pick(known)]}, {"properties": {self.pick(known): self.scalar(depth)}}]
            )
        if self.chance(0.5) or "then" not in found:
            found["else"] = self.pick([{"maxProperties": 2}, {"required": [self.pick(known)]}])
        return found

    def negated(self, depth: int) -> Json:
        found = self.schema(depth + 1)
        found = found if isinstance(found, dict) else {}
        return {**found, "not": self.pick([{"const": "no"}, {"required": ["no"]}, {"type": "null"}])}

    def untyped(self, depth: int) -> Json:
        """Keywords of a kind without `type`: other kinds pass."""
        return self.pick(
            [
                {"properties": self.properties(depth + 1, 2)},
                {"required": [self.name()]},
                {"items": self.schema(depth + 1)},
                {"minLength": 1},
                {"minimum": 0},
                {"prefixItems": [self.scalar(depth)]},
            ]
        )

    def reference(self, depth: int) -> Json:
        if self.defs and self.chance(0.4):
            name = self.pick(list(self.defs))
            found = self.defs[name]
            if isinstance(found, dict) and found.get("properties") and self.chance(0.15):
                return {"$ref": f"{self.pointer(name)}/properties/{escaped(self.pick(list(found['properties'])))}"}
            return {"$ref": self.pointer(name)}
        return self.defined(self.schema(depth + 1))

    def annotated_ref(self, depth: int) -> Json:
        """A reference with keywords beside it."""
        target = self.reference(depth)
        of_object = self.defs.get(target["$ref"].rpartition("/")[2], {})
        if not isinstance(of_object, dict) or "object" not in of_object.get("type", ()):
            return {**target, **self.pick([{"description": self.pick(names.TEXTS)}, {"deprecated": True}])}
        beside: Json = self.pick(
            [
                {"properties": self.properties(depth + 1, 2)},
                {"required": [self.name()]},
                {"type": ["object", "string"]},
                {"minProperties": 1},
                {"unevaluatedProperties": False},
            ]
        )
        return {**target, **beside}

    def recursive(self, depth: int) -> Json:
        name = self.fresh()
        self.defs[name] = {}
        itself = {"$ref": self.pointer(name)}
        inner: Json = self.pick(
            [
                {"children": {"type": "array", "items": itself}},
                {"next": {"anyOf": [itself, {"type": "null"}]}},
                {"next": itself},
                {self.name(): {"type": "object", "additionalProperties": itself}},
            ]
        )
        self.defs[name] = {"type": "object", "properties": {**inner, **self.properties(depth + 1, 2)}}
        if self.chance(0.5):
            self.defs[name]["additionalProperties"] = False
        return dict(itself)

    # Definitions

    def fresh(self) -> str:
        wanted = self.pick(names.DEFINITIONS) if self.chance(0.3) else f"p{len(self.defs)}"
        alike = pascal(wanted) in {"", *map(pascal, self.defs)} and self.chance(0.97)
        return f"q{len(self.defs)}" if alike or wanted in self.defs else wanted

    def defined(self, schema: Json) -> Json:
        """A reference to a new definition."""
        if self.chance(0.1):
            name = f"t{self.seed}x{len(self.types)}"
            if isinstance(schema, dict) and "$ref" not in json.dumps(schema):
                self.types[name] = {**schema, "title": f"T{self.seed}x{len(self.types)}"}
                return {"$ref": f"../types/{name}.schema.json"}
        name = self.fresh()
        self.defs[name] = schema
        return {"$ref": self.pointer(name)}

    def pointer(self, name: str) -> str:
        return f"#/$defs/{escaped(name)}"


def pascal(name: str) -> str:
    """`a_b` and `a-b` as `AB`: the default title of a definition ends so."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^0-9A-Za-z]+", name))


def escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
