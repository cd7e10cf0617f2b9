"""The bundle's definitions as `components.schemas` of AsyncAPI and OpenAPI.

OpenAPI 3.1 uses draft 2020-12, as the bundle does. AsyncAPI uses draft 07 by default, and its tools rarely support
more: its components have each keyword that draft 07 spells differently in both spellings.
Invariant: every `$ref` leads to another component, and the components accept every value that the contract accepts.
"""

from __future__ import annotations

from typing import Any

from tidegate.schema import PROTOCOL_VERSION, Bundle, Schemas, contract_hash, derive, filter_schemas
from tidegate.schema.definition import APPLICATION_PREFIX
from tidegate.schema.resource import REF_PREFIX, JsonSchema
from tidegate.schema.subschemas import mapped

PREFIX = "#/components/schemas/"


def component_schemas(schemas: Schemas) -> dict[str, JsonSchema]:
    """All definitions, and the schemas derived from rows: of creates, updates, filters and keys."""
    found = {key: _referring(schema) for key, schema in schemas.by_key.items()}
    for resource in schemas.resources.values():
        properties = {prop.name: derive.row_value(resource, prop) for prop in resource.properties.values()}
        found[APPLICATION_PREFIX + resource.title] = _referring({**resource.schema, "properties": properties})
        row = f"a row of `{resource.name}`"
        derived = {
            "Create": (derive.create_schema(resource), f"The data of a request that creates {row}."),
            "Update": (
                derive.update_schema(resource),
                f"The changes of a request that updates {row}; null clears a property.",
            ),
            "Filters": (
                filter_schemas.filters_schema(resource),
                f"Selects the rows of `{resource.name}` that meet all of these conditions.",
            ),
            "Key": (derive.key_schema(resource), f"The key of {row}."),
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
    """The version of the wire protocol and the contract's hash, in the form of Semantic Versioning."""
    return f"{PROTOCOL_VERSION}.0.0+{contract_hash(document)}"


def draft07(schema: JsonSchema) -> JsonSchema:
    """`schema` for a reader of draft 07. Newer keywords stay: the reader ignores them, and pointers into them work."""
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
        # Draft 07 ignores keywords beside a reference.
        target = {"$ref": spelled.pop("$ref")}
        spelled["allOf"] = [*spelled.get("allOf", ()), target]
    return spelled
