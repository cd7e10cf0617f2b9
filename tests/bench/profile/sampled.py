"""A gateway that samples itself: `python -m tests.bench.profile.sampled serve ...` is `tidegate serve ...`.

A timer on the processor time of the event loop's thread interrupts that thread, and the stack is noted. For each line
on its standard input it prints what was noted since the line before, and the processor time of each thread, as JSON.
Linux only: the timer and `schedstat` are its own. Invariant: a sample stands for the same processor time as any other.
"""

from __future__ import annotations

import ctypes
import json
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

from tidegate import cli

EVERY_NS = 1_000_000
"""Nanoseconds between samples. Most kernels take no more than one in 4 ms."""
DEPTH = 30
"""Frames of a stack that are noted."""
THREAD_CLOCK, NOTIFY_THREAD = 3, 4
"""CLOCK_THREAD_CPUTIME_ID and SIGEV_THREAD_ID of Linux."""

Stack = tuple[tuple[str, str, int], ...]
"""(file, function, line), the innermost first."""


class _Event(ctypes.Structure):
    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("thread", ctypes.c_int),
        ("rest", ctypes.c_int * 11),
    )


class _Times(ctypes.Structure):
    """An `itimerspec`: the interval, then the time until the first signal, each in seconds and nanoseconds."""

    _fields_ = (("numbers", ctypes.c_long * 4),)


class Sampler:
    """Of the thread that makes it, which has to be the main one."""

    def __init__(self) -> None:
        self._stacks: Counter[Stack] = Counter()
        signal.signal(signal.SIGPROF, self._sample)
        timer, library = ctypes.c_void_p(), ctypes.CDLL(None, use_errno=True)
        event = _Event(None, signal.SIGPROF, NOTIFY_THREAD, threading.get_native_id())
        times = _Times((ctypes.c_long * 4)(0, EVERY_NS, 0, EVERY_NS))
        if library.timer_create(THREAD_CLOCK, ctypes.byref(event), ctypes.byref(timer)) or library.timer_settime(
            timer, 0, ctypes.byref(times), None
        ):
            raise OSError(ctypes.get_errno(), "this system has no timer for the processor time of a thread")

    def taken(self) -> list[tuple[Stack, int]]:
        """The stacks since the last call, and how often each was found."""
        stacks, self._stacks = self._stacks, Counter()
        return list(stacks.items())

    def _sample(self, _signal: int, frame: FrameType | None) -> None:
        stack: list[tuple[str, str, int]] = []
        while frame is not None and len(stack) < DEPTH:
            stack.append((frame.f_code.co_filename, frame.f_code.co_name, frame.f_lineno or 0))
            frame = frame.f_back
        self._stacks[tuple(stack)] += 1


def processor_ns() -> dict[str, int]:
    """Nanoseconds on a processor so far, by the name of the thread."""
    spent: Counter[str] = Counter()
    for thread in threading.enumerate():
        spent[thread.name] += int(Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()[0])
    return dict(spent)


def _answer(sampler: Sampler) -> None:
    for _ in sys.stdin:
        print(json.dumps({"stacks": sampler.taken(), "processor_ns": processor_ns()}), flush=True)


def main() -> int:
    sampler = Sampler()
    threading.Thread(target=_answer, args=(sampler,), name="profile", daemon=True).start()
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
