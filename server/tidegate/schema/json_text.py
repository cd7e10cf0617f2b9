"""Reads the JSON of a file, and says in one sentence what is wrong with it and where.

Invariant: what it returns is JSON as RFC 8259 has it: no NaN, no infinity, and each name once in an object.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

_COMMENT = re.compile(r"\s*(//|/\*|#)").match
_TRAILING = re.compile(r"\s*,\s*[\]}]").match
_TOKEN = re.compile(r'(?P<name>"(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}]').finditer
"""The names of an object, its texts, and where objects begin and end."""
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
        return json.loads(text, parse_constant=_no_constant, parse_float=_number, object_pairs_hook=_object)
    except _TwiceError as twice:
        place = _second_place(text, str(twice))
        raise NotJson(f"{_at(text, place)}: the name {str(twice)!r} stands twice in one object; remove one") from None
    except json.JSONDecodeError as error:
        place, reason = _fault(text, error)
        raise NotJson(f"not JSON: {_at(text, place)}: {reason}") from None
    except RecursionError:
        raise NotJson("not JSON: nested too deeply") from None
    except ValueError as error:  # a number with thousands of digits
        raise NotJson(f"not JSON: {error}") from None


class _TwiceError(Exception):
    """An object has this name twice. Which of the two counts depends on the reader (RFC 8259, section 4)."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found


def _second_place(text: str, name: str) -> int:
    """Where `name` stands for the second time in one object of `text`, which is JSON."""
    open_objects: list[set[str]] = []
    for token in _TOKEN(text):
        if token[0] == "{":
            open_objects.append(set())
        elif token[0] == "}":
            open_objects.pop()
        elif token["name"] is not None and json.loads(token["name"]) == name:
            if name in open_objects[-1]:
                return token.start()
            open_objects[-1].add(name)
    return 0


def _at(text: str, place: int) -> str:
    return f"line {text.count(chr(10), 0, place) + 1}, column {place - text.rfind(chr(10), 0, place)}"


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
