"""The subscriptions of a history, called queries. Each is written three times: as a filter, in SQL and in Python.

The SQL (equal for SQLite and PostgreSQL) and the Python are written by hand, so that the judge shares no code with the
gateway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Row = dict[str, Any]

COLUMNS = {
    "users": ("id", "name", "email", "status"),
    "tasks": ("id", "user_id", "title", "done", "priority", "notes"),
    "letters": ("id", "owner", "text", "starred"),
}
"""The properties of a row that clients may see, by resource."""


class Query(NamedTuple):
    """A subscription. `users` has the permissions.

    `matches` takes the raw columns of a row as the change log has them.
    """

    resource: str
    filters: Row
    where: str
    matches: Callable[[Row], bool]
    fields: tuple[str, ...] | None = None
    user: str = "a guest"
    """The first user of its client."""

    @property
    def columns(self) -> tuple[str, ...]:
        return COLUMNS[self.resource] if self.fields is None else self.fields

    def seen(self, image: Row) -> Row:
        """The properties of a row that a client with this query sees. A missing property is null."""
        return {name: image.get(name) for name in self.columns}

    def __str__(self) -> str:
        wanted = f"{self.filters or ''}{list(self.fields) if self.fields else ''}"
        return f"{self.resource} {wanted}{f' for {self.user}' if self.user != 'a guest' else ''}"


QUERIES = [
    Query("users", {}, "true", lambda row: True),
    Query("tasks", {}, "true", lambda row: True),
    Query("users", {"status": "active"}, "status = 'active'", lambda row: row["status"] == "active"),
    Query("tasks", {"done": False}, "not done", lambda row: not row["done"]),
    Query("users", {}, "true", lambda row: True, fields=("id", "status")),
    Query("tasks", {}, "true", lambda row: True, fields=("id", "title")),
    Query("users", {"status": "inactive"}, "status = 'inactive'", lambda row: row["status"] == "inactive"),
    Query(
        "tasks",
        {"done": True, "priority": 1},
        "done and priority = 1",
        lambda row: row["done"] and row["priority"] == 1,
    ),
    # The filter uses properties that the client does not see.
    Query("users", {"status": "active"}, "status = 'active'", lambda row: row["status"] == "active", ("id", "name")),
    Query("tasks", {"done": True}, "done", lambda row: bool(row["done"]), fields=("id", "priority")),
    Query("users", {"name": {"startswiths": "f1"}}, "substr(name, 1, 2) = 'f1'", lambda row: row["name"][:2] == "f1"),
    Query("tasks", {"priority": {"gte": 4}}, "priority >= 4", lambda row: row["priority"] >= 4),
    Query(
        "users",
        {"status": {"ne": "active"}, "name": {"containss": "-1"}},
        "status <> 'active' and replace(name, '-1', '') <> name",
        lambda row: row["status"] != "active" and "-1" in row["name"],
    ),
    Query("tasks", {"notes": None}, "notes is null", lambda row: row.get("notes") is None),
    Query(
        "tasks",
        {"or": [{"priority": {"in": [1, 5]}}, {"done": True}]},
        "priority in (1, 5) or done",
        lambda row: row["priority"] in (1, 5) or bool(row["done"]),
    ),
    Query("letters", {}, "true", lambda row: True, user="ada"),
    Query("letters", {}, "true", lambda row: True, fields=("id", "text"), user="bob"),
    Query("letters", {}, "true", lambda row: True, user="clerk"),
    Query("letters", {"starred": True}, "starred", lambda row: bool(row["starred"]), user="ada"),
    # A client that requests rows of another user gets none.
    Query("letters", {"owner": "ada"}, "owner = 'ada'", lambda row: row["owner"] == "ada", user="bob"),
    Query(
        "letters",
        {"owner": {"in": ["bob", "nobody"]}},
        "owner in ('bob', 'nobody')",
        lambda row: row["owner"] in ("bob", "nobody"),
        user="clerk",
    ),
]
