"""The table of `tidegate top`: connections as lines of text, each within the width of the terminal.

What comes of clients, such as user ids, is shown without characters that would change the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

SORTS = (
    "cost", "loop", "reads", "frames_in", "bytes_in", "frames_out", "bytes_out", "unsent", "held", "rooms",
    "subscriptions", "age", "idle",
)  # fmt: skip


class Column(NamedTuple):
    """One column."""

    title: str
    width: int
    text: Callable[[Mapping[str, Any]], str]
    of: str = ""
    """The order that it shows."""


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f}" if seconds < 10 else f"{seconds * 1000:.0f}"  # width


def size(number: float) -> str:
    """`number` in at most six characters: 999, 12.3k, 4.5M."""
    for unit in ("", "k", "M", "G"):
        if number < 1000 or unit == "G":  # the next unit
            return f"{number:.0f}" if not unit else f"{number:.1f}{unit}"
        number /= 1000
    raise AssertionError


def duration(seconds: float) -> str:
    if seconds < 100:  # width
        return f"{seconds:.0f}s"
    if seconds < 6000:  # width
        return f"{seconds / 60:.0f}m"
    return f"{seconds / 3600:.0f}h"


COLUMNS = (
    Column("CONNECTION", -13, lambda each: each["id"]),
    Column("USER", -20, lambda each: each.get("user", "") or f"({each['kind']})"),
    Column("ADDRESS", -16, lambda each: each.get("address", "") or "-"),
    Column("COST ms", 8, lambda each: milliseconds(each["cost"]), "cost"),
    Column("LOOP ms", 8, lambda each: milliseconds(each["loop"]), "loop"),
    Column("READS ms", 8, lambda each: milliseconds(each["reads"]), "reads"),
    Column("IN", 6, lambda each: size(each["frames_in"]), "frames_in"),
    Column("IN B", 7, lambda each: size(each["bytes_in"]), "bytes_in"),
    Column("OUT", 6, lambda each: size(each["frames_out"]), "frames_out"),
    Column("OUT B", 7, lambda each: size(each["bytes_out"]), "bytes_out"),
    Column("UNSENT", 7, lambda each: size(each["unsent"]), "unsent"),
    Column("HELD", 7, lambda each: size(each["held"]), "held"),
    Column("ROOMS", 5, lambda each: str(each["rooms"]), "rooms"),
    Column("SUBS", 5, lambda each: str(each["subscriptions"]), "subscriptions"),
    Column("AGE", 5, lambda each: duration(each["age"]), "age"),
)


def lines(found: Mapping[str, Any], sort: str, width: int) -> list[str]:
    """The head, and a line for each connection."""
    nodes = found["nodes"]
    total, bad = sum(node["connections"] for node in nodes), [node for node in nodes if node["database"] != "healthy"]
    state = ", ".join(str(node["database"]) for node in bad) or "database healthy"
    silent = f", silent: {', '.join(found['silent'])}" if found["silent"] else ""
    head = f"{total} connections, {len(nodes)} processes, {state}{silent}; by {sort}"
    titles = " ".join(fit(f"{each.title}*" if each.of == sort else each.title, each.width) for each in COLUMNS)
    rows = [" ".join(fit(column.text(each), column.width) for column in COLUMNS) for each in found["items"]]
    return [line[:width].rstrip() for line in (plain(head), titles, *rows)]


def fit(text: str, width: int) -> str:
    """`text`, cut or filled to `width` characters; a negative width is aligned to the left."""
    text = plain(text)
    most = abs(width)
    if len(text) > most:
        text = f"{text[: most - 1]}…"
    return text.ljust(most) if width < 0 else text.rjust(most)


def plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
