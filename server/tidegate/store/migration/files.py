"""The files of manual migrations: `migrations/NNNN_name.py` beside the schema files.

It names, numbers, writes and parses files; it runs none and knows no database.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

from tidegate.store.errors import StoreError
from tidegate.store.sql.names import quoted

HISTORY = "tidegate_migration"
"""The table that records the migrations which were applied."""

SKELETON = '''"""{text}"""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    """From the old schema to the new one: db.execute_sql("UPDATE boats SET name = trim(name)")."""
{up}

def down(migrator: Any, db: Any) -> None:
    """And back: `tidegate migrate --down` runs it."""
{down}'''


class Bodies(NamedTuple):
    """What a manual migration does, as statements."""

    text: str
    """What it is for."""
    up: str
    down: str


def renaming_bodies(table: str, column: str, new: str) -> Bodies:
    alter = f"ALTER TABLE {quoted(table)} RENAME COLUMN"
    return Bodies(
        f"The column {column} of {table} is called {new}.",
        f"{alter} {quoted(column)} TO {quoted(new)}",
        f"{alter} {quoted(new)} TO {quoted(column)}",
    )


def dropping_bodies(table: str, column: str, declared: str) -> Bodies:
    """`declared`: the type with which `down` adds the column again, without its values."""
    alter = f"ALTER TABLE {quoted(table)}"
    return Bodies(
        f"{table} has no column {column} any more.",
        f"{alter} DROP COLUMN {quoted(column)}",
        f"{alter} ADD COLUMN {quoted(column)} {declared}".rstrip(),
    )


def new(folder: Path, name: str, bodies: Bodies | None = None) -> Path:
    """Write a migration with the next number, which is empty without `bodies`. Raises StoreError."""
    slug = slugged(name)
    if not slug:
        raise StoreError(f"--new: {name!r} is no name: a name has letters, digits and _")
    path = next_file(folder, slug)
    try:
        folder.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(_written(bodies))
    except OSError as error:
        raise StoreError(f"--new: {path}: {error.strerror}") from None
    return path


def _written(bodies: Bodies | None) -> str:
    if bodies is None:
        return SKELETON.format(text="What this migration is for.", up="", down="")
    up, down = (f"    db.execute_sql({sql!r})\n" for sql in (bodies.up, bodies.down))
    return SKELETON.format(text=bodies.text, up=up, down=down)


def is_empty(path: Path) -> bool:
    """Whether `up` of this file does nothing yet, as in the file that `new` writes."""
    try:
        functions = [node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.FunctionDef)]
    except (OSError, SyntaxError, ValueError):
        return False  # running the file fails, and the error says why
    return any(
        function.name == "up" and all(isinstance(node, ast.Pass) or _is_text(node) for node in function.body)
        for function in functions
    )


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def next_file(folder: Path, slug: str) -> Path:
    """The path of the migration that comes after those in `folder`."""
    numbers = [int(found[0]) for path in folder.glob("[0-9]*.py") if (found := re.match(r"\d+", path.name))]
    return folder / f"{max(numbers, default=0) + 1:04}_{slug}.py"


def slugged(name: str) -> str:
    """`name` as a part of a file's name; "" when it has no letter and no digit."""
    return re.sub(r"[^\w]+", "_", name).strip("_").lower()
