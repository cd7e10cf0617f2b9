"""The meaning of schema files: reads, lints and bundles them, and derives schemas from them.

It reads files and dictionaries only. It does not know the wire, tables or generated code. `contract` uses it while the
gateway serves; `codegen`, `documents` and `checks` use it at development time.
"""

from __future__ import annotations

import json
from pathlib import Path

from tidegate.schema.bundling import (
    CONTRACT,
    INDEX,
    PROTOCOL_VERSION,
    Bundle,
    bundle,
    contract_hash,
    dump,
    unbundle,
)
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.derive import SAFE_INTEGER
from tidegate.schema.folder import defines_protocol, read_folder
from tidegate.schema.lint import lint, malformed
from tidegate.schema.mistakes import mistakes
from tidegate.schema.problem import Problem, SchemaError
from tidegate.schema.resource import HistoryRules, Property, Resource, RoomType
from tidegate.schema.unread_files import unread_files

__all__ = [
    "CONTRACT",
    "INDEX",
    "PROTOCOL_VERSION",
    "SAFE_INTEGER",
    "Bundle",
    "Definition",
    "HistoryRules",
    "Problem",
    "Property",
    "Resource",
    "RoomType",
    "SchemaError",
    "Schemas",
    "bundle",
    "contract_hash",
    "dump",
    "lint",
    "load",
    "malformed",
    "mistakes",
    "packaged",
    "packaged_bundle",
    "unbundle",
    "unread_files",
]


def load(folder: Path | None) -> Schemas:
    """The schemas of `folder` and the protocol. Without a folder: the packaged ones, with the sample application.

    Raises SchemaError if the folder does not exist. `lint` and `bundle` report problems inside it.
    """
    if folder is None:
        return unbundle(packaged_bundle())
    if defines_protocol(folder):
        return read_folder(folder, None)
    return read_folder(folder, unbundle(packaged_bundle()).protocol_only)


def packaged_bundle() -> Bundle:
    """The bundle that ships with the package. Raises SchemaError if it is missing."""
    found: Bundle = json.loads(packaged("bundle.json").read_bytes())
    return found


def packaged(name: str) -> Path:
    """The path of a file of the sample application, in the installed package or in a checkout.

    Raises SchemaError if it is missing.
    """
    package = Path(__file__).parents[1]
    checkout = package.parents[1]
    for path in (package / "sample" / name, checkout / "generated" / "schema" / name, checkout / "schema" / name):
        if path.is_file():
            return path
    raise SchemaError([Problem(name, "", f"not found in {package}; run `tidegate generate`")])
