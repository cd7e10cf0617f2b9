"""What the schema says of whole rows, a second time: the faults of the rows that a create or an update results in.

The gateway judges a row as it is in the table. This module predicts that row from the message, the defaults and the
row before it. It does not use `tidegate.schema.derive`, so that a mistake in one of the two shows.
Invariant: where a rule depends on a value that only the database knows, it says so and predicts nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tidegate.schema import Property, Resource

Message = dict[str, Any]
Row = dict[str, Any]
Errors = Callable[[dict[str, Any], Any], Iterator[tuple[str, str | None]]]
"""Returns (pointer, keyword) of every fault of a value."""
Ask = Callable[[Message], Message]
"""Sends a request of the check and returns the reply."""

OF_EACH_PROPERTY = {"type", "properties", "required", "additionalProperties"}
NOT_CONDITIONS = {"title", "description", "examples", "deprecated", "default", "readOnly", "writeOnly"}


class ResultingRows:
    """The rows of one resource."""

    def __init__(self, resource: Resource, errors: Errors) -> None:
        self._resource = resource
        self._errors = errors
        self._rules = {
            word: value
            for word, value in resource.schema.items()
            if word not in OF_EACH_PROPERTY | NOT_CONDITIONS and not word.startswith(("$s", "$c", "x-"))
        }
        self._schema = {"properties": {name: {} for name in resource.properties}, **self._rules}
        self._defaults = {prop.name: prop.default for prop in resource.properties.values() if prop.has_default}

    @property
    def has_rules(self) -> bool:
        return bool(self._rules)

    def faults(self, message: Message, ask: Ask) -> list[tuple[str, str | None]]:
        """(pointer into the message, keyword) of every fault of the rows that a refused `message` would result in."""
        found: list[tuple[str, str | None]] = []
        for place, sent, before in self._written(message, ask):
            row = {**before, **sent}
            for name in [name for name, value in row.items() if value is None]:
                if not self._resource.properties[name].nullable:
                    del row[name]
            for pointer, keyword in self._errors(self._schema, row):
                first = pointer[1:].partition("/")[0].replace("~1", "/").replace("~0", "~")
                found.append((place + pointer if pointer and first in sent else place, keyword))
        return found

    def faults_of_row(self, row: Row) -> list[tuple[str, str | None]]:
        """(pointer into the row, keyword) of every fault of a whole row that the gateway sent."""
        return [] if self.depends_on(_hidden) else list(self._errors(self._schema, row))

    def depends_on(self, unknown: Callable[[Property], bool]) -> bool:
        """Whether a rule may depend on a property whose value the check does not know."""
        text = json.dumps(self._rules)
        named = any(json.dumps(name) in text for name, prop in self._resource.properties.items() if unknown(prop))
        counts = {"minProperties", "maxProperties", "patternProperties", "propertyNames", "$ref"} & _words(self._rules)
        return named or (bool(counts) and any(map(unknown, self._resource.properties.values())))

    def is_certain(self, message: Message) -> bool:
        """Whether the check can know what a create or an update of this message results in."""
        return not self.depends_on(_hidden if message["type"] == "update" else _made)

    def _written(self, message: Message, ask: Ask) -> Iterator[tuple[str, Row, Row]]:
        """(pointer, the sent properties, the other properties) of every row."""
        if message["type"] == "create":
            several = isinstance(message["data"], list)
            for number, sent in enumerate(message["data"] if several else [message["data"]]):
                nulls = {prop.name: None for prop in self._resource.properties.values() if prop.nullable}
                yield f"/data/{number}" if several else "/data", sent, {**nulls, **self._defaults}
        else:
            wanted: Message = {"type": "get", "resource": self._resource.name}
            reply = ask({**wanted, **{word: message[word] for word in ("id", "ids") if word in message}})
            rows: Sequence[Row] = reply.get("rows", ())
            yield from (("/data", message["data"], row) for row in rows)


def _hidden(prop: Property) -> bool:
    return prop.write_only


def _made(prop: Property) -> bool:
    """The value is not in the message of a create: the database makes it, or a claim fills it."""
    return prop.claim is not None or (prop.read_only and not prop.has_default)


def _words(schema: Any) -> set[str]:
    """Every name in a schema, at any depth."""
    if isinstance(schema, dict):
        return set(schema).union(*map(_words, schema.values()))
    return set().union(*map(_words, schema)) if isinstance(schema, list) else set()
