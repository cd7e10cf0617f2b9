"""Which keywords of JSON Schema restrict values of one JSON type only.

https://json-schema.org/draft/2020-12/json-schema-validation, section 6; `format` stands apart, because most of its
values, but not all, are about text.
"""

from __future__ import annotations

from collections.abc import Mapping

OF_ONE_TYPE: Mapping[str, frozenset[str]] = {
    "string": frozenset({"maxLength", "minLength", "pattern"}),
    "number": frozenset({"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"}),
    "array": frozenset({
        "contains", "items", "maxContains", "maxItems", "minContains", "minItems", "prefixItems", "unevaluatedItems",
        "uniqueItems",
    }),
    "object": frozenset({
        "additionalProperties", "dependentRequired", "dependentSchemas", "maxProperties", "minProperties",
        "patternProperties", "properties", "propertyNames", "required", "unevaluatedProperties",
    }),
}  # fmt: skip
"""By JSON type; `number` stands for `integer` too."""
