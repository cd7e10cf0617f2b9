"""What a run measured: medians and ranges, as a table of Markdown, as JSON, and kept row by row for `--resume`."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import pythons
from tests.support.gateway import ROOT

START, END = "<!-- figures -->", "<!-- end of the figures -->"


@dataclass
class Result:
    """One row. `lines`: the figures by title and server. `failed`: the sentence of each server that could not do it.

    `beyond`: what the figure of a server that was cut off is more than. `seconds`: how long the row took.
    """

    lines: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    beyond: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, title: str, server: str, value: float) -> None:
        self.lines.setdefault(title, {}).setdefault(server, []).append(value)

    def cut(self, title: str, server: str, value: float) -> None:
        """Figures of runs in which the server was quick enough are dropped: their median would flatter it."""
        self.beyond.setdefault(title, {})[server] = value
        self.lines.setdefault(title, {}).pop(server, None)

    def fail(self, server: str, sentence: str) -> None:
        """What a server did before it failed says nothing."""
        self.failed[server] = sentence
        for figures in (*self.lines.values(), *self.beyond.values()):
            figures.pop(server, None)  # type: ignore[attr-defined]


Results = dict[str, Result]
"""By name of the row."""


def table(results: Results) -> str:
    """Markdown: medians, with the smallest and the largest figure where a line has several. A line for each figure."""
    names = list(dict.fromkeys(server for row in results.values() for server in _servers(row)))
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for row in results.values():
        for title, figures in row.lines.items():
            lines.append(f"| {title} | " + " | ".join(_shown(row, title, figures, name) for name in names) + " |")
    return "\n".join(lines)


def _shown(row: Result, title: str, figures: Mapping[str, Sequence[float]], server: str) -> str:
    if server in figures:
        return cell(figures[server])
    if server in row.beyond.get(title, {}):
        return f"more than {short(row.beyond[title][server])}"
    return "failed" if server in row.failed else ""


def _servers(row: Result) -> Iterator[str]:
    for figures in row.lines.values():
        yield from figures
    for bounds in row.beyond.values():
        yield from bounds
    yield from row.failed


def cell(figures: Sequence[float]) -> str:
    middle = short(statistics.median(figures))
    return middle if len(figures) == 1 else f"{middle} ({short(min(figures))} to {short(max(figures))})"


def short(value: float) -> str:
    """Two digits after the point, or none where they would be noise."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def noise(results: Results) -> str:
    """One sentence: the widest range of a figure, in percent of its median."""
    ranges = [
        ((max(figures) - min(figures)) / statistics.median(figures), title, server)
        for row in results.values()
        for title, servers in row.lines.items()
        for server, figures in servers.items()
        if len(figures) > 1 and statistics.median(figures) > 0
    ]
    if not ranges:
        return "There was one run, so that no range is known."
    widest, title, server = max(ranges)
    middle = statistics.median(each for each, _, _ in ranges)
    return (
        f"The range of a figure is {middle:.0%} of it in the median and {widest:.0%} at most ({server}: {title}); "
        "a difference that is smaller may be noise."
    )


def failures(results: Results) -> str:
    """A line of Markdown for each server that failed at a row."""
    return "\n".join(
        f"- {server}, `{name}`: {sentence}" for name, row in results.items() for server, sentence in row.failed.items()
    )


def written(page: str, figures: str) -> str:
    """The page with `figures` between its two marks."""
    before, _, rest = page.partition(START)
    return f"{before}{START}\n{figures}\n{END}{rest.partition(END)[2]}"


def machine() -> dict[str, str]:
    """What figures depend on besides the servers."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in _text(Path("/proc/cpuinfo")).splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "processor": f"{model}, {os.cpu_count()} of them",
        "system": f"{platform.system()} {platform.release()}",
        "python": pythons.description(pythons.facts()),
    }


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def commit() -> str:
    """The commit, and a digest of what differs from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout

    head, changes = git("rev-parse", "--short=10", "HEAD").strip(), git("diff", "HEAD", "--", "server", "tests/bench")
    if not head:
        return "unknown"
    return f"{head}+{hashlib.sha256(changes.encode()).hexdigest()[:8]}" if changes else head


class Kept:
    """Finished rows in `folder`. A row is taken again only if it was measured under the same `conditions`."""

    def __init__(self, folder: Path, conditions: Mapping[str, Any]) -> None:
        self._folder = folder
        self._conditions = json.loads(json.dumps({**conditions, "host": _text(Path("/etc/machine-id")).strip()}))
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str) -> Result | None:
        """The row, or None with a printed reason if it is there and differs."""
        text = _text(self._folder / f"{name}.json")
        try:
            found = json.loads(text)
            conditions, row = found["conditions"], Result(**found["row"])
        except (ValueError, KeyError, TypeError):
            return None
        other = sorted(key for key, value in self._conditions.items() if conditions.get(key) != value)
        if other:
            print(f"  {name}: measured again, because of another {' and '.join(other)}", flush=True)
            return None
        return row

    def seconds(self, name: str) -> float:
        """How long the row took when it was last measured here, under whatever conditions; 0 if that is not known."""
        try:
            return float(json.loads(_text(self._folder / f"{name}.json"))["row"]["seconds"])
        except (ValueError, KeyError, TypeError):
            return 0.0

    def put(self, name: str, row: Result) -> None:
        """Whole or not at all: a run that is stopped leaves no half of a file."""
        partial = self._folder / f"{name}.json.part"
        partial.write_text(json.dumps({"conditions": self._conditions, "row": asdict(row)}), encoding="utf-8")
        partial.replace(self._folder / f"{name}.json")


def as_json(results: Results, conditions: Mapping[str, Any]) -> str:
    """What the page shows, for programs."""
    rows = {name: asdict(row) for name, row in results.items()}
    return json.dumps({**conditions, "rows": rows}, indent=1, sort_keys=False) + "\n"


if sys.platform == "win32":  # no row is measured there: the load generator needs epoll and /proc
    raise ImportError("the benchmark with peers needs Linux")
