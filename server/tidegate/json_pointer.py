"""JSON pointers (RFC 6901): the text that names a value inside a JSON value.

This module knows neither schemas nor messages.
Invariant: `steps(pointer(path))` are the texts of `path`, whatever characters they have.
"""

from __future__ import annotations

from collections.abc import Iterable


def escape(part: str | int) -> str:
    """One step of a pointer, escaped."""
    return str(part).replace("~", "~0").replace("/", "~1")


def unescape(step: str) -> str:
    """The name that `escape` made the step of a pointer from."""
    return step.replace("~1", "/").replace("~0", "~")


def pointer(path: Iterable[str | int]) -> str:
    """The pointer with these steps."""
    return "".join(f"/{escape(part)}" for part in path)


def steps(text: str) -> list[str]:
    """The names that the steps of a pointer stand for. A step into an array is its index as text."""
    return [unescape(step) for step in text.split("/")[1:]]
