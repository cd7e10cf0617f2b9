"""Checks the names from which generated code takes its own: titles, names in `$defs`, properties, and resources.

Most names work as they are, because the generators find fitting ones; this module refuses the others.
Invariant: of schemas without problems, every generated type has the name that its title promises.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.folder import pascal
from tidegate.schema.problem import Problem
from tidegate.schema.resource import steps_of
from tidegate.schema.subschemas import escape, subschemas, unescape

RESERVED = frozenset({
    "Annotated", "Any", "App", "CONTRACT", "ClientMessages", "EqualityConditions", "False", "Int64", "ListConditions",
    "Literal", "Meta", "Model", "None", "NullConditions", "NullableEqualityConditions", "NullableListConditions",
    "NullableOrderConditions", "NullableTextConditions", "OrderConditions", "REPLIES", "RESOURCES", "ROOMS", "Replies",
    "Request", "ResourceTypes", "Resources", "RoomData", "Rooms", "ServerMessages", "TextConditions", "True",
    "TypeAlias", "UNSET", "UnsetType",
})  # fmt: skip
"""Names that the generated modules define or import themselves, and words of Python that look like a title."""
UNFIT_IN_NAMES = frozenset('"\\')
"""What no name of a property may have: msgspec, whose Structs the generated Python models are, refuses these."""
_TITLE = re.compile(r"[A-Z][A-Za-z0-9]*").fullmatch
_GIVE = "give it a `title` in PascalCase"


def title_problems(own: list[Definition]) -> Iterator[Problem]:
    """Titles that are missing, not PascalCase, used twice, or names that generated modules use."""
    first: dict[str, Definition] = {}
    files = {item.file: item.title for item in own if item.is_file}
    for item in own:
        title = item.schema.get("title")
        name = unescape(item.pointer.removeprefix("/$defs/"))
        derived = not item.is_file and title == files.get(item.file, "") + pascal(name)
        if title is None:
            yield _at(
                item,
                "",
                f'has no `title`: write "title": "{item.title or pascal(item.name) or "NAME"}", or another one',
            )
            continue
        elif derived and not pascal(name):
            yield _at(item, "", f"{name!r} has no letter from A to Z and no digit to name a type after: {_GIVE}")
            continue
        elif not derived and not _TITLE(title):
            yield _at(item, "/title", f"{title!r} is not PascalCase; the generated types use the title as their name")
        elif title in RESERVED and not item.protocol:
            what = f"its type would be {title!r}, " if derived else f"{title!r} is "
            how = _GIVE if derived else "choose another title"
            yield _at(
                item, "" if derived else "/title", f"{what}a name that the generated modules use themselves: {how}"
            )
        other = first.setdefault(item.key, item)
        if other is not item:
            yield _taken(item, other, derived)


def _taken(item: Definition, other: Definition, derived: bool) -> Problem:
    where = f"{other.file}{other.pointer}"
    if derived:
        return _at(item, "", f"its type would be {item.title!r}, which is already the title of {where}: {_GIVE}")
    return _at(item, "/title", f"{item.title!r} is already the title of {where}; choose another title for one of them")


def ambiguous(schemas: Schemas) -> set[str]:
    """The keys of definitions that share a key, or that refer to such a definition: nothing can be said of these."""
    counts = Counter(item.key for item in schemas.definitions)
    found = {key for key, count in counts.items() if count > 1}
    mentions = {item.key: _mentioned(item.schema) for item in schemas.definitions if found}
    while fresh := {key for key, others in mentions.items() if key not in found and not found.isdisjoint(others)}:
        found |= fresh
    return found


def _mentioned(schema: Any) -> set[str]:
    references = (sub.get("$ref") for _, sub in subschemas(schema) if isinstance(sub, dict))
    return {steps_of(reference)[0] for reference in references if isinstance(reference, str)}


def property_problems(own: list[Definition]) -> Iterator[Problem]:
    """Names of properties that the generated Python models cannot have."""
    for item in own:
        for place, schema in subschemas(item.schema):
            for name in schema.get("properties", ()) if isinstance(schema, dict) else ():
                if not UNFIT_IN_NAMES.isdisjoint(name) or any(letter < " " for letter in name):
                    reason = f"{name!r}: generated models cannot have a name with a quotation mark, a backslash or a "
                    yield _at(item, f"{place}/properties/{escape(name)}", f"{reason}control character")


def _at(item: Definition, place: str, reason: str) -> Problem:
    return Problem(item.file, item.pointer + place, " ".join(reason.split()))
