"""The chart of a run: a panel for each figure, a bar for each server, the best one first. SVG without any library."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from html import escape

from tests.bench.results import Results, short

WIDTH, BAR, GAP, TITLE, LEFT, RIGHT = 860, 16, 5, 34, 170, 90
OURS = "tidegate"
STYLE = (
    "text{font:12px sans-serif;fill:#24292f}.title{font-weight:bold}.ours{fill:#0a7ea4}.peer{fill:#9aa4ae}"
    ".floor{fill:#c9d1d9}.range{stroke:#24292f;stroke-width:1}"
)


def svg(results: Results, higher: Sequence[str] = ()) -> str:
    """`higher`: the titles of figures of which more is better."""
    body, y = [], 10
    for row in results.values():
        for title, figures in row.lines.items():
            if figures:
                panel, height = _panel(title, figures, y, title in higher)
                body.append(panel)
                y += height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">'
        f'<style>{STYLE}</style><rect width="{WIDTH}" height="{y}" fill="#ffffff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _panel(title: str, figures: Mapping[str, Sequence[float]], top: int, higher: bool) -> tuple[str, int]:
    """The panel, and its height."""
    ordered = sorted(figures.items(), key=lambda each: statistics.median(each[1]), reverse=higher)
    most = max(*(value for values in figures.values() for value in values), 1e-9)
    better = "more is better" if higher else "less is better"
    parts = [f'<text class="title" x="10" y="{top + 16}">{escape(title)}, {better}</text>']
    for number, (server, values) in enumerate(ordered):
        y, middle = top + TITLE - 8 + number * (BAR + GAP), statistics.median(values)
        kind = "ours" if server.startswith(OURS) else "floor" if server.startswith("C, ") else "peer"
        width, least, largest = (max(1.0, _x(value, most)) for value in (middle, min(values), max(values)))
        parts.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(server)}</text>')
        parts.append(f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}"/>')
        if len(values) > 1:
            ends = f'x1="{LEFT + least:.1f}" x2="{LEFT + largest:.1f}"'
            parts.append(f'<line class="range" {ends} y1="{y + BAR / 2}" y2="{y + BAR / 2}"/>')
        parts.append(f'<text x="{LEFT + max(width, largest) + 6:.1f}" y="{y + 12}">{short(middle)}</text>')
    return "\n".join(parts), TITLE + len(ordered) * (BAR + GAP) + 8


def _x(value: float, most: float) -> float:
    return max(0.0, value) / most * (WIDTH - LEFT - RIGHT)
