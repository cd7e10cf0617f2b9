"""What schema files mean: read, lint, bundle, derive.

Pure: it reads files and dictionaries and knows neither the wire, nor tables, nor generated code. `contract` asks it at
run time, `codegen` before.
"""

from __future__ import annotations

import json
from pathlib import Path

from tidegate.schema.bundling import (
    INDEX,
    PROTOCOL_VERSION,
    Bundle,
    bundle,
    contract_hash,
    dump,
    unbundle,
)
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.folder import defines_protocol, read_folder
from tidegate.schema.lint import lint
from tidegate.schema.problem import Problem, SchemaError
from tidegate.schema.resource import HistoryRules, Property, Resource, RoomType

__all__ = [
    "INDEX",
    "PROTOCOL_VERSION",
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
    "packaged",
    "packaged_bundle",
    "unbundle",
]


def load(folder: Path | None) -> Schemas:
    """The schemas of `folder`, together with the protocol; None: the packaged ones, sample application included.

    Raises SchemaError if there is no such folder. What is wrong inside it, `lint` and `bundle` tell.
    """
    if folder is None:
        return unbundle(packaged_bundle())
    if defines_protocol(folder):
        return read_folder(folder, None)
    return read_folder(folder, unbundle(packaged_bundle()).protocol_only)


def packaged_bundle() -> Bundle:
    """The bundle that ships with the package. Raises SchemaError if there is none."""
    found: Bundle = json.loads(packaged("bundle.json").read_bytes())
    return found


def packaged(name: str) -> Path:
    """A file of the sample application: in the installed package, or where a checkout keeps it.

    Raises SchemaError if there is none.
    """
    package = Path(__file__).parents[1]
    checkout = package.parents[1]
    for path in (package / "sample" / name, checkout / "generated" / "schema" / name, checkout / "schema" / name):
        if path.is_file():
            return path
    raise SchemaError([Problem(name, "", f"not found in {package}; run `tidegate generate`")])
