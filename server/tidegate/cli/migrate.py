"""`tidegate migrate`: bring the database to where the schema needs it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable

from tidegate import config, schema
from tidegate.config import ConfigError, Settings

EPILOG = """\
examples:
  tidegate migrate
  tidegate migrate --plan
  tidegate migrate --sql
  tidegate migrate --seed --database sqlite:////var/lib/app/app.db
  tidegate migrate --new drop_boats_weight

What loses nothing is automatic: new tables, columns and indexes, and other rules for the columns that are there.
Dropping or converting a column, another key and dropping a resource need a migration written by hand:
SCHEMA/migrations/0001_name.py with `up` and `down`. docs/how-to/migrations.md says more.
"""

TOLD_AFTER = 100_000
"""Rows of a table from which on the copy's progress is told."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "migrate",
        help="create or update the tables, the change log and its triggers",
        description="Bring the database to where the schema needs it, in one transaction.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--plan", action="store_true", help="say what would be done and why, and do nothing")
    instead.add_argument(
        "--sql", action="store_true", help="print the SQL by which definitions would change, and do nothing"
    )
    instead.add_argument("--new", metavar="NAME", help="write an empty migration into SCHEMA/migrations")
    instead.add_argument("--down", action="store_true", help="take the last written migration back")
    parser.add_argument("--seed", action="store_true", help="put sample rows into empty tables (SCHEMA/seed.json)")
    config.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tidegate.app import load_contract  # noqa: PLC0415  # the other commands do not load it
    from tidegate.store import StoreError, backends  # noqa: PLC0415  # the other commands do not load it
    from tidegate.store.migration import files  # noqa: PLC0415

    settings = config.load(args)
    folder = None if settings.schema_folder is None else settings.schema_folder / "migrations"
    try:
        if args.new is not None:
            if folder is None:
                raise ConfigError("--new: the sample has no migrations; --schema DIR names a folder of your own")
            print(files.new(folder, args.new))
            return 0
        resources = load_contract(settings).resources
        migrate = backends.migrations(settings.database)
        if args.sql:
            print("".join(f"{sql};\n\n" for sql in migrate.statements(settings.database, resources, folder)), end="")
            return 0
        if args.plan:
            steps = [str(step) for step in migrate.planned(settings.database, resources, folder)]
            print("\n".join(steps) if steps else "nothing to do")
            _tell(migrate.notes(settings.database, resources))
            return 0
        done = (migrate.down if args.down else migrate.apply)(
            settings.database, resources, folder, progress_on_terminal()
        )
        _tell([f"{backends.shown(settings.database)}: " + (f"{len(done)} steps done" if done else "up to date")])
        _tell(migrate.notes(settings.database, resources))
        if args.down:
            _tell([f"{done[0]}: done; the next `tidegate migrate` runs it again, unless its file is gone"])
        if args.seed:
            counts = backends.seed(settings.database, resources, sample_rows(settings))
            _tell(f"  {count} sample rows in {name}" for name, count in counts.items())
    except StoreError as error:
        raise ConfigError(str(error)) from None
    return 0


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


def progress_on_terminal() -> Callable[[str, int, int], None] | None:
    """What tells on a terminal how far the copy of a large table is, in one line that is written over."""
    if not sys.stderr.isatty():
        return None

    def progress(table: str, copied: int, total: int) -> None:
        if total >= TOLD_AFTER:
            end = "\n" if copied == total else ""
            print(f"\r{table}: {copied} of {total} rows copied", end=end, file=sys.stderr, flush=True)

    return progress


def sample_rows(settings: Settings) -> dict[str, list[dict[str, object]]]:
    """The sample rows beside the schema files, or those that ship with the package. Raises ConfigError."""
    folder = settings.schema_folder
    place = schema.packaged("seed.json") if folder is None else folder / "seed.json"
    if not place.is_file():
        raise ConfigError(f"--seed: there is no {place}; it holds sample rows as {{resource: [row, ...]}}")
    try:
        rows: dict[str, list[dict[str, object]]] = json.loads(place.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"--seed: {place} is not JSON: {error}") from None
    return rows
