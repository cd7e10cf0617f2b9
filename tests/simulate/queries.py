"""What the clients of a simulated history want, who they are, and what each of them may see.

Filters and permissions are said a second time here, in plain Python, so that the judge shares no code with the gateway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

Row = dict[str, Any]

RESOURCES = ("items", "notes", "books")
KINDS, OWNERS, KEYS = ("a", "b", "c"), ("ada", "bob"), (1, 2, 3, 4, 5)


class Viewer(NamedTuple):
    """A user, as far as it matters for what it may see."""

    id: str
    clerk: bool = False
    team: str | None = None

    def may_see(self, resource: str, row: Row) -> bool:
        """Whether the row is visible; that of `books` nothing at all is, the gateway says with a refusal."""
        if resource == "items" or self.clerk:
            return True
        return resource == "notes" and (row["owner"] == self.id or row["kind"] == self.team)


TOKENS = {
    "ada": Viewer("ada"),
    "ada in team b": Viewer("ada", team="b"),
    "bob": Viewer("bob"),
    "clerk": Viewer("clerk", clerk=True),
}
"""The user that a token names. A client without a token is an unknown guest."""


@dataclass(frozen=True, eq=False)
class Query:
    """A subscription that clients may have."""

    resource: str
    filters: Row
    matches: Callable[[Row], bool]
    fields: tuple[str, ...] | None = None

    def seen(self, row: Row) -> Row:
        """What a client with this query sees of a row."""
        return row if self.fields is None else {name: row[name] for name in self.fields}

    def __str__(self) -> str:
        return f"{self.resource}{self.filters or ''}{list(self.fields) if self.fields else ''}"


QUERIES = (
    Query("items", {}, lambda row: True),
    Query("items", {"kind": "a"}, lambda row: row["kind"] == "a"),
    Query("items", {"size": {"gte": 5}}, lambda row: row["size"] >= 5),
    Query("items", {"kind": {"in": ["a", "b"]}}, lambda row: row["kind"] in {"a", "b"}, ("id", "size")),
    Query("notes", {}, lambda row: True),
    Query("notes", {"kind": "b"}, lambda row: row["kind"] == "b"),
    Query("notes", {}, lambda row: True, ("id", "size")),
    Query("books", {}, lambda row: True),
    Query("books", {"kind": "a"}, lambda row: row["kind"] == "a", ("id", "owner")),
)
