"""Generates two TypeScript modules: protocol.ts (the wire) and app.ts (the application's rows, rooms and messages).

Neither imports anything, so that each can be copied into any project.
Invariant: `Resources`, `RoomData` and the message maps describe what the gateway accepts at run time.
"""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.codegen import room_names
from tidegate.codegen.model import Collection
from tidegate.codegen.python import GENERATED
from tidegate.codegen.row_facts import RowFacts
from tidegate.codegen.shape import INT64 as INT64_REFERENCE
from tidegate.codegen.shape import is_int64
from tidegate.codegen.typescript import TypeWriter
from tidegate.codegen.typescript_filters import CONDITIONS, filters_declaration
from tidegate.codegen.typescript_syntax import Doc, jsdoc, literal, property_name, template
from tidegate.schema import PROTOCOL_VERSION, Schemas, patterns
from tidegate.schema.lint.resources import DERIVED
from tidegate.schema.subschemas import subschemas

INT64 = """\
/**
 * An integer of 64 bits as decimal text, because numbers in JavaScript are exact up to 2^53 only.
 * `int64(7n)` of the client makes one, and `BigInt(id)` reads one.
 */
export type Int64 = string & { readonly __format: "int64" };
"""
_INFO = """\
/** The meaning of an error code. */
export interface ErrorInfo {
  readonly meaning: string;
  /** Whether the same request may succeed later. */
  readonly temporary: boolean;
  /** The recommended reaction of the client. */
  readonly action: string;
}

/** The meaning of a close code. */
export interface CloseInfo {
  readonly name: string;
  readonly meaning: string;
  /** Whether and how the client reconnects. */
  readonly reconnect: "never" | "backoff" | "resume";
}
"""


def protocol_module(schemas: Schemas, found: Collection) -> str:
    """protocol.ts."""
    closes = {int(code): row for code, row in schemas.closes.items()}
    return _module(
        "The wire protocol of Tidegate.",
        f"/** The version of the wire protocol. */\nexport const PROTOCOL_VERSION = {PROTOCOL_VERSION};\n",
        *_declarations(found),
        *_aliases(found),
        _interface("ClientMessages", "Messages of a client, by `type`.", found.client),
        _interface("ServerMessages", "Messages of the gateway, by `type`.", found.server),
        _interface("Replies", "The reply to each type of request.", found.reply_names),
        _INFO,
        _table("ERRORS", "The error codes.", "{ readonly [code in ErrorCode]: ErrorInfo }", schemas.errors),
        _table("CLOSES", "The close codes.", "{ readonly [code in CloseCode]: CloseInfo }", closes),
    )


def application_module(found: Collection, contract: str) -> str:
    """app.ts."""
    resources = {name: _row_types(row) for name, row in found.resources.items()}
    old = _deprecated(found, found.client)
    return _module(
        "The application's contract: its rows, rooms and messages.",
        "/** Changes with the contract. `welcome.contract` is that of the gateway. */\n"
        f"export const CONTRACT = {literal(contract)};\n",
        *_declarations(found),
        *([INT64] if _uses_int64(found) else []),
        *([CONDITIONS] if found.resources else []),
        _resources(found),
        _interface("Resources", "The types of each resource.", resources, _deprecated(found, found.resources)),
        _interface(
            "Rooms", "The types of room messages, by room pattern.", found.rooms, _deprecated(found, found.rooms)
        ),
        _room_data(found.rooms),
        *room_names.typescript(found.rooms),
        _interface("ClientMessages", "The application's client messages, by `type`.", found.client, old),
        _interface(
            "ServerMessages",
            "The application's gateway messages, by `type`.",
            found.server,
            _deprecated(found, found.server),
        ),
        _interface("Replies", "The reply to each of the application's requests.", found.reply_names, old),
        _interface("PartData", "The parts that come before the reply to a request, by its `type`.", found.parts, old),
        _interface(
            "RefusalData", "The data of the application's own errors, by request and name.", _refusals(found), old
        ),
        _interface(
            "App",
            "The whole contract as one type argument.",
            {
                "resources": "Resources",
                "rooms": "Rooms",
                "clientMessages": "ClientMessages",
                "serverMessages": "ServerMessages",
                "replies": "Replies",
                "partData": "PartData",
                "refusalData": "RefusalData",
            },
        ),
    )


def _module(title: str, *parts: str) -> str:
    return "\n".join((f"// {title}\n// {GENERATED}\n", *parts))


def _declarations(found: Collection) -> Iterable[str]:
    writer = TypeWriter({name: named.schema for name, named in found.types.items()})
    for name in sorted(found.types):
        named = found.types[name]
        yield writer.declaration(named) if named.conditions is None else filters_declaration(named, writer)


def _uses_int64(found: Collection) -> bool:
    every = [named.schema for named in found.types.values()]
    values = [item.value for named in found.types.values() for item in named.conditions or ()]
    return {"$ref": INT64_REFERENCE} in values or any(
        isinstance(sub, dict) and is_int64(sub) for schema in every for _, sub in subschemas(schema)
    )


def _deprecated(found: Collection, names: Mapping[str, str]) -> set[str]:
    """The keys of `names` whose type is deprecated."""
    return {key for key, name in names.items() if found.types[name].schema.get("deprecated") is True}


def _aliases(found: Collection) -> Iterable[str]:
    if "Principal" in found.types and "User" not in found.types:
        yield "/** The user of a connection. */\nexport type User = Principal;\n"


def _interface(name: str, doc: str, members: Mapping[str, str], deprecated: Names[str] = ()) -> str:
    lines = "".join(
        f"{jsdoc(Doc('', key in deprecated), '  ')}  {property_name(key)}: {kind};\n" for key, kind in members.items()
    )
    body = "{\n" + lines + "}" if lines else "{}"
    return f"/** {doc} */\nexport interface {name} {body}\n"


def _refusals(found: Collection) -> dict[str, str]:
    return {
        request: f"{{ {'; '.join(f'{property_name(error)}: {kind}' for error, kind in errors.items())} }}"
        for request, errors in found.refusals.items()
    }


def _resources(found: Collection) -> str:
    entries = "".join(f"  {_name(name)}: {{\n{_facts(facts)}  }},\n" for name, facts in found.facts.items())
    doc = "/** The keys and the types of all resources, for the option `resources` of the client. */\n"
    return f"{doc}export const RESOURCES = {{\n{entries}}} as const;\n"


def _facts(facts: RowFacts) -> str:
    values = {
        "key": list(facts.key),
        "types": facts.types,
        **({"defaults": facts.defaults} if facts.defaults else {}),
        **({"assigned": True} if facts.assigned else {}),
        **({"now": list(facts.now)} if facts.now else {}),
    }
    return "".join(f"    {name}: {_expression(value)},\n" for name, value in values.items())


def _expression(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{_name(name)}: {_expression(each)}" for name, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_expression, value))}]"
    return literal(value)


def _name(name: str) -> str:
    """`name` as the name of a property of an object. `__proto__` alone would be the prototype."""
    return '["__proto__"]' if name == "__proto__" else property_name(name)


def _row_types(row: str) -> str:
    members = "".join(f"    {suffix.lower()}: {row}{suffix};\n" for suffix in DERIVED)
    return "{\n" + f"    row: {row};\n" + members + "  }"


def _room_data(rooms: Mapping[str, str]) -> str:
    specific = [pattern for pattern in rooms if pattern != patterns.OPEN]
    branches = "".join(f"  Room_ extends {_template(pattern)} ? {rooms[pattern]} :\n" for pattern in specific)
    rest = rooms.get(patterns.OPEN, "never")
    doc = "/** The type of messages in the room `Room_`; `never` if no pattern matches it. */\n"
    return f"{doc}export type RoomData<Room_ extends string> =\n{branches}  Room_ extends string ? {rest} : never;\n"


def _template(pattern: str) -> str:
    parts = patterns.texts(pattern)
    return template(*parts) if len(parts) > 1 else literal(pattern)


def _table(name: str, doc: str, kind: str, rows: Mapping[Any, Mapping[str, Any]]) -> str:
    lines = "".join(f"  {_key(code)}: {{\n{_entries(row)}  }},\n" for code, row in sorted(rows.items()))
    return f"/** {doc} */\nexport const {name}: {kind} = {{\n{lines}}};\n"


def _key(code: Any) -> str:
    return str(code) if isinstance(code, int) else property_name(code)


def _entries(row: Mapping[str, Any]) -> str:
    return "".join(f"    {property_name(name)}: {literal(value)},\n" for name, value in row.items())
