"""How many workers there are to be: the setting `workers`, or as many as this process may use cores.

These are the cores of its affinity, or what the cgroups around it leave of them.

Invariant: the answer is 1 at least.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

AUTO, MOST = "auto", 256
CGROUPS, OF_PROCESS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def number(workers: int | str) -> int:
    """The meaning of `workers`. Raises ValueError, which says what is valid."""
    if workers == AUTO:
        return min(MOST, usable()) if sys.platform == "linux" else 1
    text = str(workers)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise ValueError(f"must be a number from 1 to {MOST}, or {AUTO}, not {text!r}")
    if int(text) > 1 and sys.platform != "linux":
        raise ValueError("several workers need Linux; use 1 on this system")
    return int(text)


def usable(cgroups: Path = CGROUPS, of_process: Path = OF_PROCESS) -> int:
    """Cores of this process. A quota of one and a half cores counts as two."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([own, *(math.ceil(quota) for quota in _quotas(cgroups, of_process))]))


def _quotas(cgroups: Path, of_process: Path) -> Iterator[float]:
    """The quotas of the process's cgroups and of all around them, in cores."""
    try:
        lines = of_process.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            for folder in _around(cgroups, group):
                yield from _share(_words(folder / "cpu.max"))
        elif "cpu" in controllers.split(","):
            for folder in _around(cgroups / "cpu", group):
                yield from _share(_words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us"))


def _around(root: Path, group: str) -> Iterator[Path]:
    """The folders of `group` and of all groups around it; in a container only the root may be there."""
    here = root / group.strip("/")
    for folder in (here, *here.parents):
        if not folder.is_relative_to(root):
            return
        yield folder


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _share(words: list[str]) -> Iterator[float]:
    """`words`: microseconds of the processor, and of the time in which they may be used. "max" and -1 are no quota."""
    if len(words) == 2 and words[0].isdigit() and words[1].isdigit() and int(words[1]):
        yield int(words[0]) / int(words[1])
