"""What the installed trigger function of a resource logs, as a migration recorded it in META.

A gateway whose schema names fewer columns than the database has, because it was rolled back or is not updated yet, can
so tell that the function logs all that it needs. The record splits the function into parts: one for the key, one for
each column. A part is a digest of the function that a resource with this column alone would have, so that another
version of the function has other digests.
Invariant: a function whose digest is recorded, with all parts of a schema, logs what that schema needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace

import msgspec

from tidegate.contract import Resource
from tidegate.store.postgres.changelog import META, log_body
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.rows import readable
from tidegate.store.sql.names import literal

FORMER = 50
"""How many older schemas a record remembers."""

COLUMN = "column "


class LogRecord(msgspec.Struct, frozen=True):
    """The record of one resource."""

    digest: str
    """The comment on the function as it was installed."""
    parts: dict[str, str]
    columns: tuple[str, ...]
    """All columns that the schema named."""
    former: tuple[str, ...] = ()
    """Digests of the parts of schemas that the database had before."""

    def covers(self, parts: Mapping[str, str], existing: Collection[str]) -> bool:
        """Whether the triggers log all of `parts`. `existing`: the table's columns, of which none may be missing."""
        return parts.items() <= self.parts.items() and all(name in existing for name in self.logged)

    @property
    def logged(self) -> list[str]:
        return [name.removeprefix(COLUMN) for name in self.parts if name.startswith(COLUMN)]

    def had(self, parts: Mapping[str, str]) -> bool:
        """Whether the database had a schema with just these parts before the present one."""
        return digest_of(parts) in self.former

    def missing(self, parts: Mapping[str, str]) -> list[str]:
        """What of `parts` the function does not log: names of columns, "key" for the key."""
        return [name.removeprefix(COLUMN) or "key" for name, part in parts.items() if self.parts.get(name) != part]


def parts_of(resource: Resource, home: str) -> dict[str, str]:
    """The parts of the function that the resource needs. `home`: the schema of its table."""
    found = {"": _digest(log_body(_reduced(resource, None), home))}
    for name in readable(resource):
        if name not in resource.key:
            found[COLUMN + name] = _digest(log_body(_reduced(resource, name), home))
    return found


def read(connection: Connection, resource: Resource) -> LogRecord | None:
    """None without a record, and for one of another version of Tidegate."""
    if connection.execute("SELECT to_regclass($1)", [META]).fetchall() == [(None,)]:
        return None
    found = connection.execute(f"SELECT value FROM {META} WHERE name = $1", [_entry(resource)]).fetchall()
    return decoded(found[0][0]) if found else None


def read_all(connection: Connection, resources: Mapping[str, Resource]) -> dict[str, LogRecord]:
    """The records of these resources, by name."""
    found = connection.execute(f"SELECT name, value FROM {META} WHERE starts_with(name, 'log ')").fetchall()
    texts: dict[str, str] = dict(found)
    records = {name: decoded(texts.get(_entry(resource), "")) for name, resource in resources.items()}
    return {name: record for name, record in records.items() if record is not None}


def decoded(text: str) -> LogRecord | None:
    try:
        return msgspec.json.decode(text, type=LogRecord)
    except msgspec.MsgspecError:
        return None


def record(resource: Resource, home: str, digest: str, before: LogRecord | None) -> str:
    """A statement that records the function which was made for `resource`."""
    parts = parts_of(resource, home)
    former = [] if before is None else [*before.former, digest_of(before.parts)]
    kept = tuple(dict.fromkeys(each for each in former if each != digest_of(parts)))[-FORMER:]
    value = msgspec.json.encode(LogRecord(digest, parts, tuple(resource.properties), kept)).decode()
    return (
        f"INSERT INTO {META} (name, value) VALUES ({literal(_entry(resource))}, {literal(value)}) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )


def digest_of(parts: Mapping[str, str]) -> str:
    return _digest("\n".join(f"{name}={part}" for name, part in sorted(parts.items())))


def _entry(resource: Resource) -> str:
    return f"log {resource.name}"


def _reduced(resource: Resource, name: str | None) -> Resource:
    """The resource with its key, and with one other column."""
    kept = {each: prop for each, prop in resource.properties.items() if each in resource.key or each == name}
    return replace(resource, properties=kept)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
