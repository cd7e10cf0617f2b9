"""Messages of the application that cannot be answered, or that look like replies and answer nothing.

A request is answered by its `ref`: the client chooses it, and the gateway puts it into the reply. So both schemas must
let it through.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.lint.whole_rows import misfit
from tidegate.schema.mistakes.site import own
from tidegate.schema.problem import Problem
from tidegate.schema.resource import resolved

_REFS = (1, "c1")
"""What the clients of Tidegate send: numbers in Python, texts in TypeScript."""
_WRITE = '"ref": {"$ref": "../types/ref.schema.json"} in `properties`'


def message_problems(schemas: Schemas) -> Iterator[Problem]:
    """Requests with a reply, and replies, that have no room for `ref`."""
    replies = {item.schema.get("x-reply") for item in schemas.client.values()}
    for item in own(schemas):
        if not item.is_file or item.protocol:
            continue
        if item.kind == "client" and not {"x-reply", "x-part"}.isdisjoint(item.schema):
            yield from _without_ref(schemas, item, "a client finds the reply by the `ref` that it sends")
        elif item.kind == "server" and item.message_type in replies:
            yield from _without_ref(schemas, item, "the gateway puts the `ref` of the request into this reply")


def message_hints(schemas: Schemas) -> Iterator[Problem]:
    """Messages in server/ that look like replies, because they have a `ref`, and answer no request.

    Without a `ref` it is a message that the application pushes.
    """
    replies = {item.schema.get("x-reply") for item in schemas.client.values()}
    for item in own(schemas):
        if item.kind != "server" or not item.is_file or item.protocol or item.message_type in replies:
            continue
        if "ref" in item.schema.get("properties", {}):
            reason = (
                "this message has a `ref`, and no request has it as its reply: name it in a file of client/, as "
                f'"x-reply": "{item.message_type}", or leave out `ref` if the application pushes it'
            )
            yield Problem(item.file, "", reason, hint=True)


def _without_ref(schemas: Schemas, item: Definition, why: str) -> Iterator[Problem]:
    whole = resolved(item.schema, schemas.by_key)
    properties = whole.get("properties", {})
    if "ref" not in properties:
        if whole.get("additionalProperties") is False or whole.get("unevaluatedProperties") is False:
            yield Problem(item.file, "/properties", f"{why}, and this schema does not allow one: add {_WRITE}")
        return
    ref = properties["ref"] if isinstance(properties["ref"], dict) else {}
    refused = [value for value in _REFS if misfit(ref, value, schemas) is not None]
    if refused:
        kind = "texts" if isinstance(refused[0], str) else "integers"
        yield Problem(item.file, "/properties/ref", f"{why}, and this does not allow {kind}: write {_WRITE}")
