"""Rewrites a schema file of an older draft, or with words of OpenAPI 3.0, as one of draft 2020-12.

Each rule looks at one schema whose inner schemas are rewritten. It changes the schema where the meaning stays exactly
the same, and otherwise says what the author has to decide. Where a word stands in two drafts, the newer one is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tidegate.json_pointer import escape
from tidegate.schema.older.dialects import DIALECT, REF_ALONE, draft_of
from tidegate.schema.older.json_values import has, references, resolves
from tidegate.schema.subschemas import MANY, NAMED, ONE

JsonObject = dict[str, Any]
_ANNOTATIONS = frozenset({"$comment", "$defs", "default", "definitions", "deprecated", "description", "examples"})
_WITHOUT_EFFECT = _ANNOTATIONS | {"$id", "$schema", "id", "readOnly", "title", "writeOnly"}
_OLD_FORMATS = {"host-name": "hostname", "ip-address": "ipv4"}
_DEFINITIONS = re.compile(r"([^#]*#)/definitions/(.+)", re.DOTALL).fullmatch


@dataclass(slots=True)
class Rewritten:
    """A file in draft 2020-12. `changed` and `left` have (pointer into the old file, sentence)."""

    schema: JsonObject
    changed: list[tuple[str, str]] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class _File:
    """What every rule needs to know about the whole file."""

    result: Rewritten
    ref_alone: bool
    """Words beside a `$ref` had no effect."""
    recursive: bool
    """`$recursiveRef` means the same as `$ref`."""
    both: bool
    """`definitions` stays, because a name in it is in `$defs` too."""


@dataclass(slots=True)
class _Place:
    """One schema of the file, and where its rules report."""

    path: str
    file: _File

    def changed(self, word: str, sentence: str) -> None:
        self.file.result.changed.append((f"{self.path}/{escape(word)}", sentence))

    def left(self, word: str, sentence: str) -> None:
        self.file.result.left.append((f"{self.path}/{escape(word)}", sentence))


def rewritten(schema: JsonObject) -> Rewritten:
    """`schema` in draft 2020-12, as far as that is certain. Without a change it is equal to the given one."""
    result = Rewritten({})
    file = _File(
        result,
        ref_alone=draft_of(schema.get("$schema")) in REF_ALONE,
        recursive=not has(schema, "$recursiveAnchor"),
        both=bool(_names(schema, "definitions") & _names(schema, "$defs")),
    )
    new = _walk(schema, "", file)
    moved = [one for one in references(schema) if resolves(schema, one) and not resolves(new, _moved(one, file))]
    if moved:
        return Rewritten(schema, [], [("", f"refers to {moved[0]!r}, which is at another place in draft 2020-12")])
    _name_the_dialect(schema, new, result)
    result.schema = new if result.changed else schema
    return result


def _name_the_dialect(schema: JsonObject, new: JsonObject, result: Rewritten) -> None:
    draft = draft_of(schema.get("$schema"))
    if draft is None or schema["$schema"].rstrip("#") == DIALECT:
        return
    if result.left:
        result.left.append(("/$schema", f"stays {draft} until the rest is decided"))
        return
    new["$schema"] = DIALECT
    result.changed.append(("/$schema", f"was {draft}"))


def _walk(schema: JsonObject, path: str, file: _File) -> JsonObject:
    def inner(value: Any, step: str) -> Any:
        return _walk(value, f"{path}/{step}", file) if isinstance(value, dict) else value

    new: JsonObject = {}
    for word, value in schema.items():
        if word in NAMED | {"dependencies"} and isinstance(value, dict):
            new[word] = {name: inner(sub, f"{word}/{escape(name)}") for name, sub in value.items()}
        elif word in MANY | {"items"} and isinstance(value, list):
            new[word] = [inner(sub, f"{word}/{index}") for index, sub in enumerate(value)]
        elif word in ONE | {"additionalItems", "extends"}:
            new[word] = inner(value, word)
        else:
            new[word] = value
    for rule in _RULES:
        new = rule(new, _Place(path, file))
    return new


# -- rules ------------------------------------------------------------------------------------------------------------


def _definitions(schema: JsonObject, place: _Place) -> JsonObject:
    definitions = schema.get("definitions")
    if not isinstance(definitions, dict):
        return schema
    if place.path or place.file.both:
        place.left("definitions", 'move the schemas into "$defs" at the top of the file, and give each one name')
        return schema
    place.changed("definitions", 'is "$defs"')
    both = {**schema.get("$defs", {}), **definitions}
    return _renamed({word: value for word, value in schema.items() if word != "$defs"}, "definitions", "$defs", both)


def _reference(schema: JsonObject, place: _Place) -> JsonObject:
    if place.file.recursive and schema.get("$recursiveRef") == "#" and "$ref" not in schema:
        schema = _renamed(schema, "$recursiveRef", "$ref", "#")
        place.changed("$recursiveRef", 'is "$ref"')
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    others = [word for word in schema if word not in _WITHOUT_EFFECT | {"$ref"} and not word.startswith("x-")]
    if place.file.ref_alone and others:
        named = ", ".join(f"`{word}`" for word in others)
        place.left("$ref", f"{named} beside it had no effect and would have one: remove it, or name the new draft")
    if (moved := _moved(reference, place.file)) != reference:
        place.changed("$ref", f"is {moved!r}")
        return {**schema, "$ref": moved}
    if reference.startswith("#/components/schemas/"):
        file = f"../types/{reference.rpartition('/')[2]}.schema.json"
        place.left("$ref", f'there are no components: put the schema into a file of types/ and write "{file}"')
    return schema


def _identity(schema: JsonObject, place: _Place) -> JsonObject:
    value = schema.get("id")
    if not isinstance(value, str) or place.path or "$id" in schema:
        return schema
    place.changed("id", 'is "$id"')
    return _renamed(schema, "id", "$id", value)


def _items(schema: JsonObject, place: _Place) -> JsonObject:
    items = schema.get("items")
    if not isinstance(items, list):
        if "additionalItems" in schema:
            place.changed("additionalItems", "had no effect and is gone")
        return _without(schema, "additionalItems")
    if "prefixItems" in schema:
        return schema
    rest = schema.get("additionalItems", True)
    new = _without(schema, "additionalItems")
    new = _renamed(new, "items", "prefixItems", items) if items else _without(new, "items")
    place.changed("items", 'is "prefixItems"')
    if rest is not True:
        new["items"] = rest
        place.changed("additionalItems", 'is "items"')
    return new


def _dependencies(schema: JsonObject, place: _Place) -> JsonObject:
    dependencies = schema.get("dependencies")
    if not isinstance(dependencies, dict):
        return schema
    names = {name: value for name, value in dependencies.items() if isinstance(value, list)}
    schemas = {name: value for name, value in dependencies.items() if isinstance(value, dict | bool)}
    words = {"dependentRequired": names, "dependentSchemas": schemas}
    if len(names) + len(schemas) < len(dependencies) or any(word in schema for word in words):
        place.left("dependencies", 'divide it into "dependentRequired" and "dependentSchemas"')
        return schema
    place.changed("dependencies", " and ".join(f'"{word}"' for word, value in words.items() if value) or "is gone")
    return {**_without(schema, "dependencies"), **{word: value for word, value in words.items() if value}}


def _exclusive(schema: JsonObject, place: _Place) -> JsonObject:
    for word, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        value = schema.get(word)
        if value is False:
            place.changed(word, "had no effect and is gone")
            schema = _without(schema, word)
        elif value is True and limit in schema:
            place.changed(word, f"is the number of `{limit}`")
            schema = _without({**schema, word: schema[limit]}, limit)
    return schema


def _required(schema: JsonObject, place: _Place) -> JsonObject:
    """`required` of draft-03: true or false in the property itself."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return schema
    flagged = {
        name: sub["required"]
        for name, sub in properties.items()
        if isinstance(sub, dict) and isinstance(sub.get("required"), bool)
    }
    if not flagged or not isinstance(schema.get("required", []), list | bool):
        return schema
    own = schema.get("required", [])
    if isinstance(own, bool):
        place.left("required", "of a property that is an object, and of properties in it: write lists of names")
        return schema
    for name in flagged:
        where = f"{place.path}/properties/{escape(name)}/required"
        place.file.result.changed.append((where, "stands beside `properties`, as a list of names"))
    names = [*own, *(name for name, required in flagged.items() if required and name not in own)]
    inner = {name: _without(sub, "required") if name in flagged else sub for name, sub in properties.items()}
    return {**schema, "properties": inner, **({"required": names} if names else {})}


def _nullable(schema: JsonObject, place: _Place) -> JsonObject:
    nullable, kind = schema.get("nullable"), schema.get("type")
    if not isinstance(nullable, bool):
        return schema
    kinds = [kind] if isinstance(kind, str) else kind
    if nullable is False or (isinstance(kinds, list) and "null" in kinds):
        place.changed("nullable", "had no effect and is gone")
        return _without(schema, "nullable")
    beside = {"allOf", "anyOf", "const", "enum", "not", "oneOf", "$ref"} & schema.keys()
    if not isinstance(kinds, list) or (beside and not _allows_null(schema, beside)):
        place.left("nullable", "say where null is allowed: in `type`, and in each `enum` and alternative beside it")
        return schema
    place.changed("nullable", 'is "null" in `type`')
    return {**_without(schema, "nullable"), "type": [*kinds, "null"]}


def _allows_null(schema: JsonObject, beside: set[str]) -> bool:
    return beside == {"enum"} and None in schema["enum"]


def _discriminator(schema: JsonObject, place: _Place) -> JsonObject:
    if "discriminator" in schema:
        place.left("discriminator", "give each alternative a required property with a `const`, and remove the word")
    return schema


def _small_words(schema: JsonObject, place: _Place) -> JsonObject:
    if "example" in schema and "examples" not in schema:
        place.changed("example", 'is "examples"')
        schema = _renamed(schema, "example", "examples", [schema["example"]])
    if "divisibleBy" in schema and "multipleOf" not in schema:
        place.changed("divisibleBy", 'is "multipleOf"')
        schema = _renamed(schema, "divisibleBy", "multipleOf", schema["divisibleBy"])
    if schema.get("type") == "any":
        place.changed("type", "had no effect and is gone")
        schema = _without(schema, "type")
    if (format_ := schema.get("format")) in _OLD_FORMATS:
        place.changed("format", f"is {_OLD_FORMATS[format_]!r}")
        schema = {**schema, "format": _OLD_FORMATS[format_]}
    if "xml" in schema:
        place.changed("xml", "had no effect and is gone")
        schema = _without(schema, "xml")
    return schema


_RULES: tuple[Callable[[JsonObject, _Place], JsonObject], ...] = (
    _reference, _definitions, _identity, _items, _dependencies, _exclusive, _required, _nullable, _discriminator,
    _small_words,
)  # fmt: skip


# -- parts of schemas -------------------------------------------------------------------------------------------------


def _without(schema: JsonObject, word: str) -> JsonObject:
    return {name: value for name, value in schema.items() if name != word}


def _renamed(schema: JsonObject, old: str, new: str, value: Any) -> JsonObject:
    """`schema` with `new` in the place of `old`."""
    return {(new if name == old else name): (value if name == old else each) for name, each in schema.items()}


def _moved(reference: str, file: _File) -> str:
    """The reference after `definitions` of the files became `$defs`."""
    found = _DEFINITIONS(reference)
    if found is None or (file.both and found[1] == "#"):
        return reference
    return f"{found[1]}/$defs/{found[2]}"


def _names(schema: JsonObject, word: str) -> set[str]:
    named = schema.get(word)
    return set(named) if isinstance(named, dict) else set()
