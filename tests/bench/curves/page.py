"""The page of the curves: a table of points and models in Markdown, and a drawing of each curve.

Pure: texts from points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tests.bench.curves.model import FURTHER, Model, Points, fit
from tests.bench.curves.sizes import Curve

WIDTH, HEIGHT, MARGIN = 220, 160, 30


def table(curves: Mapping[str, Curve], points: Mapping[str, Points]) -> str:
    """A line for each curve with at least three sizes."""
    lines = [
        "| what | measured | model, with n for the size | largest error | model at ten times the largest size |",
        "|---|---|---|---|---|",
    ]
    for name, found in points.items():
        curve, model = curves[name], fit(found)
        measured = ", ".join(f"{n:,}: {cost:.3g}" for n, cost in found)
        further = FURTHER * found[-1][0]
        lines.append(
            f"| {curve.title} ({curve.unit}) | {curve.of} {measured} | {model.formula()} | {model.error:.0%} "
            f"| {further:,}: {model(further):.3g} |"
        )
    return "\n".join(lines)


def drawing(curves: Mapping[str, Curve], points: Mapping[str, Points]) -> str:
    """All curves side by side as SVG. Both axes are logarithmic; the line is the model, up to ten times the size."""
    parts = [_panel(curves[name], found, fit(found), number) for number, (name, found) in enumerate(points.items())]
    width = WIDTH * len(parts)
    style = "text{font:10px sans-serif;fill:#555}polyline{fill:none;stroke:#888}circle{fill:#06c}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" role="img">'
    return "\n".join([head, f"<style>{style}</style>", *parts, "</svg>", ""])


def _panel(curve: Curve, points: Points, model: Model, number: int) -> str:
    first, last = points[0][0], FURTHER * points[-1][0]
    steps = [first * (last / first) ** (step / 40) for step in range(41)]
    costs = [cost for _, cost in points] + [max(model(n), 1e-9) for n in steps]
    low, high = math.log10(min(costs) / 2), math.log10(max(costs) * 2)

    def place(n: float, cost: float) -> tuple[float, float]:
        x = math.log(n / first) / math.log(last / first)
        y = (math.log10(max(cost, 1e-9)) - low) / (high - low)
        return number * WIDTH + MARGIN + x * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - y * (HEIGHT - 2 * MARGIN)

    line = " ".join("{:.1f},{:.1f}".format(*place(n, model(n))) for n in steps)
    dots = "".join('<circle cx="{:.1f}" cy="{:.1f}" r="3"/>'.format(*place(n, cost)) for n, cost in points)
    left, bottom = number * WIDTH + MARGIN, HEIGHT - 10
    texts = f'<text x="{left}" y="14">{curve.title} ({curve.unit})</text>'
    texts += f'<text x="{left}" y="{bottom}">{first:,} to {last:,} {curve.of}</text>'
    return f'<g>{texts}<polyline points="{line}"/>{dots}</g>'
