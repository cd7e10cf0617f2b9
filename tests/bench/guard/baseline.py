"""The committed figures, and for which machines they hold.

Ratios to the calibration differ between builds of Python and kinds of processors, by more than the guard allows. So the
file has a set of figures for each Python and processor on which it was written.
Invariant: figures are compared only with those of the same key, but for the coarse comparison that says so.
"""

from __future__ import annotations

import json
import platform
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from tests.support.gateway import ROOT

FILE = ROOT / "tests/bench/baseline.json"
Figures = Mapping[str, float]


def python() -> str:
    """The Python minor version, and whether it was built with profiles, which makes it a quarter quicker."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    kind = "optimised" if "--enable-optimizations" in options or sys.platform == "win32" else "plain"
    return f"{sys.version_info.major}.{sys.version_info.minor} {kind}"


def processor(information: Path = Path("/proc/cpuinfo")) -> str:
    """The model of the processor. Its numbers tell apart what virtual machines call by one name."""
    try:
        lines = (line.partition(":") for line in information.read_text(encoding="utf-8").split("\n\n")[0].splitlines())
        said = {name.strip(): value.strip() for name, _, value in lines}
    except OSError:
        said = {}
    parts = [platform.machine(), said.get("model name", "")]
    numbers = [said[name] for name in ("cpu family", "model", "CPU implementer", "CPU part") if name in said]
    return " ".join(part for part in (*parts, "/".join(numbers)) if part)


def key() -> str:
    return f"Python {python()}, {processor()}"


def read(file: Path = FILE) -> dict[str, dict[str, float]]:
    """The figures by key; nothing where there is no file."""
    if not file.exists():
        return {}
    found: dict[str, dict[str, float]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def write(figures: Figures, name: str, file: Path = FILE) -> None:
    """Keep the figures of one key, beside those of others."""
    kept = {**read(file), name: {path: round(figure, 3) for path, figure in figures.items()}}
    file.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + "\n", encoding="utf-8")


def nearest(known: Mapping[str, Figures], name: str) -> str | None:
    """The key whose figures are worth a coarse comparison: one of the same Python, or of any; None without one."""
    same = [each for each in known if each.partition(",")[0] == name.partition(",")[0]]
    return next(iter(same or known), None)
