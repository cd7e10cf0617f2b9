"""The table of `tidegate top --nodes`: a line for each gateway, each within the width of the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.cli.top_table import Column, duration, fit, plain


def _state(node: Mapping[str, Any]) -> str:
    """What is wrong with a gateway; `healthy` if nothing is."""
    wrong = [
        "does not answer" if node["silent"] else "",
        node["standing"] if node["standing"] != "present" else "",
        "draining" if node.get("draining") else "",
        f"database: {node['database']}" if node.get("database", "healthy") != "healthy" else "",
        f"engine: {node['engine']}" if node.get("engine", "healthy") != "healthy" else "",
    ]
    return ", ".join(filter(None, wrong)) or "healthy"


COLUMNS = (
    Column("NODE", -18, lambda node: node["node"]),
    Column("HOST", -20, lambda node: node.get("host", "-")),
    Column("PROCESS", 8, lambda node: str(node.get("process", "-"))),
    Column("WORKER", 6, lambda node: str(node.get("worker") or "-")),
    Column("VERSION", -9, lambda node: node.get("version", "-")),
    Column("UP", 6, lambda node: duration(node["up"]) if "up" in node else "-"),
    Column("HEARD", 6, lambda node: "-" if node["heard"] is None else duration(node["heard"])),
    Column("CONNECTIONS", 11, lambda node: str(node.get("connections", "-"))),
    Column("STATE", -40, _state),
)


def lines(found: Mapping[str, Any], now: float, width: int) -> list[str]:
    """The head, and a line for each gateway. `now`: seconds since the Unix epoch."""
    nodes = [
        {**node, "up": max(0.0, now - node["since"] / 1000)} if "since" in node else node for node in found["items"]
    ]
    total = sum(node.get("connections", 0) for node in nodes)
    silent = f", silent: {', '.join(found['silent'])}" if found["silent"] else ""
    titles = " ".join(fit(each.title, each.width) for each in COLUMNS)
    rows = [" ".join(fit(str(column.text(node)), column.width) for column in COLUMNS) for node in nodes]
    head = plain(f"{len(nodes)} gateways, {total} connections{silent}")
    return [line[:width].rstrip() for line in (head, titles, *rows)]
