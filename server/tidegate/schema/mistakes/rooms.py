"""Patterns of rooms that no client means as they stand, histories that keep nothing, pointers to nothing.

In a pattern only `*` and parameters such as `{id}` have a meaning. Other placeholders and regular expressions are
literal text, so that such a pattern matches one room with a strange name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tidegate.json_pointer import steps
from tidegate.schema.definition import Schemas
from tidegate.schema.mistakes.site import own
from tidegate.schema.problem import Problem
from tidegate.schema.suggestions import suggestion

_PLACEHOLDER = re.compile(r"\$\{[^{}]*\}+|<[^<>]+>|(?:(?<=[-/:._])|^):[A-Za-z]\w*|%[sd]|(?<=/)[+#](?=/|$)")
_REGEX = re.compile(r"^\^|(?<=[*+?)\]])\$$|\\[dwsDWS.]|\[[^\]]*\][+*?]?|\((?:\?:)?[^()]*\)[+*?]?|\.[+](?!\w)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def room_problems(schemas: Schemas) -> Iterator[Problem]:
    """All problems of x-room."""
    for item in own(schemas):
        if item.kind == "rooms" and item.is_file:
            rules = item.schema["x-room"]
            if reason := pattern_problem(rules["pattern"]):
                yield Problem(item.file, "/x-room/pattern", reason)
            for place, reason in _history(rules.get("history", {})):
                yield Problem(item.file, f"/x-room/history{place}", reason)
            slow = rules.get("slow")
            if isinstance(slow, dict) and (reason := _pointer(slow["conflate"], item.schema)):
                yield Problem(item.file, "/x-room/slow/conflate", reason)


def pattern_problem(pattern: str) -> str | None:
    """What can only be a mistake in `pattern`."""
    if _CONTROL.search(pattern):
        return "no name of a room has control characters; remove them"
    if pattern != pattern.strip():
        return f"the pattern begins or ends with a space; write {json.dumps(pattern.strip())}"
    if found := _PLACEHOLDER.search(pattern):
        return f"{found[0]!r} is plain text in a pattern; write {_stars(pattern)}, or a parameter such as '{{id}}'"
    if found := _REGEX.search(pattern):
        return f"a pattern is no regular expression, and {found[0]!r} is plain text in it; write {_stars(pattern)}"
    return None


def _stars(pattern: str) -> str:
    """The pattern that was probably meant."""
    plain = _PLACEHOLDER.sub("*", pattern)
    plain = re.sub(r"^\^|\$$", "", plain)
    plain = re.sub(
        r"\\\.",
        ".",
        re.sub(r"(?:\\[dwsDWS]|\[[^\]]*\]|\([^()]*\)|\.)[+*]\??|\\[dwsDWS]|\[[^\]]*\]|\([^()]*\)", "*", plain),
    )
    plain = re.sub(r"\*+", "*", plain)
    return json.dumps(plain or "*")


def _history(history: dict[str, Any]) -> Iterator[tuple[str, str]]:
    size, ttl = history.get("size"), history.get("ttl")
    if size and ttl is None:
        yield "", 'the history keeps no message, because `ttl` is 0 seconds by default: add "ttl": 3600'
    elif size and ttl == 0:
        yield "/ttl", 'the history keeps no message for 0 seconds: write "ttl": 3600, or remove the history'
    if history.get("durable") and not size and ttl is None:
        yield "", 'a durable history keeps no message without `size` and `ttl`: add "size": 100 and "ttl": 86400'
    elif history.get("durable") and size == 0:
        yield "/size", 'a durable history keeps no message of 0: write "size": 100, or remove `durable`'
    elif ttl and size is None:
        yield "", 'the history keeps no message, because `size` is 0 by default: add "size": 100'


def _pointer(pointer: str, schema: Any) -> str | None:
    """Why no message of a room with this schema has a value at `pointer`; None if one may have."""
    for step in steps(pointer):
        properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
        if step not in properties:
            closed = isinstance(schema, dict) and schema.get("additionalProperties") is False
            known = closed and not schema.keys() & {"$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties"}
            return f"no message has {step!r}{suggestion(step, properties)}" if known else None
        schema = properties[step]
    return None
