"""What can be wrong with a schema folder, told so that an editor could jump there.

Invariant: a folder's problems are all reported at once, in the order of files and pointers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """`file` is relative to the schema folder, `pointer` an RFC 6901 pointer into it ("" is the whole file)."""

    file: str
    pointer: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.pointer or '/'}: {self.reason}"


class SchemaError(Exception):
    """A schema folder that cannot be used. Its text has one `file: pointer: reason` line a problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))
