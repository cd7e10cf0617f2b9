"""`tidegate introspect`: row schemas for the tables of an existing database.

It parses options, writes files and prints; `tidegate.store.introspect` reads the database.
Invariant: it changes nothing in the database, and no existing file without --force.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate import config
from tidegate.cli import access_option
from tidegate.cli.access_option import ACTIONS
from tidegate.cli.suggested_commands import database_option
from tidegate.config import ConfigError

if TYPE_CHECKING:
    from tidegate.store.introspect import File, Found, Table
    from tidegate.store.introspect.schemas import NamedResource

EPILOG = """\
examples:
  tidegate introspect --database sqlite:///chinook.db
  tidegate introspect --database sqlite:///chinook.db --access read=authenticated
  tidegate introspect --database postgresql://ada@localhost/shop --tables album artist
  tidegate introspect --database sqlite:///chinook.db --tables album --force

No client may read or write anything until x-access says so, in the files or by --access. The database does not
change; `tidegate migrate` then adds the change log and triggers to it, and leaves the tables as they are.
docs/how-to/existing-database.md says what becomes of each column.
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "introspect",
        help="write row schemas for the tables of an existing database",
        description="Write a row schema for each table of an existing database.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the files (default: resources in the schema folder)"
    )
    parser.add_argument(
        "--tables", action="extend", nargs="+", metavar="TABLE", help="only these tables (default: all)"
    )
    access_option.add_argument(parser)
    parser.add_argument("--force", action="store_true", help="write over existing files")
    config.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = config.load(args, makes_schema_folder=True)
    access = access_option.access_rules(args.access, settings)
    out: Path = args.out or (settings.schema_folder or Path("schema")) / "resources"
    wrote = write_schemas(settings.database, out, access, tables=args.tables, force=args.force)
    _next(out, settings.database, wrote, access)
    return 0


def write_schemas(
    database: str, out: Path, access: dict[str, str], *, tables: list[str] | None = None, force: bool = False
) -> bool:
    """Write a file into `out` for each table, or for these `tables`; returns whether it wrote one.

    It prints what it wrote and what it left out. Raises ConfigError.
    """
    from tidegate.store import StoreError, introspect  # noqa: PLC0415  # the other commands do not need it

    try:
        found = introspect.read(database)
    except StoreError as error:
        raise ConfigError(f"introspect: {error}") from None
    chosen = _chosen(found, tables)
    existing = dict(_existing(out))
    files, left_out = introspect.files(chosen, access, existing.values())
    old = {resource.table: path for path, resource in existing.items()}
    written_over = [old[file.table] for file in files if force and file.table in old]
    kept = [] if force else [old[file.table] for file in files if file.table in old]
    new = [(old.get(file.table, out / f"{file.name}.schema.json"), file) for file in files]
    new = [(path, file) for path, file in new if path not in kept]
    made = not out.exists()
    _write(out, new)
    if made:
        _say(f"the folder {out} is new")
    for path in written_over:
        _say(f"{path} was written over")
    names = {table.name for table in chosen}
    notes = [note for note in found.left_out if tables is None or _about(note, names)]
    _report([*found.warnings, *notes, *left_out], kept, [file for _, file in new])
    return bool(new)


def _chosen(found: Found, names: list[str] | None) -> list[Table]:
    """The tables with these names; all tables for None. Raises ConfigError."""
    if names is None:
        if not found.tables:
            why = f": {'; '.join(found.left_out)}" if found.left_out else ""
            raise ConfigError(f"introspect: the database has no tables that can be shared{why}")
        return found.tables
    tables = {table.name.lower(): table for table in found.tables}
    chosen = []
    for name in names:
        if name.lower() not in tables:
            reasons = [note for note in found.left_out if _about(note, {name})]
            names_found = ", ".join(found.names) or "none"
            why = "; ".join(reasons) or f"there is no table {name}; there are: {names_found}"
            raise ConfigError(f"introspect: --tables: {why}")
        chosen.append(tables[name.lower()])
    return chosen


def _about(note: str, tables: set[str]) -> bool:
    """Whether a note is about one of these tables. A note begins with the name of its table."""
    return any(re.match(rf"{re.escape(name)}(?:[.: ])", note, re.IGNORECASE) for name in tables)


def _existing(out: Path) -> Iterator[tuple[Path, NamedResource]]:
    """The resources that files in `out` describe already."""
    from tidegate.schema import resource  # noqa: PLC0415
    from tidegate.store.introspect.schemas import NamedResource  # noqa: PLC0415

    for path in sorted(out.glob("*.json")):
        name = path.name.removesuffix(".json").removesuffix(".schema")
        try:
            schema = json.loads(path.read_text(encoding="utf-8"))
            read = resource.read_resource(name, schema, {})
        except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
            raise ConfigError(f"introspect: {path} cannot be read: {error}; `tidegate check` says more") from None
        single = [names[0] for names in (read.key, *read.unique) if len(names) == 1]
        yield path, NamedResource(name, read.title, read.table, frozenset(single))


def _write(out: Path, files: Iterable[tuple[Path, File]]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, file in files:
            path.write_text(json.dumps(file.schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            print(path)
    except OSError as error:
        raise ConfigError(f"introspect: cannot write {error.filename}: {error.strerror}") from None


def _report(left_out: list[str], kept: list[Path], new: list[File]) -> None:
    secrets = [
        f"{file.table}.{name}"
        for file in new
        for name, prop in file.schema["properties"].items()
        if prop.get("writeOnly")
    ]
    for path in kept:
        _say(f"{path} exists and was left as it is; --force writes over it")
    if left_out:
        _say("not in the files, or not as you might expect:")
        for note in left_out:
            _say(f"  {note}")
    if secrets:
        _say(f"treated as secrets by their names, so that clients may set and never read them: {', '.join(secrets)}")


def _next(out: Path, database: str, wrote: bool, access: dict[str, str]) -> None:
    missing = [action for action in ACTIONS if action not in access]
    if wrote and missing:
        how = "" if access else ", or start over with --force --access read=authenticated"
        what = " or ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
        _say(f"no client may {what} yet: set x-access in the files{how}")
    schema = out.parent if out.name == "resources" else out
    folder = "" if schema == Path("schema") else f" --schema {shlex.quote(str(schema))}"
    same = database_option(database)
    with_database = ("migrate --plan", "migrate", "serve --dev")
    commands = [f"generate{folder}", *(f"{name}{folder}{same}" for name in with_database)]
    _say("next: " + " && ".join(f"tidegate {command}" for command in commands))


def _say(line: str) -> None:
    print(line, file=sys.stderr)
