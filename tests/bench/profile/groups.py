"""The names of what a request costs: which group a stack belongs to.

A sample is taken after the call of the interpreter's C code that it interrupted, so that the line of the innermost
frame tells what it was: a line with `send(` is the system's write. Other stacks have the name of the innermost frame
whose file has one. Invariant: each stack has exactly one name.
"""

from __future__ import annotations

import linecache
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tests.bench.profile.sampled import Stack

SYSTEM = (
    (
        "system: write",
        re.compile(r"asyncio/selector_events\.py$|tidegate/transport/straight\.py$"),
        re.compile(r"\.send(msg)?\("),
    ),
    ("system: read", re.compile(r"asyncio/selector_events\.py$"), re.compile(r"\.recv(_into)?\(")),
    ("system: wait", re.compile(r"selectors\.py$"), re.compile(r"\.poll\(")),
    (
        "system: open and close a socket",
        re.compile(r"(asyncio/selector_events|selectors|socket)\.py$"),
        re.compile(
            r"accept\(|setblocking|setsockopt|\.register\(|\.unregister\(|\.modify\(|\.close\(|getpeername|shut"
        ),
    ),
    ("encoding", re.compile(r"tidegate/"), re.compile(r"encode\(|framed?\(")),
)
"""(name, file, line) of calls into C code."""
PARTS = (
    ("frames in", re.compile(r"tidegate/transport/(read_side|frames|connection|taking)\.py$")),
    ("frames out", re.compile(r"tidegate/transport/(write_side|straight|outbox)\.py$|gateway/sender\.py$")),
    ("opening handshake", re.compile(r"tidegate/transport/(opening|handshake|accepting|http_|exchange|gatekeeper)")),
    ("transport, the rest", re.compile(r"tidegate/transport/|websockets/")),
    ("decoding and validation", re.compile(r"tidegate/contract/|jsonschema|tidegate_protocol")),
    ("core: turns, rates and memory", re.compile(r"tidegate/core/budgets/")),
    ("core: rooms", re.compile(r"tidegate/core/(rooms|access)/")),
    ("core: rows", re.compile(r"tidegate/core/(rows|filters)/")),
    ("core: sessions", re.compile(r"tidegate/core/")),
    ("tokens", re.compile(r"tidegate/auth/|tidegate/identities")),
    ("rooms in memory", re.compile(r"tidegate/engines/")),
    ("store, in the loop's thread", re.compile(r"tidegate/store/")),
    ("gateway: effects and tasks", re.compile(r"tidegate/gateway/")),
    ("asyncio", re.compile(r"asyncio/|selectors\.py$")),
)
"""(name, file), the first that fits."""
REST = "what has no other name"
SELF = re.compile(r"bench/profile/sampled\.py$")


class Share(NamedTuple):
    """What a group costs."""

    name: str
    us: float
    noise: float
    """Microseconds that it may be more or less, with 95 % certainty."""


def name_of(stack: Stack) -> str:
    """The group of a stack, whose innermost frame comes first."""
    file, _, line = stack[0]
    text = linecache.getline(file, line)
    for name, in_file, in_line in SYSTEM:
        if in_file.search(file) and in_line.search(text):
            return name
    for file, _, _ in stack:
        for name, in_file in PARTS:
            if in_file.search(file):
                return name
    return REST


def shares(stacks: Iterable[tuple[Stack, int]], threads_us: Mapping[str, float], main: str) -> list[Share]:
    """What each group costs, the largest first. `threads_us`: microseconds of each thread; of `main`, the stacks tell
    more. The sum of the groups is the sum of the threads.
    """
    counted: Counter[str] = Counter()
    for stack, times in stacks:
        if stack and not SELF.search(stack[0][0]):
            counted[name_of(stack)] += times
    total, of_main = counted.total(), threads_us[main]
    found = [
        Share(name, of_main * times / total, 1.96 * of_main * (times * (total - times) / total**3) ** 0.5)
        for name, times in counted.items()
    ]
    others: Counter[str] = Counter()
    for thread, us in threads_us.items():
        if thread != main:
            others[f"thread: {re.sub(r'_?[0-9]+$', '', thread)}"] += us  # type: ignore[assignment]  # floats add up, too
    found += [Share(name, us, 0.0) for name, us in others.items()]
    return sorted(found, key=lambda share: -share.us)
