"""Reads the JSON of a file, and says in one sentence what is wrong with it and where.

Invariant: what it returns is JSON as RFC 8259 has it: no NaN and no infinity.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

_COMMENT = re.compile(r"\s*(//|/\*|#)").match
_TRAILING = re.compile(r"\s*,\s*[\]}]").match
_COMMA = "a comma before a closing bracket; remove it"


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
        return json.loads(text, parse_constant=_no_constant, parse_float=_number)
    except json.JSONDecodeError as error:
        place, reason = _fault(text, error)
        line, column = text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)
        raise NotJson(f"not JSON: line {line}, column {column}: {reason}") from None
    except RecursionError:
        raise NotJson("not JSON: nested too deeply") from None
    except ValueError as error:  # a number with thousands of digits
        raise NotJson(f"not JSON: {error}") from None


def _fault(text: str, error: json.JSONDecodeError) -> tuple[int, str]:
    """(position, what is wrong there). Versions of Python differ in where they see a comma too much."""
    rest, before = text[error.pos :], text[: error.pos].rstrip()
    if before.endswith(",") and rest.lstrip()[:1] in {"}", "]"}:
        return len(before) - 1, _COMMA
    if _TRAILING(rest):
        return error.pos + rest.index(","), _COMMA
    return error.pos, _reason(text, rest, error.msg)


def _reason(text: str, rest: str, message: str) -> str:
    if not text.strip():
        return "the file is empty"
    if _COMMENT(rest):
        return 'JSON has no comments; write "$comment": "..." inside a schema'
    if rest.startswith("'"):
        return "text stands in double quotation marks"
    if not rest.strip():
        return "the file ends too early: a closing bracket is missing"
    if message.startswith("Expecting ',' delimiter"):
        return "a comma or a closing bracket is missing before this"
    if message.startswith("Expecting property name"):
        return "the name of a property is expected, in double quotation marks"
    return message[:1].lower() + message[1:]


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"not JSON: {name} is not a number of JSON")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotJson(f"not JSON: the number {text} is too large")
    return number
