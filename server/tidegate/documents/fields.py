"""Shows the fields of a schema in tables: each field with its type, its bounds as text, and its description.

Invariant: the page shows everything that a linted schema says about a field, if necessary as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tidegate.documents.html import Markup, code, element, joined, link, prose, row, table
from tidegate.schema.derive import SAFE_INTEGER
from tidegate.schema.resource import REF_PREFIX, Definitions, JsonSchema, resolved

ANYTHING = "anything"


def _number(value: Any) -> str:
    """A bound. The largest exact integer has a name."""
    named = {SAFE_INTEGER: "2⁵³ - 1", -SAFE_INTEGER: "-(2⁵³ - 1)"}
    return named.get(value, str(value))


_BOUNDS: dict[str, Callable[[Any], str]] = {
    "exclusiveMaximum": lambda value: f"below {_number(value)}",
    "exclusiveMinimum": lambda value: f"above {_number(value)}",
    "format": str,
    "maxItems": lambda value: f"at most {value} items",
    "maxLength": lambda value: f"at most {value} characters",
    "maxProperties": lambda value: f"at most {value} properties",
    "maximum": lambda value: f"at most {_number(value)}",
    "minItems": lambda value: f"at least {value} {'item' if value == 1 else 'items'}",
    "minLength": lambda value: f"at least {value} {'character' if value == 1 else 'characters'}",
    "minProperties": lambda value: f"at least {value} {'property' if value == 1 else 'properties'}",
    "minimum": lambda value: f"at least {_number(value)}",
    "multipleOf": lambda value: f"a multiple of {value}",
}
_FLAGS = {
    "deprecated": "deprecated",
    "readOnly": "read-only",
    "uniqueItems": "no equal items",
    "writeOnly": "write-only",
}
_IN_TYPE = frozenset({"$ref", "anyOf", "const", "enum", "items", "oneOf", "properties", "required", "title", "type"})
"""Keywords that the type and the rows of the table show."""
_UNSAID = frozenset({"$comment", "description", "examples"})


class Fields:
    """Makes tables of fields. `anchor_of` returns the anchor of a definition on the page."""

    def __init__(self, definitions: Definitions, anchor_of: Callable[[str], str]) -> None:
        self._definitions = definitions
        self._anchor_of = anchor_of

    def table(self, schema: JsonSchema, heads: tuple[str, str, str] = ("Field", "Type", "Meaning")) -> Markup:
        """The table of an object's fields, followed by those of objects inside it. Empty without fields."""
        rows = list(self._rows(schema, ""))
        return joined((table(heads, rows) if rows else "", self._of_the_whole(schema)))

    def plain(self, schema: JsonSchema) -> Markup:
        """The type and the bounds of a schema without fields."""
        return element("p", self.type_of(schema), " ", self._bounds(schema), class_="plain")

    def type_of(self, schema: Any) -> Markup:
        """The type of a value. Names of other definitions are links."""
        if not isinstance(schema, dict):
            return joined((ANYTHING if schema else "nothing",))
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        if "const" in schema:
            return code(schema["const"])
        if "enum" in schema:
            return joined((code(value) for value in schema["enum"]), " or ")
        for word in ("anyOf", "oneOf"):
            if word in schema and any(
                set(branch) - {"required"} for branch in schema[word] if isinstance(branch, dict)
            ):
                return joined((self._branch(branch) for branch in schema[word]), " or ")
        kinds = schema.get("type", ())
        kinds = [kinds] if isinstance(kinds, str) else kinds
        return joined((self._of_kind(kind, schema) for kind in kinds), " or ") if kinds else joined((ANYTHING,))

    def _branch(self, schema: Any) -> Markup:
        """One of several alternatives, with its bounds."""
        bounds = self._bounds(schema) if isinstance(schema, dict) else ""
        return joined((self.type_of(schema), " " if bounds else "", bounds))

    def _of_kind(self, kind: str, schema: JsonSchema) -> Markup:
        if kind == "array" and schema.get("items") not in (None, True):
            return joined(("array of ", self._branch(schema["items"])))
        return joined((kind,))

    def _reference(self, reference: str) -> Markup:
        key, _, inside = reference.removeprefix(REF_PREFIX).partition("/")
        name = key.rpartition(".")[2]
        return link(f"{name} /{inside}" if inside else name, f"#{self._anchor_of(key)}")

    def _rows(self, schema: JsonSchema, prefix: str) -> Iterator[Markup]:
        required = schema.get("required", ())
        for name, sub in schema.get("properties", {}).items():
            written = sub if isinstance(sub, dict) else {} if sub else {"not": {}}
            meaning = resolved(written, self._definitions).get("description")
            notes = joined((prose(meaning) if meaning else "", " " if meaning else "", self._bounds(written)))
            optional = "" if name in required else element("small", "optional")
            yield row(joined((element("code", prefix + name), " ", optional)), self.type_of(written), notes)
            inner = written.get("items") if written.get("type") == "array" else written
            if isinstance(inner, dict) and inner.get("properties"):
                yield from self._rows(inner, f"{prefix}{name}{'[]' if inner is not written else ''}.")

    def _bounds(self, schema: JsonSchema) -> Markup:
        said = [element("span", words, class_="bound") for words in self._told(schema)]
        return joined(said, " ")

    def _told(self, schema: JsonSchema) -> Iterator[str]:
        low, high = schema.get("minLength"), schema.get("maxLength")
        between = {"minLength", "maxLength"} if low is not None and high is not None else set()
        if between:
            yield f"{low} to {high} characters" if low != high else f"{low} characters"
        for word, value in schema.items():
            if word in between or word in _IN_TYPE or word in _UNSAID or word.startswith("x-"):
                continue
            if word in _FLAGS:
                if value:
                    yield _FLAGS[word]
            elif word in _BOUNDS:
                yield _BOUNDS[word](value)
            elif word == "additionalProperties" and value in (True, False):
                continue
            else:
                yield joined((f"{word} ", code(value)))

    def _of_the_whole(self, schema: JsonSchema) -> Markup:
        """The conditions on an object as a whole."""
        said: list[str] = []
        for word in ("oneOf", "anyOf"):
            named = [branch.get("required", ()) for branch in schema.get(word, ()) if isinstance(branch, dict)]
            if named and all(named):
                choices = (joined((element("code", name) for name in names), " with ") for names in named)
                said.append(
                    joined(("Exactly one of " if word == "oneOf" else "At least one of ", joined(choices, ", ")))
                )
            elif word in schema and schema.get("properties"):
                said.append(joined((f"{word} ", code(schema[word]))))
        rest = {
            word: value
            for word, value in schema.items()
            if word not in _IN_TYPE and word not in _UNSAID and not word.startswith("x-") and word[0] != "$"
        }
        closed = rest.pop("additionalProperties", True)
        said += self._told(rest)
        if closed not in (True, False):
            said.append(joined(("Any other property: ", self.type_of(closed), " ", self._bounds(closed))))
        return joined(element("p", text, class_="whole") for text in said)
