"""Compares what schemas say of texts and numbers, and their lists of values."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tidegate.schema.compat.facts import Facts
from tidegate.schema.compat.kinds import NUMBERS, fraction, lower_bounds, upper_bounds
from tidegate.schema.compat.parts import Part
from tidegate.schema.compat.run import Run
from tidegate.schema.mistakes.formats import CHECKED

_LOWER = ("minimum", "exclusiveMinimum")


def values(run: Run, facts: Facts, piece: Part) -> None:
    """Values of `facts`, which are more than a list, must fit the keywords of `piece` about values."""
    for word in ("enum", "const"):
        if word in piece.words:
            run.fault_of(facts, piece, word)
    if facts.kinds & NUMBERS:
        _numbers(run, facts, piece)
    if "string" in facts.kinds:
        _texts(run, facts, piece)


def _numbers(run: Run, facts: Facts, piece: Part) -> None:
    for word in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        if word in piece.words:
            bounds, known = (lower_bounds, facts.lower) if word in _LOWER else (upper_bounds, facts.upper)
            if known is None or any(
                known < bound for bound in bounds(piece.instead({word: piece.words[word]}), facts.whole)
            ):
                run.fault_of(facts, piece, word)
    if "multipleOf" in piece.words:
        step = fraction(piece.words["multipleOf"])
        steps = [fraction(value) for _, value in facts.said("multipleOf")]
        steps += [Fraction(1)] if facts.whole else []
        if not any((own / step).denominator == 1 for own in steps):
            run.fault_of(facts, piece, "multipleOf")


def _texts(run: Run, facts: Facts, piece: Part) -> None:
    words = piece.words
    if words.get("minLength", 0) > (facts.least("minLength") or 0):
        run.fault_of(facts, piece, "minLength")
    if "maxLength" in words and _above(facts.most("maxLength"), words["maxLength"]):
        run.fault_of(facts, piece, "maxLength")
    asked = ("pattern", "format") if words.get("format") in CHECKED else ("pattern",)  # others are never checked
    for word in asked:
        if word in words and words[word] not in [value for _, value in facts.said(word)]:
            only = piece.instead({"type": "string", word: words[word]})
            told = [part.instead({"type": "string", **_about_texts(part)}) for part in facts.parts]
            if not run.oracle.covers((only,), tuple(told)):
                run.fault_of(facts, piece, word)


def _about_texts(part: Part) -> dict[str, Any]:
    return {word: part.words[word] for word in ("pattern", "format", "minLength", "maxLength") if word in part.words}


def _above(value: Any, limit: Any) -> bool:
    return value is None or value > limit
