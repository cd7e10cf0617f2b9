"""schema/ -> generated/: typed Python models, TypeScript and the bundle.

It never imports what it writes, and nothing imports it while serving.
Invariant: the same schemas give the same bytes on any machine.
"""

from __future__ import annotations

from tidegate.codegen.protocol_package import protocol_package
from tidegate.schema import Schemas, bundle, dump

__all__ = ["generate"]


def generate(schemas: Schemas) -> dict[str, str]:
    """All files, by path below the output folder. Raises schema.SchemaError when the schemas are broken."""
    document = bundle(schemas)
    files = {"schema/bundle.json": dump(document)}
    if schemas.defines_protocol:
        files |= {f"python/tidegate_protocol/{name}": text for name, text in protocol_package(schemas).items()}
    return files
