"""The statements that a gateway sends, one for each function of `functions.sql`, and their values in order."""

from __future__ import annotations

import msgspec

from tidegate.engines.postgres.install import schema_name


class Calls(msgspec.Struct, frozen=True):
    """The text of each statement. Every one is one transaction."""

    attach: str
    apply: str
    open: str
    missed: str
    page: str
    news: str
    own: str
    beat: str
    bury: str
    settle: str
    sweep: str
    application: str
    """What the other gateways of the prefix serve."""


_TYPES = {
    "attach": "text, bigint, text, boolean",
    "apply": "text, bigint, bigint, text, boolean, text, text, bytea[], bytea[], bytea[], bytea[], bytea[], bytea[], "
    "bigint[], bigint[]",
    "open": "text, bigint, bytea, text, bigint, bigint, bigint, text, bigint, text, bigint",
    "missed": "bytea, text, bigint, bigint, bigint, text, bigint",
    "page": "bytea, bigint, bigint, bigint, bigint, bigint",
    "news": "text, bigint, bigint, bytea[]",
    "own": "text, bigint",
    "beat": "text, bigint, bigint",
    "bury": "text, bigint, bigint",
    "settle": "text, bigint",
    "sweep": "bigint, bigint, bigint",
}


def calls(prefix: str) -> Calls:
    schema = '"' + schema_name(prefix).replace('"', '""') + '"'
    application = f"SELECT s.application FROM {schema}.state s WHERE s.place = {schema}.place()"  # noqa: S608  # as below
    made = {name: _statement(schema, name, types.split(", ")) for name, types in _TYPES.items()}
    return Calls(**made, application=application)


def _statement(schema: str, name: str, types: list[str]) -> str:
    values = ", ".join(f"${number}::{kind}" for number, kind in enumerate(types, 1))
    return f"SELECT * FROM {schema}.{name}({values})"  # noqa: S608  # names of this module, a quoted schema
