"""Generates the Python package `tidegate_protocol`: the protocol's messages and types, its codes and its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.codegen.model import Collection
from tidegate.codegen.python import BASE, docstring, formatted, models
from tidegate.codegen.python_plain import PLAIN
from tidegate.codegen.python_typed import TYPED
from tidegate.schema import PROTOCOL_VERSION, Schemas

PACKAGE = "tidegate_protocol"

CODES = '''
class ErrorInfo(msgspec.Struct, frozen=True):
    """The meaning of an error code."""

    meaning: str
    temporary: bool
    """The same request may succeed later."""
    action: str
    """The recommended reaction of the client."""


class CloseInfo(msgspec.Struct, frozen=True):
    """The meaning of a close code."""

    name: str
    meaning: str
    reconnect: Literal["never", "backoff", "resume"]
    """Whether and how the client reconnects."""
'''
TABLES = (
    "CLIENT_MESSAGES",
    "CLOSES",
    "CloseInfo",
    "ERRORS",
    "ErrorInfo",
    "PROTOCOL_VERSION",
    "REPLIES",
    "SERVER_MESSAGES",
)


def protocol_package(schemas: Schemas, found: Collection) -> dict[str, str]:
    """The files of the package, by name."""
    return {
        "__init__.py": _init(found),
        "base.py": BASE,
        "codes.py": _codes(schemas, found),
        "models.py": models(f"{PACKAGE}.base", found.types.values(), "The messages and values of the wire protocol."),
        "plain.py": formatted(PLAIN),
        "py.typed": "",
        "typed.py": formatted(TYPED),
    }


def _codes(schemas: Schemas, found: Collection) -> str:
    closes = {int(code): row for code, row in schemas.closes.items()}
    parts = [
        docstring(
            "The tables of the protocol: error codes, close codes, message types, and the reply to each request."
        ),
        "from __future__ import annotations\nfrom typing import Literal\nimport msgspec",
        f"from {PACKAGE}.models import {', '.join(sorted({*found.client.values(), *found.server.values()}))}",
        CODES,
        f"PROTOCOL_VERSION = {PROTOCOL_VERSION}",
        f"ERRORS: dict[str, ErrorInfo] = {_table('ErrorInfo', schemas.errors)}",
        f"CLOSES: dict[int, CloseInfo] = {_table('CloseInfo', closes)}",
        f"REPLIES: dict[str, str] = {found.replies!r}\n" + '"""The type of the reply to each type of request."""',
        f"CLIENT_MESSAGES: dict[str, type[msgspec.Struct]] = {class_table(found.client)}",
        f"SERVER_MESSAGES: dict[str, type[msgspec.Struct]] = {class_table(found.server)}",
    ]
    return formatted("\n\n".join(parts))


def class_table(messages: Mapping[str, str]) -> str:
    """The source of {type: class}."""
    return "{" + "".join(f"{name!r}: {title}," for name, title in messages.items()) + "}"


def _table(struct: str, rows: Mapping[Any, Mapping[str, Any]]) -> str:
    lines = (f"{code!r}: {struct}({_arguments(row)})," for code, row in sorted(rows.items()))
    return "{" + "\n".join(lines) + "}"


def _arguments(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in row.items())


def _init(found: Collection) -> str:
    names = sorted(found.types)
    # Most applications have rows called User. Python programs may import the protocol's type as `User` too.
    aliases = ["User"] if "Principal" in names and "User" not in names else []
    parts = [
        docstring("The wire protocol of Tidegate: typed messages (msgspec Structs), error and close codes."),
        f"from {PACKAGE}.codes import {', '.join(TABLES)}",
        f"from {PACKAGE}.models import {', '.join(names)}",
        *(f"{alias} = Principal" for alias in aliases),
        f"__all__ = {sorted([*TABLES, *names, *aliases])!r}",
    ]
    return formatted("\n\n".join(parts))
