"""The package `tidegate_protocol`: the protocol's messages and types, its codes and its tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidegate.codegen.python import GENERATED, Model, formatted, models
from tidegate.codegen.shape import message_shape, shape
from tidegate.schema import PROTOCOL_VERSION, Definition, Schemas

PACKAGE = "tidegate_protocol"

BASE = f'''"""What every generated Struct inherits: how strict it is and how it is written.

{GENERATED}
"""

from __future__ import annotations

import msgspec


class Model(msgspec.Struct, omit_defaults=True):
    """A value or a message of the gateway. Unknown properties are ignored, so that the gateway can grow."""


class Request(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A message of a client. An unknown property is an error, so that a typo cannot pass."""
'''

CODES = '''
class ErrorInfo(msgspec.Struct, frozen=True):
    """What an error code means. `temporary`: the same request may succeed later; `action`: what the client should do."""

    meaning: str
    temporary: bool
    action: str


class CloseInfo(msgspec.Struct, frozen=True):
    """What a close code means, and whether and how the client comes back."""

    name: str
    meaning: str
    reconnect: Literal["never", "backoff", "resume"]
'''


def protocol_package(schemas: Schemas) -> dict[str, str]:
    """The files of the package, by name."""
    items = {model.name: model for model in map(_model, schemas.definitions) if model is not None}
    doc = "The messages and values of the wire protocol."
    return {
        "__init__.py": _init(items),
        "base.py": BASE,
        "codes.py": _codes(schemas),
        "models.py": models(f"{PACKAGE}.base", items, doc),
        "py.typed": "",
    }


def _model(item: Definition) -> Model | None:
    if not item.protocol:
        return None
    tag = item.message_type if item.kind in {"client", "server"} else None
    body = shape(item.schema) if tag is None else message_shape(item.schema)
    return Model(item.title, body, "Request" if item.kind == "client" and item.is_file else "Model", tag)


def _codes(schemas: Schemas) -> str:
    client = {name: item.title for name, item in schemas.client.items() if item.protocol}
    server = {name: item.title for name, item in schemas.server.items() if item.protocol}
    replies = {name: schemas.client[name].schema.get("x-reply") for name in client}
    parts = [
        f'"""The tables of the protocol: codes, message types and which reply belongs to which request.\n\n{GENERATED}\n"""',
        "from __future__ import annotations\nfrom typing import Literal\nimport msgspec",
        f"from {PACKAGE}.models import {', '.join(sorted({*client.values(), *server.values()}))}",
        CODES,
        f"PROTOCOL_VERSION = {PROTOCOL_VERSION}",
        f"ERRORS: dict[str, ErrorInfo] = {_table('ErrorInfo', schemas.errors)}",
        f"CLOSES: dict[int, CloseInfo] = {_table('CloseInfo', {int(code): row for code, row in schemas.closes.items()})}",
        f"REPLIES: dict[str, str] = {dict((name, reply) for name, reply in replies.items() if reply)!r}",
        '"""The type of the reply to each type of request."""',
        f"CLIENT_MESSAGES: dict[str, type[msgspec.Struct]] = {_classes(client)}",
        f"SERVER_MESSAGES: dict[str, type[msgspec.Struct]] = {_classes(server)}",
    ]
    return formatted("\n\n".join(parts))


def _table(struct: str, rows: dict[Any, dict[str, Any]]) -> str:
    lines = (f"{code!r}: {struct}({_arguments(row)})," for code, row in sorted(rows.items()))
    return "{" + "\n".join(lines) + "}"


def _arguments(row: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in row.items())


def _classes(messages: dict[str, str]) -> str:
    return "{" + "".join(f"{name!r}: {title}," for name, title in messages.items()) + "}"


def _init(items: Iterable[str]) -> str:
    tables = [
        "CLIENT_MESSAGES",
        "CLOSES",
        "CloseInfo",
        "ERRORS",
        "ErrorInfo",
        "PROTOCOL_VERSION",
        "REPLIES",
        "SERVER_MESSAGES",
    ]
    names = sorted(items)
    aliases = ["User"] if "Principal" in names and "User" not in names else []
    parts = [
        f'"""The wire protocol of Tidegate: typed messages (msgspec Structs), error and close codes.\n\n{GENERATED}\n"""',
        f"from {PACKAGE}.codes import {', '.join(tables)}",
        f"from {PACKAGE}.models import {', '.join(names)}",
        *(f"{alias} = Principal" for alias in aliases),
        f"__all__ = {sorted([*tables, *names, *aliases])!r}",
    ]
    return formatted("\n\n".join(parts))
