"""Generates the Python package `app_contract`: the application's rows, filters, room messages and custom messages.

The package is for programs of the application; the gateway does not import it. Its imports are relative, so that it
works at any place in a project.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.codegen import room_names
from tidegate.codegen.model import Collection, shapes
from tidegate.codegen.protocol_package import class_table
from tidegate.codegen.python import BASE, docstring, formatted, models
from tidegate.codegen.python_filters import CONDITION_NAMES, CONDITIONS, filters_module
from tidegate.codegen.python_plain import BASE_WITH_INT64
from tidegate.codegen.row_facts import RowFacts
from tidegate.codegen.shape import uses_int64
from tidegate.schema.lint.resources import DERIVED

_RESOURCE_TYPES = '''
class ResourceTypes(typing.NamedTuple):
    """The types of one resource. `key` may be a plain type such as int."""

    row: type[msgspec.Struct]
    create: type[msgspec.Struct]
    update: type[msgspec.Struct]
    filters: type[msgspec.Struct]
    key: Any
    key_names: tuple[str, ...]
    """The properties that are the key."""
    types: dict[str, str]
    """The format of each property, or its JSON type."""
    defaults: dict[str, Any]
    """What a new row has where the program gives nothing."""
    assigned: bool
    """The database makes the key of a new row."""
    now: tuple[str, ...]
    """The properties that have the time at which the row was made."""
'''
TABLES = (
    "CLIENT_MESSAGES",
    "CONTRACT",
    "PARTS",
    "REFUSALS",
    "REPLIES",
    "RESOURCES",
    "ROOMS",
    "ResourceTypes",
    "SERVER_MESSAGES",
)


def application_package(found: Collection, contract: str) -> dict[str, str]:
    """The files of the package, by name."""
    filters = [named for named in found.types.values() if named.conditions is not None]
    names = room_names.python(found.rooms)
    others = [named for named in found.types.values() if named.conditions is None]
    of_filters = {"conditions.py": formatted(CONDITIONS), "filters.py": filters_module(filters)} if filters else {}
    return {
        "__init__.py": _init(found),
        **({"rooms.py": formatted(docstring("Names of rooms.") + "\n" + names)} if names else {}),
        "base.py": formatted(BASE_WITH_INT64) if uses_int64(shapes(found)) else BASE,
        "contract.py": _contract(found, contract),
        **of_filters,
        "models.py": models(
            ".base",
            others,
            "The rows, room messages and custom messages of the application.",
            {row: (name, found.facts[name].key) for name, row in found.resources.items()},
        ),
        "py.typed": "",
    }


def _contract(found: Collection, contract: str) -> str:
    rows = {name: ", ".join([row, *(row + suffix for suffix in DERIVED)]) for name, row in found.resources.items()}
    used = {*found.client.values(), *found.server.values(), *found.rooms.values()}
    used |= {*found.parts.values(), *(name for errors in found.refusals.values() for name in errors.values())}
    used |= {name for types in rows.values() for name in types.split(", ")}
    resources = "".join(
        f"{name!r}: ResourceTypes({types}, {_facts(found.facts[name])})," for name, types in rows.items()
    )
    parts = [
        docstring("Tables of the application's types, by their purpose."),
        "from __future__ import annotations\nimport typing\nfrom typing import Any\nimport msgspec",
        _imports(found, used),
        _RESOURCE_TYPES,
        f'CONTRACT = "{contract}"\n"""Changes with the contract. `Welcome.contract` is that of the gateway."""',
        f"RESOURCES: dict[str, ResourceTypes] = {{{resources}}}",
        f"ROOMS: dict[str, Any] = {class_table(found.rooms)}\n" + '"""The types of room messages, by room pattern."""',
        f"REPLIES: dict[str, str] = {found.replies!r}",
        f"PARTS: dict[str, Any] = {class_table(found.parts)}\n"
        '"""The types of the parts that come before the reply, by the type of the request."""',
        f"REFUSALS: dict[str, dict[str, Any]] = {_refusals(found)}\n"
        '"""The types of the data of the application\'s own errors, by the type of the request and their name."""',
        f"CLIENT_MESSAGES: dict[str, type[msgspec.Struct]] = {class_table(found.client)}",
        f"SERVER_MESSAGES: dict[str, type[msgspec.Struct]] = {class_table(found.server)}",
    ]
    return formatted("\n\n".join(part for part in parts if part))


def _refusals(found: Collection) -> str:
    return "{" + "".join(f"{name!r}: {class_table(errors)}," for name, errors in found.refusals.items()) + "}"


def _facts(facts: RowFacts) -> str:
    """The rest of a ResourceTypes."""
    values = (facts.key, facts.types, facts.defaults, facts.assigned, facts.now)
    return ", ".join(map(repr, values))


def _init(found: Collection) -> str:
    names = set(found.types)
    conditions = CONDITION_NAMES if found.resources else ()
    functions = ["room_name"] if room_names.makeable(found.rooms) else []
    parts = [
        docstring(
            "The application's contract: typed rows, filters, room messages and custom messages (msgspec Structs)."
        ),
        f"from .conditions import {', '.join(conditions)}" if conditions else "",
        f"from .contract import {', '.join(TABLES)}",
        _imports(found, names),
        "from .rooms import room_name" if functions else "",
        f"__all__ = {sorted([*TABLES, *names, *conditions, *functions])!r}",
    ]
    return formatted("\n\n".join(part for part in parts if part))


def _imports(found: Collection, names: Iterable[str]) -> str:
    """Import statements for `names`, from the modules that define them."""
    filters = [name for name in sorted(names) if found.types[name].conditions is not None]
    others = [name for name in sorted(names) if found.types[name].conditions is None]
    modules = (("filters", filters), ("models", others))
    return "\n".join(f"from .{module} import {', '.join(of_it)}" for module, of_it in modules if of_it)
