"""One schema file as it was read, and the schemas in it that get a name: its `$defs`, and those in its annotations.

Invariant: every named schema has a title, its own or one that is made of the file's title and its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tidegate.json_pointer import escape, steps, unescape
from tidegate.schema.definition import Definition, Kind
from tidegate.schema.resource import JsonSchema


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was read."""

    path: str
    kind: Kind
    name: str
    title: str
    protocol: bool
    schema: JsonSchema

    def define(self, title: str, pointer: str, schema: JsonSchema) -> Definition:
        return Definition(title, self.kind, self.name, self.path, pointer, self.protocol, schema)

    @property
    def titles(self) -> dict[str, str]:
        """The titles of the schemas in it that get a name, by their pointer."""
        found = {f"/$defs/{escape(name)}": sub for name, sub in self.schema.get("$defs", {}).items()}
        if self.kind == "client":
            if isinstance(self.schema.get("x-part"), dict | bool):
                found["/x-part"] = self.schema["x-part"]
            refusals = self.schema.get("x-refusals")
            for name, sub in refusals.items() if isinstance(refusals, dict) else ():
                if isinstance(sub, dict | bool):
                    found[f"/x-refusals/{escape(name)}"] = sub
        return {pointer: title_of(sub) or derived_title(self.title, pointer) for pointer, sub in found.items()}

    def at(self, pointer: str) -> Any:
        """The schema at the pointer of a title."""
        return at(self.schema, pointer)


def derived_title(title: str, pointer: str) -> str:
    """The title of a schema without one, at `pointer` in the file with `title`."""
    return title + ("Part" if pointer == "/x-part" else pascal(unescape(pointer.rpartition("/")[2])))


def pascal(name: str) -> str:
    """`chat_message` and `chat-message` as `ChatMessage`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^0-9A-Za-z]+", name))


def at(schema: Any, pointer: str) -> Any:
    """What stands at `pointer` in `schema`."""
    for name in steps(pointer):
        schema = schema[name]
    return schema


def title_of(schema: Any) -> str | None:
    """The title that `schema` has itself."""
    title = schema.get("title") if isinstance(schema, dict) else None
    return title if isinstance(title, str) and title else None
