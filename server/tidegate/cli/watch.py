"""Doing something again each time a file of the schema folder was saved, until Ctrl-C.

It looks a few times a second at what the files are, which works on every file system and needs no library.
Invariant: a file that is saved while the work is being done is noticed afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

INTERVAL_S = 0.3

Seen = dict[Path, tuple[int, int, int]]


def pause() -> None:
    """The time between two looks."""
    time.sleep(INTERVAL_S)


def watch(folder: Path, work: Callable[[], int], wait: Callable[[], None] = pause) -> None:
    """Do `work`, and again after each change below `folder`, saying what changed. Returns on Ctrl-C.

    `wait` passes the time between two looks.
    """
    try:
        seen = look(folder)
        _say(folder, work())
        while True:
            wait()
            now = look(folder)
            if now != seen:
                for line in changes(seen, now):
                    print(line, flush=True)
                seen = now
                _say(folder, work())
    except KeyboardInterrupt:
        print("stopped", flush=True)


def look(folder: Path) -> Seen:
    """What identifies the present content of each schema file."""
    seen: Seen = {}
    for path in folder.rglob("*.json"):
        try:
            status = path.stat()
        except OSError:  # gone since it was listed; editors save by replacing
            continue
        seen[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return seen


def changes(before: Seen, now: Seen) -> list[str]:
    """What happened between two looks, a line a file."""
    return [
        f"{path}: {'new' if path not in before else 'removed' if path not in now else 'changed'}"
        for path in sorted({*before, *now})
        if before.get(path) != now.get(path)
    ]


def _say(folder: Path, code: int) -> None:
    kept = "the output is as it was; " if code else ""
    print(f"{kept}watching {folder}, Ctrl-C ends it", flush=True)
