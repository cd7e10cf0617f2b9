"""How much memory clients may make the gateway hold: the setting `memory`, and what the machine or container has.

It reads the memory limit of the process's cgroup, version 1 or 2, and the size of the machine. It counts nothing:
`core.budgets.ledger` does.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "kb": 10**3, "mb": 10**6, "gb": 10**9}
LEAST = 1 << 20
"""A budget below this could not hold the answers to one client."""
CGROUPS, OF_PROCESS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def parse(text: str) -> int | float:
    """The meaning of `memory`: bytes as an int, or a part of all memory as a float from 0 to 1. Raises ValueError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%|[a-z]*)\s*", text, re.I)
    if found is None or (unit := found[2].lower()) not in {"%", *UNITS}:
        raise ValueError('must be a share such as "25 %", a size such as "256 MiB", or 0 for no limit')
    number = float(found[1])
    if unit == "%":
        if number > 100:
            raise ValueError(f'must be "100 %" at most, not {text!r}')
        return number / 100 if number else 0
    size = int(number * UNITS[unit])
    if 0 < size < LEAST:
        raise ValueError(f'must be "1 MiB" at least, or 0 for no limit, not {text!r}')
    return size


def available(cgroups: Path = CGROUPS, of_process: Path = OF_PROCESS) -> int:
    """Bytes that this process may use: those of the machine, or of the smallest cgroup around the process."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *_cgroup_limits(cgroups, of_process)])


def _cgroup_limits(cgroups: Path, of_process: Path) -> list[int]:
    try:
        lines = of_process.read_text().splitlines()
    except OSError:
        return []
    limits: list[int] = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            limits += _limits(cgroups, group, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits(cgroups / "memory", group, "memory.limit_in_bytes")
    return limits


def _limits(root: Path, group: str, file: str) -> list[int]:
    """The limits of `group` and of all groups around it, as far as they can be seen from here.

    In a container `group` may be a path of the host; then only the root is there, and it has the container's limit.
    """
    here = root / group.strip("/")
    limits: list[int] = []
    for folder in (here, *here.parents):
        if not folder.is_relative_to(root):
            break
        try:
            text = (folder / file).read_text().strip()
        except OSError:
            continue
        if text.isdigit():  # otherwise "max": no limit here
            limits.append(int(text))
    return limits
