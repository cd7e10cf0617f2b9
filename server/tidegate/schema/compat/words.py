"""The words in which a change of a keyword is told: what it was, and what it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidegate.schema.compat.facts import Facts
from tidegate.schema.compat.parts import Part

SHOWN = 8
"""The most values that a text names."""
ANYTHING = {"type": "anything"}


def was_is(facts: Facts, piece: Part, word: str, *, received: bool) -> str:
    """`maxLength was 100, is 9`."""
    narrow = next((value for _, value in facts.said(word)), None)
    wide = piece.words.get(word)
    was, now = (wide, narrow) if received else (narrow, wide)
    return f"{word} was {_shown(word, was)}, is {_shown(word, now)}"


def lost_values(facts: Facts, piece: Part, lost: list[Any], *, received: bool) -> str:
    """`enum lost ['inactive']`."""
    listed = any(word in part.words for part in (*facts.parts, piece) for word in ("enum", "const"))
    if not listed and "type" in piece.words:
        return was_is(facts, piece, "type", received=received)
    if "const" in piece.words and [value for _, value in facts.said("const")]:
        return was_is(facts, piece, "const", received=received)
    return f"enum {'got' if received else 'lost'} {several(lost)}"


def several(values: Iterable[Any]) -> str:
    found = list(values)
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{found[:SHOWN]}{more}"


def _shown(word: str, value: Any) -> str:
    if value is None:
        return ANYTHING.get(word, "not set")
    text = repr(value) if word == "const" else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
