"""The Python package `app_contract`: the application's rows, filters, room payloads and own messages.

It is for the programs of the application's authors; the gateway never reads it. Its imports are relative, so that it
can live anywhere in their project.
"""

from __future__ import annotations

from tidegate.codegen.model import Collection
from tidegate.codegen.protocol_package import class_table
from tidegate.codegen.python import BASE, docstring, formatted, models
from tidegate.schema.lint_resources import DERIVED

_RESOURCE_TYPES = '''
class ResourceTypes(NamedTuple):
    """The types of one resource. `key` may be a plain type such as int."""

    row: type[msgspec.Struct]
    create: type[msgspec.Struct]
    update: type[msgspec.Struct]
    filters: type[msgspec.Struct]
    key: Any
'''
TABLES = ("CLIENT_MESSAGES", "CONTRACT", "REPLIES", "RESOURCES", "ROOMS", "ResourceTypes", "SERVER_MESSAGES")


def application_package(found: Collection, contract: str) -> dict[str, str]:
    """The files of the package, by name."""
    return {
        "__init__.py": _init(found),
        "base.py": BASE,
        "contract.py": _contract(found, contract),
        "models.py": models(
            ".base", found.types.values(), "The rows, filters, room payloads and messages of the application."
        ),
        "py.typed": "",
    }


def _contract(found: Collection, contract: str) -> str:
    rows = {name: ", ".join([row, *(row + suffix for suffix in DERIVED)]) for name, row in found.resources.items()}
    used = {*found.client.values(), *found.server.values(), *found.rooms.values()}
    used |= {name for types in rows.values() for name in types.split(", ")}
    resources = "".join(f"{name!r}: ResourceTypes({types})," for name, types in rows.items())
    parts = [
        docstring("What the application's types are for."),
        "from __future__ import annotations\nfrom typing import Any, NamedTuple\nimport msgspec",
        f"from .models import {', '.join(sorted(used))}" if used else "",
        _RESOURCE_TYPES,
        f'CONTRACT = "{contract}"\n"""Changes whenever the contract does; `Welcome.contract` says the gateway\'s."""',
        f"RESOURCES: dict[str, ResourceTypes] = {{{resources}}}",
        f"ROOMS: dict[str, Any] = {class_table(found.rooms)}\n" + '"""What may be said in rooms, by pattern."""',
        f"REPLIES: dict[str, str] = {found.replies!r}",
        f"CLIENT_MESSAGES: dict[str, type[msgspec.Struct]] = {class_table(found.client)}",
        f"SERVER_MESSAGES: dict[str, type[msgspec.Struct]] = {class_table(found.server)}",
    ]
    return formatted("\n\n".join(part for part in parts if part))


def _init(found: Collection) -> str:
    names = sorted(found.types)
    parts = [
        docstring("The application's contract: typed rows, filters, room payloads and messages (msgspec Structs)."),
        f"from .contract import {', '.join(TABLES)}",
        f"from .models import {', '.join(names)}" if names else "",
        f"__all__ = {sorted([*TABLES, *names])!r}",
    ]
    return formatted("\n\n".join(part for part in parts if part))
