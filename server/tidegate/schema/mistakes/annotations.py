"""Annotations that look like Tidegate's and say nothing: words that stand inside x-resource or x-room."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.schema.definition import Schemas
from tidegate.schema.mistakes.site import own
from tidegate.schema.problem import Problem

_INSIDE = {
    "resources": {
        "x-key": '"x-resource": {"key": "NAME"}',
        "x-primary-key": '"x-resource": {"key": "NAME"}',
        "x-unique": '"x-resource": {"unique": [["NAME"]]}',
        "x-index": '"x-resource": {"indexes": [["NAME"]]}',
        "x-indexes": '"x-resource": {"indexes": [["NAME"]]}',
        "x-references": '"x-resource": {"references": {"NAME": "RESOURCE.NAME"}}',
        "x-foreign-key": '"x-resource": {"references": {"NAME": "RESOURCE.NAME"}}',
        "x-table": '"x-resource": {"table": "NAME"}',
        "x-permissions": '"x-access": {...}',
        "x-auth": '"x-access": {...}',
    },
    "rooms": {
        "x-pattern": '"x-room": {"pattern": "NAME-*"}',
        "x-history": '"x-room": {"history": {"size": 100, "ttl": 3600}}',
        "x-presence": '"x-room": {"presence": true}',
        "x-slow": '"x-room": {"slow": "conflate"}',
        "x-permissions": '"x-access": {...}',
        "x-auth": '"x-access": {...}',
    },
    "client": {
        "x-response": '"x-reply": "TYPE"',
        "x-answer": '"x-reply": "TYPE"',
        "x-returns": '"x-reply": "TYPE"',
        **dict.fromkeys(("x-errors", "x-error", "x-failures", "x-refusal"), '"x-refusals": {"NAME": {...}}'),
        **dict.fromkeys(("x-parts", "x-stream", "x-streams", "x-chunk"), '"x-part": {...}'),
        **dict.fromkeys(("x-deadline", "x-time-limit"), '"x-timeout": SECONDS'),
        "x-permissions": '"x-access": {...}',
        "x-auth": '"x-access": {...}',
    },
}


def unknown_annotations(schemas: Schemas) -> Iterator[Problem]:
    """Annotations at the top of a file that are meant for Tidegate, which does not know them."""
    for item in own(schemas):
        for word in item.schema if item.is_file else ():
            if write := _INSIDE.get(item.kind, {}).get(word.lower().replace("_", "-")):
                yield Problem(item.file, f"/{word}", f"Tidegate does not read {word!r}; write {write}")
