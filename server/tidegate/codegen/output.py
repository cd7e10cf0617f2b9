"""Putting generated files in their place, all of them or none, and telling whether they are still up to date.

It owns the folders it writes (python/app_contract, typescript, ...) whole: a file in one of them that is not generated
any more goes. A file there that was never generated stops it, for it is somebody's work; so does one beside the folders
that has the name of a document.
Invariant: everything is written beside the old output first, and a failure puts the old output back.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from tidegate.codegen.python import GENERATED

OWNED = ("python/tidegate_protocol", "python/app_contract", "typescript", "schema")
_BUNDLE = "schema/bundle.json"
_UNMARKED = frozenset({"py.typed"})
"""Generated files that cannot say so themselves."""


class OutputError(Exception):
    """The output folder cannot be written without destroying something."""


def write(files: Mapping[str, str], out: Path) -> list[str]:
    """Write `files` (by path below `out`) and remove what is no longer generated. Returns what changed.

    Raises OutputError when a foreign file is in the way, and OSError.
    """
    stale = [path for path in existing(files, out) if path not in files]
    beside = [path for path in files if not _owned(path) and (out / path).is_file()]
    foreign = [path for path in [*stale, *beside] if not _generated(path, out / path)]
    if foreign:
        raise OutputError(
            "\n".join(f"{out / path}: was not generated; move it, or choose another --out" for path in foreign)
        )
    changed = [path for path, text in files.items() if not _same(out / path, text)]
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".generate-", dir=out) as staging:
        new, old = Path(staging, "new"), Path(staging, "old")
        for path in changed:
            _put(new / path, files[path])
        done: list[str] = []
        try:
            for path in [*stale, *changed]:
                _move(out / path, old / path)
                done.append(path)
                _move(new / path, out / path)
        except BaseException:
            for path in reversed(done):
                _move(out / path, new / path)
                _move(old / path, out / path)
            raise
    return sorted([*changed, *stale])


def compare(files: Mapping[str, str], out: Path) -> Iterator[str]:
    """Lines of a unified diff from what is in `out` to `files`; none when both are the same set of the same bytes."""
    for path in sorted({*files, *existing(files, out)}):
        new = files.get(path, "")
        old = (out / path).read_bytes().decode(errors="replace") if (out / path).is_file() else ""
        if path not in files or not _same(out / path, new):
            yield from difflib.unified_diff(
                old.splitlines(),
                new.splitlines(),
                f"{path} (in {out.name})" if (out / path).is_file() else "/dev/null",
                f"{path} (generated now)" if path in files else "/dev/null",
                lineterm="",
            )
            if old.splitlines() == new.splitlines():
                yield f"{path}: differs in line ends, or is empty and {'missing' if path in files else 'unexpected'}"


def existing(files: Mapping[str, str], out: Path) -> list[str]:
    """The files in the folders that `files` own, bytecode aside."""
    owned = {folder for folder in OWNED for path in files if PurePosixPath(path).is_relative_to(folder)}
    found = (path for folder in owned for path in (out / folder).rglob("*") if path.is_file())
    return sorted(path.relative_to(out).as_posix() for path in found if "__pycache__" not in path.parts)


def _owned(path: str) -> bool:
    return any(PurePosixPath(path).is_relative_to(folder) for folder in OWNED)


def _generated(path: str, place: Path) -> bool:
    return path == _BUNDLE or place.name in _UNMARKED or GENERATED.encode() in place.read_bytes()[:400]


def _same(place: Path, text: str) -> bool:
    return place.is_file() and place.read_bytes() == text.encode()


def _move(source: Path, target: Path) -> None:
    """Move a file, if there is one, within one file system."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)


def _put(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode())
