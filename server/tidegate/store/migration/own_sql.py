"""The owner's SQL: triggers, functions and views for what the schema cannot say, in `sql/` beside the schema files.

`sql/NAME.sql` is for both databases, `sql/NAME.sqlite.sql` and `sql/NAME.postgres.sql` for one of them. A migration
runs each file that is new or changed, in the order of the names, once all tables are there: so a new database gets it
too. It runs a file again after a manual migration, and where a trigger that the file makes is missing. So a file has to
replace what it made before (DROP TRIGGER IF EXISTS, CREATE OR REPLACE).
It reads files and knows no database.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from tidegate.store.errors import StoreError
from tidegate.store.migration.plan import RUN, TAKE_BACK, Step

Kind = Literal["sqlite", "postgres"]
KINDS: dict[Kind, tuple[str, ...]] = {"sqlite": ("sqlite",), "postgres": ("postgres", "postgresql")}
FOLDER = "sql"
TRIGGERS = re.compile(
    r"""\bcreate\s+(?:or\s+replace\s+)?(?:constraint\s+)?trigger\s+(?:if\s+not\s+exists\s+)?(?:"([^"]+)"|([^\W\d]\w*))""",
    re.IGNORECASE,
)


class SqlFile(msgspec.Struct, frozen=True):
    """A file for this kind of database."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def triggers(self) -> set[str]:
        """The names of the triggers that it makes, as far as its text tells."""
        return {quoted or bare.lower() for quoted, bare in TRIGGERS.findall(self.text)}


def sql_files(migrations: Path | None, kind: Kind) -> list[SqlFile]:
    """The files beside the folder of the manual migrations, in order. Raises StoreError."""
    folder = None if migrations is None else migrations.with_name(FOLDER)
    if folder is None or not folder.is_dir():
        return []
    others = tuple(f".{ending}.sql" for other, endings in KINDS.items() if other != kind for ending in endings)
    try:
        return [
            SqlFile(path.name, path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob("*.sql"))
            if not path.name.endswith(others)
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{folder}: {error}") from None


def sql_steps(
    files: Sequence[SqlFile],
    recorded: Mapping[str, str],
    existing: Collection[str],
    done: Sequence[str],
    step: Callable[[SqlFile, str, str], Step],
) -> list[Step]:
    """A step for each file that has to run. `recorded`: the digests of those that ran, by name.

    `existing`: the names of all triggers. `done`: the steps that this migration has taken. `step` makes a step from a
    file, its name and its reason.
    """
    again = any(taken.startswith((RUN, TAKE_BACK)) for taken in done)
    found = []
    for file in files:
        name, known, missing = f"run {FOLDER}/{file.name}", recorded.get(file.name), file.triggers - set(existing)
        if name in done:
            continue
        if known != file.digest:
            found.append(step(file, name, "it is new" if known is None else "it was changed"))
        elif missing:
            found.append(step(file, name, f"the trigger {min(missing)} is missing"))
        elif again:
            found.append(step(file, name, "a manual migration ran, which may have changed what it made"))
    return found
