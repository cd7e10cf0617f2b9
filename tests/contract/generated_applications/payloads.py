"""Payloads for a random schema: made to be valid as far as a walk over the schema can tell, and mutated ones.

A wrong guess costs nothing: Python jsonschema judges every payload (`judges`).
Invariant: the same seed gives the same payloads.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

from tests.contract.generated_applications import names
from tests.contract.generated_applications.parts import ANY_VALUES, PATTERNS
from tests.contract.generated_applications.schemas import Case
from tidegate.schema.resource import kind_of

Json = Any

INT64 = ["9007199254740993", "-9223372036854775808"]
"""The only texts with the format int64 in payloads. In TypeScript these need a cast."""
OF_FORMAT = {
    "date-time": ["2026-01-31T12:00:00Z", "2024-02-29T00:00:00.5+02:00"],
    "date": ["2024-02-29", "2026-01-31"],
    "uuid": ["6f1c2d3e-0000-4000-8000-000000000000"],
    "ipv4": ["127.0.0.1"],
    "ipv6": ["::1"],
    "int64": INT64,
}
TEXTS = [
    "null",
    "true",
    "1.0",
    "",
    "a",
    "abc",
    "x_1",
    "AB-1",
    "12",
    "\U0001f600",
    "line\nend",
    '"',
    "\\",
    "None",
    "2026-01-31",
    "1",
]
DEEP = 5
VALID, CARELESS, MUTATED = 18, 4, 8
"""So many payloads of each kind for a schema."""


def payloads_of(case: Case) -> list[Json]:
    """Whole messages: made to be valid, made without regard to some conditions, and changed."""
    maker = _Payloads(case)
    made = [maker.whole() for _ in range(VALID)]
    maker.careless = True
    made += [maker.whole() for _ in range(CARELESS)]
    return made + [maker.mutated(deepcopy(maker.random.choice(made[:VALID]))) for _ in range(MUTATED)]


def mutations_of(case: Case, messages: list[Json], count: int) -> list[Json]:
    """Whole messages, each of them one of `messages` with random changes."""
    maker = _Payloads(case)
    return [maker.mutated(deepcopy(maker.random.choice(messages))) for _ in range(count)]


class _Payloads:
    def __init__(self, case: Case) -> None:
        self.random = Random(f"payloads {case.seed}")
        self.case = case
        self.careless = False

    def whole(self) -> Json:
        return self.wrapped(self.value(self.case.schema, self.case.path, 0))

    def wrapped(self, value: Json) -> Json:
        """The message that carries `value`."""
        if self.case.room is not None:
            return {"type": "message", "room": self.case.room, "data": value}
        return {**value, "type": self.case.message} if isinstance(value, dict) else {"type": self.case.message}

    def mutated(self, message: Json) -> Json:
        value = message["data"] if self.case.room is not None else message
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            places = [*_containers(value)]
            if not places:
                value = self.any_value()
                continue
            target = self.random.choice(places)
            if isinstance(target, list):
                place = self.random.randint(0, len(target))
                target[place : place + self.random.randint(0, 1)] = [self.any_value()] * self.random.randint(0, 1)
            elif target and self.chance(0.35):
                target.pop(self.random.choice(list(target)))
            elif target and self.chance(0.7):
                target[self.random.choice(list(target))] = self.any_value()
            else:
                target[self.random.choice(names.OTHERS)] = self.any_value()
        return self.wrapped(value)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def any_value(self) -> Json:
        return deepcopy(self.random.choice([*ANY_VALUES, *TEXTS, *INT64, 2, 3, 0.5, [1, 2, 3], ["a"], {"kind": "a"}]))

    # Values of a schema

    def value(self, schema: Json, file: str, depth: int) -> Json:
        if not isinstance(schema, dict):
            return self.any_value()
        flat = self.flat(schema, file, depth)
        if self.careless and isinstance(flat.get("not"), dict) and self.chance(0.7):
            flat = _joined(flat, self.flat(flat["not"], file, depth))
        if "const" in flat:
            return deepcopy(flat["const"])
        if "enum" in flat:
            return deepcopy(self.random.choice(flat["enum"]))
        kinds = flat.get("type")
        kinds = [kinds] if isinstance(kinds, str) else list(kinds or _hinted(flat))
        if not kinds:
            return self.any_value()
        if depth > DEEP and "null" in kinds:
            return None
        kind = self.random.choice(kinds)
        return self.of_kind(kind, flat, depth)

    def inner(self, pair: tuple[Json, str], depth: int) -> Json:
        return self.value(*pair, depth + 1)

    def flat(self, schema: Json, file: str, depth: int) -> Json:
        """The keywords of `schema` and of all schemas that it applies to the same value, with one of the alternatives.

        The schemas inside become pairs with their file.
        """
        found: Json = {}
        if "$ref" in schema:
            target, where = self.case.resolved(schema["$ref"], file)
            if isinstance(target, dict):
                found = self.flat(target, where, depth)
        found = _joined(found, _with_file(schema, file))
        for sub in schema.get("allOf", ()):
            if isinstance(sub, dict):
                found = _joined(found, self.flat(sub, file, depth))
        for word in ("anyOf", "oneOf"):
            if word in schema:
                options = schema[word]
                if depth > DEEP:
                    options = [one for one in options if one == {"type": "null"}] or options[:1]
                one = self.random.choice(options)
                if isinstance(one, dict):
                    found = _joined(found, self.flat(one, file, depth))
        return self.with_conditions(found, schema, file, depth)

    def with_conditions(self, found: Json, schema: Json, file: str, depth: int) -> Json:
        """The keywords `found`, and those of the conditions in `schema` that the value is to meet."""
        if "if" in schema and self.chance(0.5) and isinstance(schema["if"], dict):
            found = _joined(found, self.flat(schema["if"], file, depth))
            if isinstance(schema.get("then"), dict):
                found = _joined(found, self.flat(schema["then"], file, depth))
        for name, sub in schema.get("dependentSchemas", {}).items():
            if self.careless:
                found = _joined(found, {"required": [name]})
            elif self.chance(0.5) and isinstance(sub, dict):
                found = _joined(_joined(found, {"required": [name]}), self.flat(sub, file, depth))
        return found

    def of_kind(self, kind: str, flat: Json, depth: int) -> Json:
        match kind:
            case "object":
                return self._object(flat, depth)
            case "array":
                return self._array(flat, depth)
            case "string":
                return self._string(flat)
            case "integer":
                return self._integer(flat)
            case "number":
                return self.random.choice([1, 1.5, 2.0, 0, 9.5, 0.5, 1e300, -0.25, 3])
            case "boolean":
                return self.chance(0.5)
        return None

    def _object(self, flat: Json, depth: int) -> Json:
        named = flat.get("properties", {})
        required = list(flat.get("required", ()))
        wanted = [name for name in named if name in required or (depth <= DEEP and self.chance(0.6))]
        for name in [*required, *wanted]:
            if not (self.careless and self.chance(0.5)):
                wanted += flat.get("dependentRequired", {}).get(name, [])
        made: Json = {}
        for name in dict.fromkeys([*wanted, *required]):
            if name in named:
                made[name] = self.inner(named[name], depth)
            else:
                made[name] = self.other(flat, depth)
        patterns = flat.get("patternProperties", {})
        for pattern, sub in patterns.items():
            if self.chance(0.7) and depth <= DEEP:
                made.setdefault(self.random.choice(PATTERNS[pattern]), self.inner(sub, depth))
        open_ = all(
            flat.get(word, (True, ""))[0] is not False for word in ("additionalProperties", "unevaluatedProperties")
        )
        while open_ and depth <= DEEP and self.chance(0.45):
            short = "propertyNames" in flat and not self.careless
            name = self.random.choice(["a", "b", "zz"] if short else names.OTHERS)
            made.setdefault(name, self.other(flat, depth))
        while len(made) < flat.get("minProperties", 0) and len(made) < 3:
            made[f"m{len(made)}"] = self.other(flat, depth)
        items = list(made.items())
        self.random.shuffle(items)
        return dict(items)

    def other(self, flat: Json, depth: int) -> Json:
        for word in ("additionalProperties", "unevaluatedProperties"):
            if word in flat:
                return self.inner(flat[word], depth)
        return self.any_value()

    def _array(self, flat: Json, depth: int) -> Json:
        first = flat.get("prefixItems", [])
        rest = flat.get("items", flat.get("unevaluatedItems", (True, "")))
        least = flat.get("minItems", 0)
        count = max(least, self.random.randint(0, len(first) + 2)) if depth <= DEEP else least
        if rest[0] is False:
            count = min(count, len(first))
        count = min(count, flat.get("maxItems", 9))
        made = [self.inner((first[index] if index < len(first) else rest), depth) for index in range(count)]
        if "contains" in flat and not self.careless:
            made.insert(self.random.randint(0, len(made)), self.inner(flat["contains"], depth))
        return made

    def _string(self, flat: Json) -> Json:
        if flat.get("format") in OF_FORMAT:
            return self.random.choice(OF_FORMAT[flat["format"]])
        options = PATTERNS.get(flat.get("pattern", ""), TEXTS)
        least, most = flat.get("minLength", 0), flat.get("maxLength", 99)
        return self.random.choice([text for text in options if least <= len(text) <= most] or options)

    def _integer(self, flat: Json) -> Json:
        least = max(flat.get("minimum", -5), flat.get("exclusiveMinimum", -9) + 1)
        most = min(flat.get("maximum", least + 12), flat.get("exclusiveMaximum", least + 13) - 1)
        made = self.random.randint(int(least), max(int(least), int(most)))
        step = flat.get("multipleOf", 1)
        made = int(made - made % step) if step >= 1 else made
        if self.chance(0.05) and "multipleOf" not in flat and most > 2**40:
            return 2**53 - 1
        return float(made) if self.chance(0.15) else made


def _with_file(schema: Json, file: str) -> Json:
    """`schema` with each schema inside it as a pair with its file."""
    found = {
        word: value for word, value in schema.items() if word not in {"$ref", "allOf", "anyOf", "oneOf", "if", "$defs"}
    }
    for word in ("properties", "patternProperties"):
        if word in found:
            found[word] = {name: (sub, file) for name, sub in found[word].items()}
    for word in ("items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "contains"):
        if word in found:
            found[word] = (found[word], file)
    if "prefixItems" in found:
        found["prefixItems"] = [(sub, file) for sub in found["prefixItems"]]
    return found


def _joined(one: Json, two: Json) -> Json:
    """The keywords of both, of which a value must meet each; roughly."""
    found = {**one, **two}
    for word in ("properties", "patternProperties", "dependentRequired"):
        if word in one and word in two:
            found[word] = {**one[word], **two[word]}
    if "required" in one and "required" in two:
        found["required"] = [*one["required"], *two["required"]]
    if "type" in one and "type" in two:
        left, right = ([kinds] if isinstance(kinds, str) else kinds for kinds in (one["type"], two["type"]))
        found["type"] = [kind for kind in left if kind in right] or left
    for word in ("additionalProperties", "unevaluatedProperties"):
        if word in one and word in two and one[word][0] is False:
            found[word] = one[word]
    return found


def _hinted(flat: Json) -> list[str]:
    words = {
        "object": ("properties", "required", "additionalProperties", "patternProperties", "minProperties"),
        "array": ("items", "prefixItems", "contains"),
        "string": ("minLength", "maxLength", "pattern", "format"),
        "integer": ("minimum", "maximum"),
    }
    return [kind for kind, hints in words.items() if any(hint in flat for hint in hints)]


def _containers(node: Json) -> Iterator[Json]:
    if isinstance(node, dict | list):
        yield node
        for value in node.values() if isinstance(node, dict) else node:
            yield from _containers(value)


def same(one: Json, two: Json) -> bool:
    """Whether two JSON values are equal, as JSON Schema compares them: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(value, two[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    numbers = {"integer", "number"}
    left, right = kind_of(one), kind_of(two)
    return (left == right or {left, right} <= numbers) and bool(one == two)
