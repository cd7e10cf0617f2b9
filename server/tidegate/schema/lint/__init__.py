"""The linter: finds all problems of a schema folder, with file and JSON pointer.

It checks the schemas themselves, titles, annotations, messages, rooms, resources, and the cost of validation. It does
not check the protocol again for an application's folder.
Invariant: schemas without problems can be bundled and compiled, code can be generated from them, and a gateway can
serve them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from jsonschema_rs import Draft202012Validator, Registry

from tidegate.json_pointer import escape
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.lint.annotations import annotations_of
from tidegate.schema.lint.costs import cost_problems
from tidegate.schema.lint.keywords import keyword_problems
from tidegate.schema.lint.names import ambiguous, property_problems, title_problems, wire_problems
from tidegate.schema.lint.recursion import recursion_problems
from tidegate.schema.lint.resources import resource_problems
from tidegate.schema.lint.room_rules import room_rule_problems
from tidegate.schema.lint.whole_rows import whole_row_problems
from tidegate.schema.older.dialects import DIALECT
from tidegate.schema.patterns import OPEN, overlap
from tidegate.schema.problem import Problem
from tidegate.schema.references import mentioned
from tidegate.schema.regex import LINEAR
from tidegate.schema.subschemas import subschemas
from tidegate.schema.suggestions import suggestion

LONGEST_TYPE = 64
ONE_PATTERN = "no name may match both, because it decides the kind of room; narrow one of them (`*` alone may overlap)"


def lint(schemas: Schemas) -> list[Problem]:
    """All problems of `schemas`, in the order of files and pointers."""
    own = [item for item in schemas.definitions if schemas.defines_protocol or not item.protocol]
    found = set(schemas.problems)
    read = own
    words = annotations_of(schemas.meta)
    found |= {Problem(f"meta/{file}", "", "is missing") for file in words.missing}
    for check in (_schema_problems, words.problems):
        for item in own:
            found |= set(check(item))
        own = [item for item in own if item.file not in {problem.file for problem in found}]
    found |= set(title_problems(own))
    found |= set(property_problems(own))
    found |= set(wire_problems(own))
    own = _understood(schemas, read, own)
    replies = {item.file for item in read if item.kind == "server"} | {
        file for file in schemas.unreadable if file.startswith("server/")
    }
    complete = replies <= {item.file for item in own}
    found |= set(_required_problems(own))
    found |= set(_message_problems(schemas, own, complete))
    found |= set(_room_problems(own))
    found |= set(room_rule_problems(schemas, own))
    found |= set(resource_problems(schemas, own))
    found |= set(whole_row_problems(schemas, own))
    found |= set(cost_problems(schemas, own))
    found |= set(recursion_problems(schemas, own))
    if not found:
        found |= set(_compile_problems(schemas, own))
    return sorted(found)


def malformed(schemas: Schemas) -> list[Problem]:
    """The problems for which the meaning of a file is not known: no JSON, unknown words, values that words cannot have.

    A folder without them can be compared with another, even if an earlier version of Tidegate found fewer problems.
    """
    own = [item for item in schemas.definitions if schemas.defines_protocol or not item.protocol]
    words = annotations_of(schemas.meta)
    return sorted(
        {
            *schemas.problems,
            *(problem for item in own for problem in _schema_problems(item)),
            *(problem for item in own for problem in words.problems(item)),
        }
    )


def _understood(schemas: Schemas, read: list[Definition], sound: list[Definition]) -> list[Definition]:
    """The schemas of `sound` whose meaning is known: none is malformed, and none refers to one that is not known.

    A problem of any other schema would follow from a problem that is in the list already.
    """
    unknown = {item.key for item in read if item not in sound or item.file in schemas.obscured} | ambiguous(schemas)
    while more := {item.key for item in sound if item.key not in unknown and mentioned(item.schema) & unknown}:
        unknown |= more
    return [item for item in sound if item.key not in unknown]


def _schema_problems(item: Definition) -> Iterator[Problem]:
    for place, reason in keyword_problems(item.schema):
        yield _at(item, place, reason)


def _required_problems(own: list[Definition]) -> Iterator[Problem]:
    """Required properties that the schema does not allow: no value could be valid."""
    for item in own:
        for place, schema in subschemas(item.schema):
            if not isinstance(schema, dict) or schema.get("additionalProperties") is not False:
                continue
            if item.kind == "resources" and item.is_file and not place:
                continue  # `whole_rows` does it
            if item.kind in {"client", "server"} and item.is_file and not place and item.message_type is None:
                continue  # `_message_problems` does it
            known = schema.get("properties", {})
            names = [(f"required/{index}", name) for index, name in enumerate(schema.get("required", ()))]
            for one, others in schema.get("dependentRequired", {}).items():
                names += [(f"dependentRequired/{escape(one)}/{index}", name) for index, name in enumerate(others)]
            for where, name in names:
                if name not in known and "patternProperties" not in schema:
                    reason = f"{name!r} is required, but there is no such property{suggestion(name, known)}"
                    yield _at(item, f"{place}/{where}", reason)


def _message_problems(schemas: Schemas, own: list[Definition], complete: bool) -> Iterator[Problem]:
    first: dict[tuple[str, str], Definition] = {
        (item.kind, item.message_type or ""): item for item in schemas.definitions if item not in own and item.is_file
    }
    for item in own:
        if item.kind not in {"client", "server"} or not item.is_file:
            continue
        if item.schema.get("type", "object") != "object":
            yield _at(item, "/type", 'a message must be an object: write "type": "object"')
            continue
        if item.message_type is None:
            tag = item.schema.get("properties", {}).get("type")
            named = next(iter(tag.get("enum", ())), None) if isinstance(tag, dict) else None
            write = f'write "type": {{"const": "{named if isinstance(named, str) else item.name}"}}'
            place = "/properties" if tag is None else "/properties/type"
            yield _at(item, place, f"a message must have a property `type` with a `const`: {write}")
            continue
        if not 0 < len(item.message_type) <= LONGEST_TYPE:
            yield _at(item, "/properties/type/const", f"a type must have 1 to {LONGEST_TYPE} characters")
        if "type" not in item.schema.get("required", ()):
            yield _at(item, "/required", 'a message must require `type`: write "required": ["type"]')
        other = first.setdefault((item.kind, item.message_type), item)
        if other is not item:
            where = "the protocol" if other.protocol and not item.protocol else other.file
            yield _at(item, "/properties/type/const", f"{item.message_type!r} is already a message type of {where}")
        for name in item.schema.get("x-refusals", {}):
            if name in schemas.errors:
                reason = f"{name!r} is a code of the protocol, which a handler may raise as it is: choose another name"
                yield _at(item, f"/x-refusals/{escape(name)}", reason)
        reply = item.schema.get("x-reply")
        if complete and reply is not None and reply not in schemas.server:
            yield _at(item, "/x-reply", f"no message in server/ has the type {reply!r}{_reply_hint(reply, schemas)}")


def _reply_hint(reply: str, schemas: Schemas) -> str:
    """The type that was probably meant: of the file or the title that `reply` names, or a similar one."""
    file = reply.rpartition("/")[2].removesuffix(".json").removesuffix(".schema")
    for name, item in schemas.server.items():
        if reply == item.title or file == item.name:
            return f"; did you mean {name!r}?"
    return suggestion(reply, schemas.server)


def _room_problems(own: list[Definition]) -> Iterator[Problem]:
    rooms = [item for item in own if item.kind == "rooms" and item.is_file]
    for left, right in combinations(rooms, 2):
        one, two = left.schema["x-room"]["pattern"], right.schema["x-room"]["pattern"]
        if one == two or (OPEN not in {one, two} and overlap(one, two)):
            yield _at(right, "/x-room/pattern", f"{two!r} overlaps {one!r} of {left.file}: {ONE_PATTERN}")


def _compile_problems(schemas: Schemas, own: list[Definition]) -> Iterator[Problem]:
    """Problems that only the compiler of a schema finds."""
    uri = "tidegate:lint"
    registry = Registry([(uri, {"$schema": DIALECT, "$id": uri, "$defs": schemas.by_key})])
    for item in own:
        try:
            Draft202012Validator(
                {"$ref": f"{uri}#/$defs/{item.key}"}, registry=registry, offline=True, pattern_options=LINEAR
            )
        except ValueError as error:
            yield _at(item, "", str(error).splitlines()[0])


def _at(item: Definition, place: str, reason: str) -> Problem:
    return Problem(item.file, item.pointer + place, " ".join(reason.split()))
