"""What a labelled pair is, and short ways to write small schema folders.

A label is `breaking FILE POINTER` or `note FILE POINTER`, with the name of the file without its folder and ending.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
Folder = dict[str, Schema]
"""{path below the schema folder, without `.schema.json`: content}"""

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}


@dataclass(frozen=True)
class Pair:
    name: str
    old: Folder
    new: Folder
    labels: frozenset[str]


def pair(name: str, old: Folder, new: Folder, *labels: str) -> Pair:
    return Pair(name, old, new, frozenset(labels))


def shut(properties: Schema, *required: str, **words: Any) -> Schema:
    """A closed object."""
    return {**open_(properties, *required, **words), "additionalProperties": False}


def open_(properties: Schema, *required: str, **words: Any) -> Schema:
    """An object that may have other properties."""
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, **needed, **words}


def ref(name: str) -> Schema:
    """A reference to the file's own `$defs`."""
    return {"$ref": f"#/$defs/{name}"}


def ask(properties: Schema, *required: str, **words: Any) -> Folder:
    """A message of clients, closed if `words` do not say otherwise. Users with a token may send it."""
    schema = shut({"type": {"const": "ask"}, **properties}, "type", *required)
    return {"client/ask": {"title": "Ask", "x-access": {"send": "authenticated"}, **schema, **words}}


def told(properties: Schema, *required: str, **words: Any) -> Folder:
    """A message of the gateway, closed if `words` do not say otherwise."""
    schema = shut({"type": {"const": "told"}, **properties}, "type", *required)
    return {"server/told": {"title": "Told", **schema, **words}}


def room(schema: Schema, pattern: str = "room-*", *, file: str = "room", access: Any = None, **rules: Any) -> Folder:
    """Rooms of a pattern, which anyone may use."""
    allowed = {"join": "anyone", "send": "anyone"} if access is None else access
    title = file.capitalize()
    words = {"title": title, "x-room": {"pattern": pattern, **rules}, "x-access": allowed}
    return {f"rooms/{file}": {**words, **schema}}


def rows(properties: Schema, *required: str, resource: Schema | None = None, **words: Any) -> Folder:
    """A resource with the key `id`, which clients may read and write."""
    every = {action: "anyone" for action in ("read", "create", "update", "delete")}
    schema = shut({"id": {"type": "integer", "readOnly": True}, **properties}, "id", *required)
    kept = {"x-resource": {"key": "id", **(resource or {})}}
    return {"resources/rows": {"title": "Row", "x-access": every, **kept, **schema, **words}}


def sent(name: str, old: Schema, new: Schema, *labels: str) -> Pair:
    """Clients send `v`. A label may be `breaking` alone: of `v` itself."""
    return _value("sent", ask, "ask", name, old, new, labels)


def received(name: str, old: Schema, new: Schema, *labels: str) -> Pair:
    """Clients receive `v`. A label may be `breaking` alone: of `v` itself."""
    return _value("received", told, "told", name, old, new, labels)


def both(name: str, old: Schema, new: Schema, *labels: str) -> Pair:
    """Clients send and receive `v` in a room. A label may be `breaking` alone: of `v` itself."""
    folder = {"rooms": lambda schema: room(shut({"v": schema}))}
    places = tuple(_of_v(label, "room") for label in labels)
    return pair(f"in a room: {name}", folder["rooms"](old), folder["rooms"](new), *places)


def _value(way: str, make: Any, file: str, name: str, old: Schema, new: Schema, labels: tuple[str, ...]) -> Pair:
    places = tuple(_of_v(label, file) for label in labels)
    return pair(f"{way}: {name}", make({"v": old}), make({"v": new}), *places)


def _of_v(label: str, file: str) -> str:
    """`breaking` and `breaking /minimum` are short for labels of `v`."""
    kind, _, rest = label.partition(" ")
    return label if rest and not rest.startswith("/") else f"{kind} {file} /properties/v{rest}"
