"""A problem of a schema folder, with its file and JSON pointer.

Invariant: all problems of a folder are reported at once, in the order of files and pointers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """`file` is relative to the schema folder. `pointer` is an RFC 6901 pointer into it; "" is the whole file."""

    file: str
    pointer: str
    reason: str
    hint: bool = False
    """It is probably a mistake, but an application can mean it: `tidegate check` reports it and passes."""

    def __str__(self) -> str:
        return _on_one_line(f"{self.file}: {self.pointer or '/'}: {'hint: ' if self.hint else ''}{self.reason}")


def _on_one_line(text: str) -> str:
    """`text` with escapes for what would break the line or change its direction: names may have any characters."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


class SchemaError(Exception):
    """A schema folder cannot be used. The text has a line `file: pointer: reason` for each problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))
