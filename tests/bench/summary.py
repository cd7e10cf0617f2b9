"""What `WRITE=1` puts into docs/explanation/performance.md: the medians of the run, beside fewer servers.

Pure: Markdown from results.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.bench.results import Results, short

BESIDE = ("tidegate", "tidegate, uvloop", "tidegate, other Python", "websockets", "Go, gorilla", "FastAPI", "Socket.IO")
"""Servers of the first table: Tidegate, the library it uses, and what many applications are built on."""
BY_HAND = ("tidegate", "by hand, polling", "by hand, LISTEN")


def summary(results: Results, command: str, named: Sequence[str], product: Sequence[str]) -> str:
    """`command`: what measured. `named`: rows of the first table. `product`: rows of the second one."""
    parts = [
        f"From `{command}`, medians; [all servers, ranges and conditions](../benchmarks/README.md).",
        _table({name: row for name, row in results.items() if name in named}, BESIDE),
        _table({name: row for name, row in results.items() if name in product}, BY_HAND),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(results: Results, servers: Sequence[str]) -> str:
    """Empty without a row. A server without any figure has no column."""
    lines = [(row, title, figures) for row in results.values() for title, figures in row.lines.items()]
    names = [
        name
        for name in servers
        if any(name in figures or name in row.beyond.get(title, {}) for row, title, figures in lines)
    ]
    if not names:
        return ""
    table = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for row, title, figures in lines:
        cells = []
        for name in names:
            bound = row.beyond.get(title, {}).get(name)
            missing = f"more than {short(bound)}" if bound is not None else "failed" if name in row.failed else ""
            cells.append(short(statistics.median(figures[name])) if name in figures else missing)
        table.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(table)
