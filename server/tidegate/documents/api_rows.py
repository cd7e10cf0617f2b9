"""The operations of OpenAPI for rows as resources: `/api/resources/NAME` and `/api/resources/NAME/KEY`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tidegate.documents.api_answers import JSON, TAG, JsonObject, content, header, idempotency_key, refused, security
from tidegate.documents.api_schemas import changes, component, partial_row, row_data, sent
from tidegate.documents.components import reference
from tidegate.documents.examples import Examples
from tidegate.json_pointer import escape
from tidegate.schema import Resource, Schemas, derive, filter_schemas
from tidegate.schema.definition import APPLICATION_PREFIX

WORDS = frozenset({"filter", "sort", "limit", "offset", "fields", "count"})
"""Parameters of a list that are no conditions."""
DESCRIBED = {
    "eq": "Rows with this {}.",
    "ne": "Rows with another {}.",
    "lt": "Rows whose {} is less.",
    "lte": "Rows whose {} is less or equal.",
    "gt": "Rows whose {} is greater.",
    "gte": "Rows whose {} is greater or equal.",
    "null": "Rows without {}; with `false`, rows that have it.",
}
"""The operators that are parameters of the document. The others are explained there in words: they would be thirty for
each property.
"""
MERGE_PATCH = "application/merge-patch+json"


def paths(schemas: Schemas, examples: Examples) -> dict[str, JsonObject]:
    """The operations, by path."""
    found: dict[str, JsonObject] = {}
    for resource in schemas.resources.values():
        made = _Rows(resource, examples)
        base = f"/api/resources/{quote(resource.name, safe='')}"
        found[base] = {"get": made.rows(), "post": made.create()}
        found[f"{base}/{'/'.join(f'{{{name}}}' for name in resource.key)}"] = {
            "parameters": made.key(),
            "get": made.get(),
            "patch": made.update(),
            "delete": made.delete(),
        }
    return found


class _Rows:
    """The operations of one resource."""

    def __init__(self, resource: Resource, examples: Examples) -> None:
        self._resource = resource
        self._row = reference(f"{APPLICATION_PREFIX}{resource.title}")
        self._example: Any = examples.row(resource)
        self._created: Any = examples.created(resource)
        self._changed = examples.changed(resource)
        self._filters = examples.filters(resource)

    def rows(self) -> JsonObject:
        rows = {
            "type": "object",
            "properties": {
                "type": {"const": "rows"},
                "rows": {"type": "array", "items": partial_row(self._resource)},
                "position": reference("FeedPosition"),
                "total": {"type": "integer", "minimum": 0},
            },
            "required": ["type", "rows", "position"],
            "additionalProperties": False,
        }
        return {
            **self._operation("list", "read", f"Read rows of `{self._resource.name}`."),
            "description": "Beside these, `NAME[OPERATOR]=VALUE` is a condition for every operator of filters.",
            "parameters": [*self._words(), *self._conditions()],
            "responses": {"200": content("The rows.", rows), **refused()},
        }

    def create(self) -> JsonObject:
        row = row_data(self._resource)
        several = {"type": "array", "items": row, "minItems": 1, "maxItems": 1000}
        created = content("The row.", self._row, self._example)
        created["headers"] = {
            "Location": {"description": "The path of the row.", "schema": {"type": "string"}},
            "ETag": TAG,
        }
        created["links"] = self._links()
        several_created = content("The rows, where the body is an array.", reference("Rows"))
        unseen = {"description": "The row is created, and the user may not read it."}
        return {
            **self._operation("create", "create", f"Create a row of `{self._resource.name}`, or several."),
            "parameters": [idempotency_key()],
            "requestBody": self._body({"anyOf": [row, several]}, self._created, JSON),
            "responses": {"200": several_created, "201": created, "204": unseen, **refused()},
        }

    def get(self) -> JsonObject:
        read = content("The row.", partial_row(self._resource), self._example)
        read["headers"] = {"ETag": TAG}
        known = header("If-None-Match", "A tag that the client knows: while the row has it, the answer is 304.")
        return {
            **self._operation("get", "read", f"Read a row of `{self._resource.name}`."),
            "parameters": [known, self._fields()],
            "responses": {"200": read, "304": {"description": "The row has that tag."}, **refused()},
        }

    def update(self) -> JsonObject:
        changed = content("The row as it is now.", self._row, self._example)
        changed["headers"] = {"ETag": TAG}
        unseen = {"description": "The row is changed, and the user may not read it any more."}
        return {
            **self._operation("update", "update", f"Change a row of `{self._resource.name}`; null clears a property."),
            "parameters": [self._condition(), idempotency_key()],
            "requestBody": self._body(changes(self._resource), self._changed, JSON, MERGE_PATCH),
            "responses": {"200": changed, "204": unseen, **refused(conditional=True)},
        }

    def delete(self) -> JsonObject:
        return {
            **self._operation("delete", "delete", f"Delete a row of `{self._resource.name}`."),
            "parameters": [self._condition(), idempotency_key()],
            "responses": {"204": {"description": "The row is gone."}, **refused(conditional=True)},
        }

    def key(self) -> list[JsonObject]:
        """The parameters of the path: one for each property of the key."""
        schema = derive.key_schema(self._resource)
        several = len(self._resource.key) > 1
        found: list[JsonObject] = []
        for name in self._resource.key:
            of_key = sent(schema["properties"][name]) if several else component(self._resource, "Key")
            parameter = {"name": name, "in": "path", "required": True, "schema": of_key}
            parameter["description"] = f"The `{name}` of the row."
            if isinstance(self._example, dict):
                parameter["example"] = self._example[name]
            found.append(parameter)
        return found

    def _operation(self, verb: str, action: str, summary: str) -> JsonObject:
        return {
            "operationId": f"{verb}_{self._resource.name}",
            "tags": ["resources"],
            "summary": summary,
            "security": security(self._resource.access.get(action)),
        }

    @staticmethod
    def _body(schema: JsonObject, example: Any, *kinds: str) -> JsonObject:
        media: JsonObject = {"schema": schema}
        if example is not None:
            media["example"] = example
        return {"required": True, "content": dict.fromkeys(kinds, media)}

    @staticmethod
    def _condition() -> JsonObject:
        return header("If-Match", "Tags of which the row must have one when it is written, or `*`.")

    def _fields(self) -> JsonObject:
        schema = {**derive.fields_schema(self._resource), "minItems": 1, "maxItems": 128}
        return _parameter("fields", "The properties to read; always with the key.", schema, explode=False)

    def _words(self) -> list[JsonObject]:
        names = derive.sort_schema(self._resource)["items"]["properties"]["field"]["enum"]
        terms = {"enum": [f"{order}{name}" for name in names for order in ("", "-")]}
        sort = {"type": "array", "items": terms, "minItems": 1, "maxItems": 8}
        conditions: JsonObject = {
            "name": "filter",
            "in": "query",
            "description": "A whole filter.",
            "content": {JSON: {"schema": component(self._resource, "Filters"), "example": self._filters}},
        }
        return [
            conditions,
            _parameter(
                "sort", "The properties to sort by; `-` before a name turns the order round.", sort, explode=False
            ),
            _parameter("limit", "Rows, at most.", {"type": "integer", "minimum": 1, "maximum": 1000}),
            _parameter("offset", "Rows to skip.", {"type": "integer", "minimum": 0, "maximum": derive.SAFE_INTEGER}),
            self._fields(),
            _parameter("count", "Whether the answer has the total number of rows.", {"type": "boolean"}),
        ]

    def _conditions(self) -> list[JsonObject]:
        """Conditions on properties whose values have one spelling in a URL."""
        found: list[JsonObject] = []
        for prop in filter_schemas.filterable(self._resource):
            if prop.type not in {"integer", "boolean", "string"}:
                continue
            for operator, value in filter_schemas.operands(prop).items():
                said = DESCRIBED.get(operator)
                if said is None:
                    continue
                plain = operator == "eq" and prop.name not in WORDS
                name = prop.name if plain else f"{prop.name}[{operator}]"
                found.append(_parameter(name, said.format(f"`{prop.name}`"), sent(value)))
        return found

    def _links(self) -> JsonObject:
        key = {f"path.{name}": f"$response.body#/{escape(name)}" for name in self._resource.key}
        return {
            f"{verb}_it": {"operationId": f"{verb}_{self._resource.name}", "parameters": key}
            for verb in ("get", "update", "delete")
        }


def _parameter(name: str, description: str, schema: JsonObject, *, explode: bool = True) -> JsonObject:
    found: JsonObject = {"name": name, "in": "query", "description": description, "schema": schema}
    return found if explode else {**found, "style": "form", "explode": False}
