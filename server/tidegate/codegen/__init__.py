"""Generates code and documents from the schema: Python models, TypeScript types, the bundle, AsyncAPI and OpenAPI.

It never imports its own output. The gateway does not import it while serving.
Invariant: the same schemas give the same bytes on any machine.
"""

from __future__ import annotations

from tidegate.codegen.application_package import application_package
from tidegate.codegen.model import application, protocol
from tidegate.codegen.output import OutputError, compare, write
from tidegate.codegen.protocol_package import PACKAGE, protocol_package
from tidegate.codegen.python import GENERATED
from tidegate.codegen.typescript_modules import application_module, protocol_module
from tidegate.documents import asyncapi, openapi
from tidegate.schema import Bundle, Schemas, bundle, contract_hash, dump

__all__ = ["GENERATED", "GenerationError", "OutputError", "compare", "generate", "write"]


class GenerationError(Exception):
    """The generators failed on schemas that have no problems, which is a fault of Tidegate."""


def generate(schemas: Schemas) -> dict[str, str]:
    """All files, by path below the output folder.

    Raises schema.SchemaError if the schemas have problems, and GenerationError.
    """
    document = bundle(schemas)
    try:
        return dict(sorted(_files(schemas, document).items()))
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        raise GenerationError(
            "no code can be generated from these schemas, although they have no problems; please report it with the "
            f"schema files ({type(error).__name__}: {first})"
        ) from error


def _files(schemas: Schemas, document: Bundle) -> dict[str, str]:
    contract = contract_hash(document)
    files = {"schema/bundle.json": dump(document)}
    for name, described in (("asyncapi.json", asyncapi(document)), ("openapi.json", openapi(document))):
        files[name] = dump({"x-generated": GENERATED, **described})
    if schemas.defines_protocol:
        types = protocol(schemas)
        files["typescript/protocol.ts"] = protocol_module(schemas, types)
        files |= {f"python/{PACKAGE}/{name}": text for name, text in protocol_package(schemas, types).items()}
    types = application(schemas)
    files["typescript/app.ts"] = application_module(types, contract)
    files |= {f"python/app_contract/{name}": text for name, text in application_package(types, contract).items()}
    return files
