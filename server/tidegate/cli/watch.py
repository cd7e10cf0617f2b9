"""Notices saved files of a schema folder, or of a whole application.

It compares the files a few times a second, which works on every file system and needs no library.
Invariant: a file that is saved during the work is noticed after it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

INTERVAL_S = 0.3

Seen = dict[Path, tuple[int, int, int]]
"""A value for each file that changes with its content."""


def pause() -> None:
    """Wait for the time between two looks."""
    time.sleep(INTERVAL_S)


class Watch:
    """Compares the files with their state at the last call of `changes`."""

    def __init__(self, look: Callable[[], Seen]) -> None:
        self._look = look
        self._seen = look()

    def changed(self) -> bool:
        """Whether there are changes."""
        return self._look() != self._seen

    def changes(self, wait: Callable[[], None] = pause) -> list[str]:
        """The changes, a line for each file. It waits until two looks are equal, because editors save several files."""
        before, now = self._seen, self._look()
        while now not in (before, self._seen):
            self._seen = now
            wait()
            now = self._look()
        self._seen = now
        return changes(before, now)


def watch(folder: Path, work: Callable[[], int], wait: Callable[[], None] = pause) -> None:
    """Do `work`, and repeat it after each change below `folder`; print the changes. Returns on Ctrl-C.

    `wait` waits for the time between two looks.
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
    """The schema files in `folder`."""
    return _seen(_listed(folder.rglob("*.json")))


def look_at_application(schema: Path, generated: Path, *settings: Path) -> Seen:
    """The schema files, written migrations, SQL files, `settings`, and the Python files below the working directory.

    Sample rows and meta-schemas are left out, because they do not change what the gateway serves.
    """
    files = {path for path in schema.rglob("*.json") if path != schema / "seed.json" and schema / "meta" != path.parent}
    files |= set((schema / "migrations").glob("*.py")) | set((schema / "sql").glob("*.sql"))
    return _seen({*files, *settings, *_python_files(Path(), generated)})


def changes(before: Seen, now: Seen) -> list[str]:
    """The changes between two looks, a line for each file."""
    return [
        f"{_printable(path)}: {'new' if path not in before else 'removed' if path not in now else 'changed'}"
        for path in sorted({*before, *now})
        if before.get(path) != now.get(path)
    ]


def _listed(paths: Iterator[Path]) -> Iterator[Path]:
    """`paths` up to a folder that vanished while it was listed: the next look sees what is there then."""
    with suppress(OSError):
        yield from paths


def _printable(path: Path) -> str:
    """`path` with escapes for what no terminal can print, such as a name that is not UTF-8."""
    text = str(path)
    return text if text.isprintable() else ascii(text)[1:-1]


def _seen(paths: Iterator[Path] | set[Path]) -> Seen:
    seen: Seen = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # deleted after it was listed: editors save by replacing the file
            continue
        seen[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return seen


def _python_files(folder: Path, generated: Path) -> Iterator[Path]:
    """The Python files below `folder`, without generated code, hidden folders, virtual environments and packages."""
    for name, folders, files in os.walk(folder):
        here = Path(name)
        folders[:] = [
            inner
            for inner in folders
            if not inner.startswith(".")
            and inner not in {"__pycache__", "node_modules", "site-packages"}
            and here / inner != generated
            and not (here / inner / "pyvenv.cfg").exists()
        ]
        yield from (here / file for file in files if file.endswith(".py"))


def _say(folder: Path, code: int) -> None:
    kept = "the output is unchanged; " if code else ""
    print(f"{kept}watching {folder}; Ctrl-C ends it", flush=True)
