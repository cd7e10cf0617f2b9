"""What `tidegate check --fix` does: rewrites files of older drafts and of OpenAPI in draft 2020-12.

Invariant: a file is written whole or not at all, and only if a rewriting changed it. Its indentation stays.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.config import ConfigError

if TYPE_CHECKING:
    from tidegate.schema.older import Rewritten

_INDENTED = re.compile(r"^([ \t]+)\S", re.MULTILINE).search


def fix(folder: Path) -> None:
    """Rewrite the files in `folder`, and print what was done and what a person has to decide. Raises ConfigError."""
    changes = files = 0
    for path, result in _rewritten(folder):
        name = path.relative_to(folder).as_posix()
        if result.changed:
            _write(path, result.schema)
            files += 1
        for place, sentence in result.changed:
            changes += 1
            print(f"fixed: {folder}/{name}: {place}: {sentence}")
        for place, sentence in result.left:
            print(f"for you to decide: {folder}/{name}: {place or '/'}: {sentence}", file=sys.stderr)
    plural = "s" * (changes != 1)
    print(f"{changes} change{plural} in {files} file{'s' * (files != 1)}" if changes else "nothing to rewrite")


def fixable(folder: Path) -> int:
    """How many changes `fix` would make."""
    return sum(len(result.changed) for _, result in _rewritten(folder))


def _rewritten(folder: Path) -> Iterator[tuple[Path, Rewritten]]:
    """Each file that can be read, rewritten."""
    from tidegate.schema.definition import KINDS  # noqa: PLC0415  # loads the validators
    from tidegate.schema.json_text import NotJson, read_json  # noqa: PLC0415
    from tidegate.schema.older import rewritten  # noqa: PLC0415

    for kind in KINDS:
        for path in sorted((folder / kind).glob("[!.]*.json")):
            with suppress(NotJson, OSError, RecursionError):  # `check` reports them
                schema = read_json(path.read_bytes())
                if isinstance(schema, dict):
                    yield path, rewritten(schema)


def _write(path: Path, schema: dict[str, Any]) -> None:
    before = path.read_text(encoding="utf-8-sig")
    found = _INDENTED(before)
    text = json.dumps(schema, indent=found[1] if found else 2, ensure_ascii=False)
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(text + "\n", encoding="utf-8")
        beside.chmod(path.stat().st_mode)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
