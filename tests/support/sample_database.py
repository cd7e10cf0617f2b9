"""New SQLite files with the sample's tables: copies of one file that was migrated once, for a fifth of its cost.

Invariant: a copy is what a migration makes. It has a new epoch and a new secret, as every new database has.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.sqlite import foreign
from tidegate.store.epochs import fresh_epoch

RENEWED: Mapping[str, Callable[[], str]] = {"epoch": fresh_epoch, "identity_secret": lambda: secrets.token_hex(32)}
"""What a migration makes by chance."""


def copied(file: Path, migrate: Callable[[str], object]) -> None:
    """Make `file`, which is not there yet. `migrate` gives the database at a URL its tables."""
    file.write_bytes(_template(migrate))
    with foreign(file) as connection:
        connection.execute("PRAGMA synchronous = off")
        for name, made in RENEWED.items():
            connection.execute("UPDATE tidegate_meta SET value = ? WHERE name = ?", (made(), name))


@cache
def _template(migrate: Callable[[str], object]) -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "template.db"
        migrate(f"sqlite:///{file}")
        return file.read_bytes()
