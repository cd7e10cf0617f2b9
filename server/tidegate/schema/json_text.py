"""Reads the JSON of a file, and says in one sentence what is wrong with it and where.

Invariant: what it returns is JSON as RFC 8259 has it: no NaN, no infinity, no half of a surrogate pair.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

_COMMENT = re.compile(r"\s*(//|/\*|#)").match
_TRAILING = re.compile(r"\s*,\s*[\]}]").match
_HALF = re.compile("[\ud800-\udfff]").search


class NotJson(Exception):
    """The file is not JSON. The text says where and why."""


def read_json(content: bytes) -> Any:
    """The value in `content`. Raises NotJson."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotJson(f"not JSON: line {line} is not UTF-8; save the file as UTF-8") from None
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_number)
    except json.JSONDecodeError as error:
        raise NotJson(f"not JSON: line {error.lineno}, column {error.colno}: {_reason(text, error)}") from None
    except RecursionError:
        raise NotJson("not JSON: nested too deeply") from None
    except ValueError as error:  # a number with thousands of digits
        raise NotJson(f"not JSON: {error}") from None
    if (half := _half_pair(value)) is not None:
        raise NotJson(f"not JSON: {half!r} has half of a surrogate pair; write the whole character")
    return value


def _reason(text: str, error: json.JSONDecodeError) -> str:
    rest, before = text[error.pos :], text[: error.pos].rstrip()
    if not text.strip():
        return "the file is empty"
    if _COMMENT(rest):
        return 'JSON has no comments; write "$comment": "..." inside a schema'
    if (before.endswith(",") and rest.lstrip()[:1] in {"}", "]"}) or _TRAILING(rest):
        return "a comma before a closing bracket; remove it"
    if rest.startswith("'"):
        return "text stands in double quotation marks"
    if error.msg.startswith("Expecting ',' delimiter"):
        return "a comma or a closing bracket is missing before this"
    if error.msg.startswith("Expecting property name"):
        return "the name of a property is expected, in double quotation marks"
    if not rest.strip():
        return "the file ends too early: a closing bracket is missing"
    return error.msg[:1].lower() + error.msg[1:]


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"not JSON: {name} is not a number of JSON")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotJson(f"not JSON: the number {text} is too large")
    return number


def _half_pair(value: Any) -> str | None:
    """A text in `value` that no encoding can hold."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str) and _HALF(one):
            return one
        if isinstance(one, dict):
            todo += [*one, *one.values()]
        elif isinstance(one, list):
            todo += one
    return None
