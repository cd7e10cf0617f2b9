"""Draws the states of a subscription from the table of `core.rows.catch_up`, as a Mermaid diagram.

`python -m tests.core.rows.catch_up_diagram` writes it into the document, between the two marks. It shows the rows that
lead from one state to another; what a subscription asks for within a state stands in the table alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.support.gateway import ROOT
from tidegate.core.rows.catch_up import TABLE, Row
from tidegate.core.rows.catch_up_conditions import always

DOCUMENT = ROOT / "docs" / "explanation" / "architecture.md"
BEGIN, END = "<!-- states: begin -->", "<!-- states: end -->"
FEW_EVENTS = 2
"""A row for more events is labelled with its condition alone."""


def diagram() -> str:
    """The diagram, with the fences of a Markdown code block."""
    ways = [f"    {row.state} --> {row.to}: {label(row)}" for row in TABLE if row.state is not row.to]
    begins = ["    [*] --> waiting: subscribe", "    [*] --> snapshot: start again"]
    return "\n".join(["```mermaid", "stateDiagram-v2", *begins, *ways, "    ended --> [*]", "```"])


def label(row: Row) -> str:
    """`events [condition] / answer`."""
    parts = []
    if row.when is always or len(row.events) <= FEW_EVENTS:
        parts.append(" or ".join(_words(event.__name__) for event in row.events))
    if row.when is not always:
        parts.append(f"[{_name(row.when)}]")
    if row.answer is not None:
        parts.append(f"/ {_name(row.answer)}")
    return " ".join(parts)


def written(text: str) -> str:
    """`text` of the document with the diagram of today between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    assert found, f"{DOCUMENT} has no place for the diagram"
    return f"{before}{BEGIN}\n{diagram()}\n{END}{after}"


def _name(function: Callable[..., Any]) -> str:
    return function.__name__.replace("_", " ")


def _words(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
