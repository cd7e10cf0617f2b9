"""Checks the names from which generated code takes its own: titles, names in `$defs`, properties, and resources.

Most names work as they are, because the generators find fitting ones; this module refuses the others.
Invariant: of schemas without problems, every generated type has the name that its title promises.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tidegate.json_pointer import escape, unescape
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.file import derived_title, pascal
from tidegate.schema.problem import Problem
from tidegate.schema.resource import steps_of
from tidegate.schema.subschemas import subschemas

RESERVED = frozenset({
    "Annotated", "Any", "App", "CONTRACT", "ClassVar", "ClientMessages", "Ellipsis", "EqualityConditions", "False",
    "Int64", "ListConditions", "Literal", "Meta", "Model", "None", "NotImplemented", "NullConditions",
    "NullableEqualityConditions", "NullableListConditions", "NullableOrderConditions", "NullableTextConditions",
    "OpenModel", "OrderConditions", "PARTS", "PartData", "REFUSALS", "REPLIES", "RESOURCES", "ROOMS",
    "RefusalData", "Replies", "Request", "ResourceTypes", "Resources", "RoomData", "Rooms", "ServerMessages",
    "TextConditions", "True", "TypeAlias", "UNSET", "UnsetType",
})  # fmt: skip
"""Names that the generated modules define or import themselves, and words of Python that look like a title."""
UNFIT_IN_NAMES = frozenset('"\\')
"""What no name of a row's property may have: msgspec, whose Structs the generated filters are, refuses these."""
LONGEST = 64
"""Maximum of characters in the name of a resource: schema/types/resource_name says so."""
ROW_NUMBERS = frozenset({"rowid", "_rowid_", "oid"})
"""SQLite's words for the number of a row. A column may have such a name, but the triggers need one of them."""
_TITLE = re.compile(r"[A-Z][A-Za-z0-9]*").fullmatch
_GIVE = "give it a `title` in PascalCase"


def title_problems(own: list[Definition]) -> Iterator[Problem]:
    """Titles that are missing, not PascalCase, used twice, or names that generated modules use."""
    first: dict[str, Definition] = {}
    files = {item.file: item.title for item in own if item.is_file}
    for item in own:
        title = item.schema.get("title")
        name = unescape(item.pointer.rpartition("/")[2])
        derived = not item.is_file and title == derived_title(files.get(item.file, ""), item.pointer)
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
    """Names of properties that no message can carry, or that no row can have."""
    for item in own:
        for place, schema in subschemas(item.schema):
            for name in schema.get("properties", ()) if isinstance(schema, dict) else ():
                of_row = item.kind == "resources" and item.is_file and not place
                reason = _unfit_column(name) if of_row else _unfit(name)
                if reason is not None:
                    yield _at(item, f"{place}/properties/{escape(name)}", f"{name!r} {reason}; choose another name")
        if item.kind == "resources" and item.is_file:
            yield from _row_numbers(item)


def wire_problems(own: list[Definition]) -> Iterator[Problem]:
    """Types of messages and names of resources that no message can carry."""
    for item in own:
        kind = item.message_type if item.kind in {"client", "server"} and item.is_file else None
        if kind is not None and "\0" in kind:
            yield _at(item, "/properties/type/const", "the gateway accepts NUL in no message; choose another type")
        if item.kind == "resources" and item.is_file and len(item.name) > LONGEST:
            reason = f"the resource has the name of its file, and such a name has at most {LONGEST} characters"
            yield _at(item, "", f"{reason}; rename the file")


def _unfit(name: str) -> str | None:
    return "has the character NUL, which the gateway accepts in no message" if "\0" in name else None


def _unfit_column(name: str) -> str | None:
    if not name:
        return "is empty, and a column of a table must have a name"
    if not UNFIT_IN_NAMES.isdisjoint(name) or any(letter < " " for letter in name):
        return "has a quotation mark, a backslash or a control character, which generated filters cannot have in names"
    return _unfit(name)


def _row_numbers(item: Definition) -> Iterator[Problem]:
    if {folded(name) for name in item.schema.get("properties", ())} >= ROW_NUMBERS:
        words = ", ".join(sorted(ROW_NUMBERS))
        yield _at(
            item, "/properties", f"{words} are all of SQLite's words for the number of a row; rename one of these"
        )


def folded(name: str) -> str:
    """`name` as SQLite compares the names of columns: without the case of A to Z."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def _at(item: Definition, place: str, reason: str) -> Problem:
    return Problem(item.file, item.pointer + place, " ".join(reason.split()))
