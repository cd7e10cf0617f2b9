"""Decides the names in generated code that no title gives: those of types below a definition, and Python attributes.

A title has no underscore, and the name of a type below a definition has the title, an underscore, and the way to it:
`Order_Lines_Item`. So such a name never meets a title, a derived type or a name that the generated modules use, and a
new schema file renames nothing.
Invariant: a name depends on its own definition only. Both languages use the same names of types.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from itertools import chain, count
from typing import Any

from tidegate.schema.subschemas import MANY, NAMED

ATTRIBUTES_TAKEN = frozenset({
    "Annotated", "Any", "Int64", "Literal", "Meta", "Model", "Request", "TypeAlias", "UNSET", "UnsetType", "bool",
    "bytes", "dict", "field", "float", "int", "list", "msgspec", "object", "set", "str", "tuple",
})  # fmt: skip
"""Names that annotations in a class use, so that no attribute of the class may hide them."""
_TAG_NAMES = ("type", "kind")


def words(text: str) -> str:
    """The letters and digits of `text` in PascalCase: `ship-to` as `ShipTo`. Empty if it has none in ASCII."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^0-9A-Za-z]+", plain))


def unique(name: str, taken: Collection[str]) -> str:
    """`name`, or `name` with the first number that makes it unique."""
    number = 2
    found = name
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    return found


def type_name(title: str, steps: Sequence[str], definition: Any) -> str:
    """The name of the type at the end of a pointer's `steps` into the definition `title`."""
    parts = [title]
    schema, index = definition, 0
    while index < len(steps):
        step = steps[index]
        if step in NAMED:
            parts.append(_named_part(step, steps[index + 1]))
            schema, index = schema[step][steps[index + 1]], index + 2
        elif step in MANY:
            parts.append(_branch_part(step, int(steps[index + 1]), schema[step]))
            schema, index = schema[step][int(steps[index + 1])], index + 2
        else:
            parts.append({"items": "Item", "additionalProperties": "Value"}.get(step, words(step)))
            schema, index = schema[step], index + 1
    return "_".join(part for part in parts if part)


def _named_part(word: str, name: str) -> str:
    return "Value" if word == "patternProperties" else words(name) or "Value"


def _branch_part(word: str, number: int, branches: Sequence[Any]) -> str:
    """Nothing for the only object of a union, the tag of one of several, or its number."""
    if word == "prefixItems":
        return f"Item{number + 1}"
    objects = [branch for branch in branches if isinstance(branch, dict) and branch.get("properties")]
    if len(objects) < 2:  # one object and null, or one object and a text
        return ""
    tags = [_tag(branch) for branch in objects]
    tag = _tag(branches[number])
    return tag if tag and tags.count(tag) == 1 else str(number + 1)


def _tag(branch: Any) -> str:
    properties = branch.get("properties", {}) if isinstance(branch, dict) else {}
    constants = {
        name: words(sub["const"])
        for name, sub in properties.items()
        if isinstance(sub, dict) and isinstance(sub.get("const"), str)
    }
    names = [*(name for name in _TAG_NAMES if name in constants), *constants]
    return next((constants[name] for name in names if constants[name]), "")


def attribute_names(names: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """A Python attribute for each property, by its name. A name that is one already stays, unless annotations use it.

    `taken` are further names that the annotations of the class use.
    """
    listed = list(names)
    hidden = {*ATTRIBUTES_TAKEN, *taken}
    found = {name: name for name in listed if _is_attribute(name) and name not in hidden}
    used = set(found.values()) | hidden
    for name in listed:
        if name not in found:
            found[name] = _attribute(name, used)
            used.add(found[name])
    return {name: found[name] for name in listed}


def _is_attribute(name: str) -> bool:
    """Whether Python takes `name` as it is. It reads an identifier in NFKC, which may be another name."""
    plain = name.isidentifier() and not name.startswith("_") and not keyword.iskeyword(name)
    return plain and unicodedata.normalize("NFKC", name) == name


def _attribute(name: str, used: Collection[str]) -> str:
    fitting = "".join(
        letter if ("a" + letter).isidentifier() else "_" for letter in unicodedata.normalize("NFKC", name)
    )
    if not fitting[:1].isidentifier() or fitting.startswith("_"):
        fitting = "field" + (fitting if fitting.startswith("_") else f"_{fitting}")
    candidates = chain((fitting, f"{fitting}_"), (f"{fitting}_{number}" for number in count(1)))
    return next(name for name in candidates if name not in used and _is_attribute(name))
