"""`tidegate migrate`: bring the database to where the schema needs it.

It parses options and prints; `tidegate.store` plans and migrates.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from tidegate import config, schema
from tidegate.cli.sample_note import say_sample
from tidegate.config import ConfigError, Settings

EPILOG = """\
examples:
  tidegate migrate
  tidegate migrate --plan
  tidegate migrate --sql
  tidegate migrate --seed --database sqlite:////var/lib/app/app.db
  tidegate migrate --new drop_boats_weight

Safe changes are automatic: new tables, columns and indexes, and changed rules for existing columns. A column that the
schema no longer names stays. Converting, renaming or dropping a column, another key and dropping a resource need a
manual migration: SCHEMA/migrations/0001_name.py with `up` and `down`. SCHEMA/sql/*.sql is SQL of yours for every
database: triggers, functions, views. docs/how-to/migrations.md says more.
"""

SHOWN_FROM = 100_000
"""The progress of a copy is shown for tables with at least this many rows."""
STEPS_SHOWN_FROM = 100
"""The progress of the steps is shown for migrations with at least this many steps."""
SAID_EVERY = 500
"""Without a terminal, a line is printed after each this many steps."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "migrate",
        help="create or update the tables, the change log and its triggers",
        description="Bring the database to where the schema needs it, in one transaction.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--plan", action="store_true", help="print what would be done and why, and do nothing")
    instead.add_argument(
        "--sql", action="store_true", help="print the SQL that would change definitions, and do nothing"
    )
    instead.add_argument("--new", metavar="NAME", help="write a migration to fill in into SCHEMA/migrations")
    instead.add_argument("--down", action="store_true", help="take back the manual migration that was applied last")
    parser.add_argument(
        "--lock-timeout",
        dest="lock_timeout",
        type=float,
        metavar="SECONDS",
        help="give up after waiting so long for locks of other programs (default: 10)",
    )
    parser.add_argument("--seed", action="store_true", help="put sample rows into empty tables (SCHEMA/seed.json)")
    config.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tidegate import webhooks  # noqa: PLC0415  # the other commands do not load it
    from tidegate.loading import load_contract  # noqa: PLC0415  # the other commands do not load it
    from tidegate.store import StoreError, backends  # noqa: PLC0415  # the other commands do not load it
    from tidegate.store.migration import files  # noqa: PLC0415

    settings = config.load(args)
    if args.new is None and not args.down:
        say_sample(settings)
    folder = None if settings.schema_folder is None else settings.schema_folder / "migrations"
    try:
        if args.new is not None:
            if folder is None:
                raise ConfigError("--new: the sample has no migrations; --schema DIR names your application")
            print(files.new(folder, args.new, _suggested(args.new, settings)))
            return 0
        resources = load_contract(settings).resources
        migrate = backends.migrations(settings.database)
        if args.sql:
            print("".join(f"{sql};\n\n" for sql in migrate.statements(settings.database, resources, folder)), end="")
            return 0
        if args.plan:
            steps = [str(step) for step in migrate.planned(settings.database, resources, folder)]
            print("\n".join(steps) if steps else "nothing to do")
            _say(migrate.notes(settings.database, resources))
            return 0
        done = (migrate.down if args.down else migrate.apply)(
            settings.database, resources, folder, progress_on_terminal(), settings.lock_timeout
        )
        _say(
            [
                f"{backends.shown(settings.database)}: "
                + (f"{len(done)} step{'s' * (len(done) != 1)} done" if done else "up to date")
            ]
        )
        if not args.down and webhooks.create_tables(settings):
            _say(["  create the tables of webhooks"])
        _say(migrate.notes(settings.database, resources))
        if args.down:
            _say([f"{done[0]}: done; the next `tidegate migrate` runs it again, unless its file is gone"])
        if args.seed:
            counts = backends.seed(settings.database, resources, sample_rows(settings))
            _say(f"  {count} sample row{'s' * (count != 1)} in {name}" for name, count in counts.items())
    except StoreError as error:
        raise ConfigError(str(error)) from None
    return 0


def _suggested(name: str, settings: Settings) -> Any:
    """What the new migration does, where its name is one that `tidegate migrate` gave; None for any other name."""
    from tidegate.loading import load_contract  # noqa: PLC0415
    from tidegate.store import StoreError, backends  # noqa: PLC0415
    from tidegate.store.migration import files  # noqa: PLC0415

    try:
        found = backends.migrations(settings.database).suggestions(settings.database, load_contract(settings).resources)
    except (ConfigError, StoreError):
        return None  # the schema may be half done, and the database out of reach
    return found.get(files.slugged(name))


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


def progress_on_terminal() -> Callable[[str, int, int], None]:
    """A function that shows how far the copy of a large table is, and how many steps of a long migration are done.

    Without a terminal it prints a line now and then.
    """
    terminal = sys.stderr.isatty()

    def progress(table: str, done: int, total: int) -> None:
        if not table:
            if total >= STEPS_SHOWN_FROM:
                show(f"{done} of {total} steps done", done == total, done % SAID_EVERY == 0)
        elif total >= SHOWN_FROM:
            show(f"{table}: {done} of {total} rows copied", done == total, often=False)

    def show(text: str, last: bool, often: bool) -> None:
        if terminal:
            print(f"\r{text}", end="\n" if last else "", file=sys.stderr, flush=True)
        elif often:
            print(text, file=sys.stderr, flush=True)

    return progress


def sample_rows(settings: Settings) -> dict[str, list[dict[str, object]]]:
    """The sample rows beside the schema files, or those that ship with the package. Raises ConfigError."""
    folder = settings.schema_folder
    file = schema.packaged("seed.json") if folder is None else folder / "seed.json"
    if not file.is_file():
        raise ConfigError(f"--seed: there is no {file}; it holds sample rows as {{resource: [row, ...]}}")
    try:
        rows: dict[str, list[dict[str, object]]] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"--seed: {file} is not JSON: {error}") from None
    return rows
