"""What figures say against others: which paths are slower than allowed, and which are much quicker.

Pure: it measures nothing.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

import msgspec

LIMIT = 1.15
"""A path fails above so many times its figure."""
COARSE = 1.5
"""The limit where the figures are those of another kind of machine."""
Figures = Mapping[str, float]


class Verdict(msgspec.Struct, frozen=True):
    """`ratios`: of the paths that both have. `limit`: the largest ratio that is allowed."""

    ratios: dict[str, float]
    limit: float
    unknown: tuple[str, ...] = ()
    """Paths that have no figure to compare with, or no longer exist."""

    @property
    def slower(self) -> list[str]:
        return [name for name, ratio in self.ratios.items() if ratio > self.limit]

    @property
    def quicker(self) -> list[str]:
        return [name for name, ratio in self.ratios.items() if ratio < 1 / LIMIT]

    @property
    def good(self) -> bool:
        return not self.slower and not self.unknown


def verdict(found: Figures, expected: Figures, limit: float = LIMIT) -> Verdict:
    return Verdict(
        {name: found[name] / expected[name] for name in found if name in expected},
        limit,
        tuple(sorted(found.keys() ^ expected.keys())),
    )


def medians(runs: Sequence[Figures]) -> dict[str, float]:
    """The median figure of each path of the first run, over the runs that have it.

    Runs are of separate processes, whose memory lies differently.
    """
    return {name: statistics.median(run[name] for run in runs if name in run) for name in runs[0]}


def table(judged: Verdict) -> Iterable[str]:
    yield f"{'path':<34}{'times the baseline':>20}{'at most':>10}"
    for name, ratio in judged.ratios.items():
        mark = "  slower" if name in judged.slower else "  quicker" if name in judged.quicker else ""
        yield f"{name:<34}{ratio:>20.2f}{judged.limit:>10.2f}{mark}"
    for name in judged.unknown:
        yield f"{name:<34}{'no figure':>20}"
