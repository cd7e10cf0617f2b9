"""`tidegate migrate`: bring the database to where the schema needs it."""

from __future__ import annotations

import argparse
import json
import sys

from tidegate import config, schema
from tidegate.config import ConfigError, Settings

EPILOG = """\
examples:
  tidegate migrate
  tidegate migrate --plan
  tidegate migrate --seed --database sqlite:////var/lib/app/app.db

Adding tables, columns and indexes is automatic. Dropping or retyping a column needs a migration written by hand:
SCHEMA/migrations/0001_name.py with `def up(migrator, db)`, as playhouse.migrations describes it.
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "migrate",
        help="create or update the tables, the change log and its triggers",
        description="Bring the database to where the schema needs it, in one transaction.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--plan", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--seed", action="store_true", help="put sample rows into empty tables (SCHEMA/seed.json)")
    config.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tidegate.app import load_contract  # noqa: PLC0415  # the other commands need not load it
    from tidegate.store import StoreError, migrate  # noqa: PLC0415
    from tidegate.store.seed import seed  # noqa: PLC0415

    settings = config.load(args)
    resources = load_contract(settings).resources
    folder = settings.schema_folder
    written = None if folder is None else folder / "migrations"
    try:
        if args.plan:
            steps = migrate.plan(settings.database, resources, written)
            print("\n".join(steps) if steps else "nothing to do")
            return 0
        steps = migrate.apply(settings.database, resources, written)
        print(f"{settings.database}: " + (f"{len(steps)} steps done" if steps else "up to date"), file=sys.stderr)
        if args.seed:
            counts = seed(settings.database, resources, _sample(settings))
            for name, count in counts.items():
                print(f"  {count} sample rows in {name}", file=sys.stderr)
    except StoreError as error:
        raise ConfigError(str(error)) from None
    return 0


def _sample(settings: Settings) -> dict[str, list[dict[str, object]]]:
    """The sample rows beside the schema files, or those that ship with the package."""
    folder = settings.schema_folder
    place = schema.packaged("seed.json") if folder is None else folder / "seed.json"
    if not place.is_file():
        raise ConfigError(f"--seed: there is no {place}; it holds sample rows as {{resource: [row, ...]}}")
    rows: dict[str, list[dict[str, object]]] = json.loads(place.read_text(encoding="utf-8"))
    return rows
