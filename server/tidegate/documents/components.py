"""The bundle's definitions as `components.schemas`, where AsyncAPI and OpenAPI both keep them.

OpenAPI 3.1 reads draft 2020-12, as we write it. What AsyncAPI reads unless told otherwise is draft 07, and its tools
read little else: there each word that draft 07 spells in another way is given in that spelling too.
Invariant: every `$ref` leads to another component, and what the contract accepts, its components accept.
"""

from __future__ import annotations

from typing import Any

from tidegate.schema import PROTOCOL_VERSION, Bundle, Schemas, contract_hash, derive, filter_schemas
from tidegate.schema.definition import APPLICATION_PREFIX
from tidegate.schema.resource import REF_PREFIX, JsonSchema
from tidegate.schema.subschemas import mapped

PREFIX = "#/components/schemas/"


def component_schemas(schemas: Schemas) -> dict[str, JsonSchema]:
    """Every definition, and what follows from the rows: what it takes to create, change, filter and name one."""
    found = {key: _referring(schema) for key, schema in schemas.by_key.items()}
    for resource in schemas.resources.values():
        row = f"a row of `{resource.name}`"
        derived = {
            "Create": (derive.create_schema(resource), f"What it takes to create {row}."),
            "Update": (derive.update_schema(resource), f"What can be changed in {row}; null clears a property."),
            "Filters": (
                filter_schemas.filters_schema(resource),
                f"Which rows of `{resource.name}`: those for which all of this holds.",
            ),
            "Key": (derive.key_schema(resource), f"What identifies {row}."),
        }
        for suffix, (schema, description) in derived.items():
            title = resource.title + suffix
            named = {**schema, "title": title, "description": description}
            found[APPLICATION_PREFIX + title] = _referring(named)
    return dict(sorted(found.items()))


def reference(key: str) -> JsonSchema:
    """A reference to the component `key`."""
    return {"$ref": PREFIX + key}


def version(document: Bundle) -> str:
    """The version of the wire protocol and the contract's hash, as Semantic Versioning writes them."""
    return f"{PROTOCOL_VERSION}.0.0+{contract_hash(document)}"


def draft07(schema: JsonSchema) -> JsonSchema:
    """`schema` for a reader of draft 07. Newer words stay: it ignores them, and pointers into them still lead there."""
    copy: JsonSchema = mapped(schema, lambda _pointer, sub: _spelled_in_draft07(sub))
    return copy


def _referring(schema: JsonSchema) -> JsonSchema:
    def change(_pointer: str, sub: JsonSchema) -> JsonSchema:
        target = sub.get("$ref")
        return {**sub, "$ref": PREFIX + target.removeprefix(REF_PREFIX)} if isinstance(target, str) else sub

    copy: JsonSchema = mapped(schema, change)
    return copy


def _spelled_in_draft07(schema: JsonSchema) -> JsonSchema:
    spelled: dict[str, Any] = dict(schema)
    if "prefixItems" in spelled:
        spelled["additionalItems"] = spelled.get("items", True)
        spelled["items"] = spelled["prefixItems"]
    dependencies = {**spelled.get("dependentRequired", {}), **spelled.get("dependentSchemas", {})}
    for name in spelled.get("dependentRequired", {}).keys() & spelled.get("dependentSchemas", {}).keys():
        both = {"allOf": [spelled["dependentSchemas"][name], {"required": spelled["dependentRequired"][name]}]}
        dependencies[name] = both
    if dependencies:
        spelled["dependencies"] = dependencies
    if spelled.get("minContains") == 0:
        spelled.pop("contains", None)
    if "$ref" in spelled and len(spelled) > 1:
        # Draft 07 reads nothing beside a reference.
        target = {"$ref": spelled.pop("$ref")}
        spelled["allOf"] = [*spelled.get("allOf", ()), target]
    return spelled
