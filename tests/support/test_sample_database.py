"""A copy of the sample's database is what a migration makes, and a database for itself."""

from __future__ import annotations

from pathlib import Path

from tests.support.gateway import ROOT, migrate, sample
from tests.support.sample_database import RENEWED
from tests.support.sqlite import foreign
from tidegate.store import backends

SCHEMA = ROOT / "schema"


def contents(file: Path) -> tuple[object, dict[str, str]]:
    """What is defined in the file, with what a migration wrote by itself; and that of it which differs by chance."""
    with foreign(file) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        rows = {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}
        defined = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
        pragmas = [connection.execute(f"PRAGMA {name}").fetchall() for name in ("journal_mode", "user_version")]
    meta = dict(rows.pop("tidegate_meta"))
    chance = {name: meta.pop(name) for name in RENEWED}
    return (defined, pragmas, sorted(meta.items()), rows), chance


def test_copies_are_what_a_migration_makes_each_with_an_epoch_and_a_secret_that_no_other_one_has(
    tmp_path: Path,
) -> None:
    files = [tmp_path / f"{name}.db" for name in ("migrated", "copied", "another")]
    backends.migrations("sqlite:").apply(f"sqlite:///{files[0]}", sample().resources, SCHEMA / "migrations")
    for file in files[1:]:
        migrate(f"sqlite:///{file}", SCHEMA)
    found = [contents(file) for file in files]
    assert found[0][0] == found[1][0] == found[2][0]
    for name in RENEWED:
        assert len({chance[name] for _, chance in found}) == 3, name
        assert len({len(chance[name]) for _, chance in found}) == 1, name
