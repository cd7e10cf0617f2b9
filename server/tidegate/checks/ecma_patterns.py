"""Translates the regular expressions of JSON Schema (ECMA-262) into those of Python's `re`.

In Python, `$`, `\\d`, `\\w` and `\\s` fit more, and `\\p{Lu}` is unknown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, partial
from itertools import groupby

UNREAD = "(?#unread)"
"""The translation of a pattern that Python cannot read: it fits every text."""
CATEGORY = "(?#category)"
"""The translation of a pattern with `\\p` begins so: it says nothing of characters that this Python does not know."""

_DIGIT = "0-9"
_WORD = "0-9A-Z_a-z"
_SPACE = "\\t-\\r \\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff"
_NO_DIGIT = "\\x00-/:-\\U0010ffff"
_NO_WORD = "\\x00-/:-@\\[-\\^`{-\\U0010ffff"
_NO_SPACE = (
    "\\x00-\\x08\\x0e-\\x1f!-\\x9f\\xa1-\\u167f\\u1681-\\u1fff\\u200b-\\u2027\\u202a-\\u202e\\u2030-\\u205e"
    "\\u2060-\\u2fff\\u3001-\\ufefe\\uff00-\\U0010ffff"
)
_CLASSES = {"d": _DIGIT, "D": _NO_DIGIT, "w": _WORD, "W": _NO_WORD, "s": _SPACE, "S": _NO_SPACE}
_PARTS = re.compile(
    r"\\[pP](?:\{(?P<category>[^{}]*)\}|(?P<letter>[A-Z]))|\\u\{(?P<code>[0-9A-Fa-f]{1,6})\}|\\c(?P<control>[A-Za-z])"
    r"|\\.|\[\^?|\]|\(\?<(?![=!])[^>]*>|.",
    re.DOTALL,
)
_FOLDED = re.compile(r"\(\?i\)(?P<rest>.*)", re.DOTALL).fullmatch
_SPECIAL_IN_A_CLASS = frozenset("&~|[")
"""Python warns of these characters in classes, because a later version may give them a meaning."""

_LONG_NAMES = {
    "Letter": "L", "Cased_Letter": "LC", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Titlecase_Letter": "Lt",
    "Modifier_Letter": "Lm", "Other_Letter": "Lo", "Mark": "M", "Combining_Mark": "M", "Nonspacing_Mark": "Mn",
    "Spacing_Mark": "Mc", "Enclosing_Mark": "Me", "Number": "N", "Decimal_Number": "Nd", "digit": "Nd",
    "Letter_Number": "Nl", "Other_Number": "No", "Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc",
    "Dash_Punctuation": "Pd", "Open_Punctuation": "Ps", "Close_Punctuation": "Pe", "Initial_Punctuation": "Pi",
    "Final_Punctuation": "Pf", "Other_Punctuation": "Po", "Symbol": "S", "Math_Symbol": "Sm", "Currency_Symbol": "Sc",
    "Modifier_Symbol": "Sk", "Other_Symbol": "So", "Separator": "Z", "Space_Separator": "Zs", "Line_Separator": "Zl",
    "Paragraph_Separator": "Zp", "Other": "C", "Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Surrogate": "Cs",
    "Private_Use": "Co", "Unassigned": "Cn",
}  # fmt: skip


class _UnreadError(Exception):
    """A part of a pattern that is not translated."""


@cache
def python_pattern(pattern: str) -> str:
    """`pattern` as Python's `re` reads it. `UNREAD` if it cannot be said there, as with `\\p{Script=Greek}`."""
    folded = _FOLDED(pattern)
    try:
        text = "".join(_translated(folded["rest"] if folded else pattern))
        text = f"(?i:{text})" if folded else f"(?:{text})"
        re.compile(text)
    except (_UnreadError, re.error):
        return UNREAD
    return CATEGORY + text if re.search(r"(?<!\\)(?:\\\\)*\\[pP]", pattern) else text


def is_sure(translated: str, text: str) -> bool:
    """Whether a translated pattern says for certain if it fits `text`."""
    if translated.startswith(CATEGORY):
        return all(unicodedata.category(char) != "Cn" for char in text)
    return not translated.startswith(UNREAD)


def _translated(pattern: str) -> Iterator[str]:
    inside = False
    for part in _PARTS.finditer(pattern):
        text = part[0]
        if not inside and text.startswith("["):
            inside = True
            yield text
        elif inside and text == "]":
            inside = False
            yield text
        elif text.startswith("\\"):
            yield _escape(part, inside)
        elif inside:
            yield "".join(f"\\{char}" if char in _SPECIAL_IN_A_CLASS else char for char in text)
        elif text == "$":
            yield "\\Z"
        else:
            yield "(" if text.startswith("(?<") and text.endswith(">") else text


def _escape(part: re.Match[str], inside: bool) -> str:
    text = part[0]
    if (name := part["category"] or part["letter"]) is not None:
        content = _category(name, text[1] == "P")
    elif text[1] in _CLASSES:
        content = _CLASSES[text[1]]
    elif part["code"] is not None:
        return _character(int(part["code"], 16))
    elif part["control"] is not None:
        return _character(ord(part["control"]) % 32)
    else:
        return text
    return content if inside else f"[{content}]"


def _character(code: int) -> str:
    if code > 0x10FFFF:
        raise _UnreadError
    return f"\\U{code:08x}"


@cache
def _category(name: str, other: bool) -> str:
    """The content of a class with the characters of a general category, or with all others."""
    kind, equals, value = name.rpartition("=")
    if equals and kind not in {"gc", "General_Category"}:
        raise _UnreadError
    short = _LONG_NAMES.get(value, value)
    if short not in _LONG_NAMES.values():
        raise _UnreadError
    group = ("Lu", "Ll", "Lt") if short == "LC" else (short,)
    ranges = [(start, end) for found, start, end in _runs() if found.startswith(group) is not other]
    return "".join(map(partial("\\U{:08x}-\\U{:08x}".format), *zip(*ranges, strict=True)))


@cache
def _runs() -> list[tuple[str, int, int]]:
    """(category, first, last) of every run of characters with one general category."""
    runs: list[tuple[str, int, int]] = []
    for category, codes in groupby(range(0x110000), key=lambda code: unicodedata.category(chr(code))):
        run = list(codes)
        runs.append((category, run[0], run[-1]))
    return runs
