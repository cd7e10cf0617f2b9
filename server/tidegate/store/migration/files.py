"""The files of migrations that are written by hand: `migrations/NNNN_name.py` beside the schema files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tidegate.store.errors import StoreError

HISTORY = "tidegate_migration"
"""The table that says which of them were applied."""

SKELETON = '''"""What this migration is for."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    """From the schema of before to the schema now: db.execute_sql("UPDATE boats SET name = trim(name)")."""


def down(migrator: Any, db: Any) -> None:
    """And back: `tidegate migrate --down` runs it."""
'''


def new(folder: Path, name: str) -> Path:
    """Write an empty migration that comes after all others. Raises StoreError."""
    slug = slugged(name)
    if not slug:
        raise StoreError(f"--new: {name!r} is no name: letters, digits and _ make one")
    path = next_file(folder, slug)
    try:
        folder.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(SKELETON)
    except OSError as error:
        raise StoreError(f"--new: {path}: {error.strerror}") from None
    return path


def is_empty(path: Path) -> bool:
    """Whether `up` of this file does nothing yet, as in the file that `new` writes."""
    try:
        functions = [node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.FunctionDef)]
    except (OSError, SyntaxError, ValueError):
        return False  # it fails when it runs, and says why
    return any(
        function.name == "up" and all(isinstance(node, ast.Pass) or _is_text(node) for node in function.body)
        for function in functions
    )


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def next_file(folder: Path, slug: str) -> Path:
    """The migration file that comes after those in `folder`."""
    numbers = [int(found[0]) for path in folder.glob("[0-9]*.py") if (found := re.match(r"\d+", path.name))]
    return folder / f"{max(numbers, default=0) + 1:04}_{slug}.py"


def slugged(name: str) -> str:
    """`name` as a part of a file's name; "" when nothing of it can be."""
    return re.sub(r"[^\w]+", "_", name).strip("_").lower()
