"""What the clients of a history want to see, each wish said three times: as a filter, as SQL, and in Python.

The SQL and the Python are written by hand, so that the judge shares no code with the gateway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Row = dict[str, Any]


class Wish(NamedTuple):
    """A subscription; `matches` takes the raw columns of a row as the change log has them."""

    resource: str
    filters: Row
    where: str
    matches: Callable[[Row], bool]


WISHES = [
    Wish("users", {}, "1", lambda row: True),
    Wish("users", {"status": "active"}, "status = 'active'", lambda row: row["status"] == "active"),
    Wish("users", {"status": "inactive"}, "status = 'inactive'", lambda row: row["status"] == "inactive"),
    Wish("users", {"name": {"startswiths": "f1"}}, "name glob 'f1*'", lambda row: row["name"].startswith("f1")),
    Wish(
        "users",
        {"status": {"ne": "active"}, "name": {"containss": "-1"}},
        "status <> 'active' and instr(name, '-1') > 0",
        lambda row: row["status"] != "active" and "-1" in row["name"],
    ),
    Wish("tasks", {}, "1", lambda row: True),
    Wish("tasks", {"done": False}, "done = 0", lambda row: row["done"] == 0),
    Wish(
        "tasks",
        {"done": True, "priority": 1},
        "done and priority = 1",
        lambda row: row["done"] and row["priority"] == 1,
    ),
    Wish("tasks", {"priority": {"gte": 4}}, "priority >= 4", lambda row: row["priority"] >= 4),
    Wish("tasks", {"notes": None}, "notes is null", lambda row: row.get("notes") is None),
    Wish(
        "tasks",
        {"or": [{"priority": {"in": [1, 5]}}, {"done": True}]},
        "priority in (1, 5) or done",
        lambda row: row["priority"] in (1, 5) or row["done"] == 1,
    ),
]
