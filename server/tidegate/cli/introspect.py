"""`tidegate introspect`: row schemas for the tables of a database that is there already.

Invariant: it changes nothing in the database, and no file that is there already unless it is told to.
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
from tidegate.cli.suggested_commands import database_option
from tidegate.config import ConfigError, Settings

if TYPE_CHECKING:
    from tidegate.store.introspect import File, Found, Table
    from tidegate.store.introspect.schemas import Place

ACTIONS = ("read", "create", "update", "delete")
RULE = re.compile(r"(?:anyone|authenticated|role:.+)").fullmatch

EPILOG = """\
examples:
  tidegate introspect --database sqlite:///chinook.db
  tidegate introspect --database sqlite:///chinook.db --access read=authenticated
  tidegate introspect --database postgresql://ada@localhost/shop --tables album artist
  tidegate introspect --database sqlite:///chinook.db --tables album --force

Nobody may read or write anything until x-access says so, in the files or by --access. Nothing in the database changes;
`tidegate migrate` then adds the change log and triggers to it, and leaves the tables as they are.
docs/how-to/existing-database.md says what becomes of which column.
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "introspect",
        help="write row schemas for the tables of an existing database",
        description="Write a row schema for each table of a database that is there already.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the files (default: resources in the schema folder)"
    )
    parser.add_argument(
        "--tables", action="extend", nargs="+", metavar="TABLE", help="these tables alone (default: all)"
    )
    parser.add_argument(
        "--access",
        action="extend",
        nargs="+",
        default=[],
        metavar="ACTION=RULE",
        help="who may read, create, update or delete: anyone, authenticated, role:NAME (default: nobody)",
    )
    parser.add_argument("--force", action="store_true", help="write files anew that are there already")
    config.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = config.load(args)
    access = access_rules(args.access, settings)
    out: Path = args.out or (settings.schema_folder or Path("schema")) / "resources"
    wrote = write_schemas(settings.database, out, access, tables=args.tables, force=args.force)
    _next(out, settings.database, wrote, access)
    return 0


def write_schemas(
    database: str, out: Path, access: dict[str, str], *, tables: list[str] | None = None, force: bool = False
) -> bool:
    """Write a file into `out` for each table, or for these `tables`; returns whether there was one to write.

    Says what it wrote and what it left out. Raises ConfigError.
    """
    from tidegate.store import StoreError, introspect  # noqa: PLC0415  # the other commands need not load it

    try:
        found = introspect.read(database)
    except StoreError as error:
        raise ConfigError(f"introspect: {error}") from None
    chosen = _asked(found, tables)
    existing = dict(_existing(out))
    files, left = introspect.files(chosen, access, existing.values())
    old = {place.table: path for path, place in existing.items()}
    kept = [] if force else [old[file.table] for file in files if file.table in old]
    new = [(old.get(file.table, out / f"{file.name}.schema.json"), file) for file in files]
    new = [(path, file) for path, file in new if path not in kept]
    _write(out, new)
    asked = {table.name for table in chosen}
    told = [line for line in found.left if tables is None or _about(line, asked)]
    _report(told + left, kept, [file for _, file in new])
    return bool(new)


def access_rules(texts: Iterable[str], settings: Settings) -> dict[str, str]:
    """The rules by action that `--access` gives, in the order of ACTIONS. Raises ConfigError."""
    access = {}
    for text in texts:
        action, _, rule = text.partition("=")
        if action not in ACTIONS or not RULE(rule):
            raise ConfigError(
                f"--access: {text!r} is not ACTION=RULE, where ACTION is one of {', '.join(ACTIONS)} and RULE is "
                "anyone, authenticated or role:NAME"
            )
        if rule == "anyone" and settings.host not in config.LOOPBACK:
            raise ConfigError(
                f"--access {text}: these settings serve {settings.host}, where other computers connect, and `anyone` "
                f"lets all of them {action} every row; type {action}=authenticated or {action}=role:NAME, or write "
                "x-access into the files yourself"
            )
        access[action] = rule
    return {action: access[action] for action in ACTIONS if action in access}


def _asked(found: Found, names: list[str] | None) -> list[Table]:
    if names is None:
        if not found.tables:
            why = f": {'; '.join(found.left)}" if found.left else ""
            raise ConfigError(f"introspect: the database has no tables that can be shared{why}")
        return found.tables
    tables = {table.name.lower(): table for table in found.tables}
    asked = []
    for name in names:
        if name.lower() not in tables:
            reasons = [line for line in found.left if _about(line, {name})]
            there = ", ".join(found.names) or "none"
            why = "; ".join(reasons) or f"there is no table {name}; there are: {there}"
            raise ConfigError(f"introspect: --tables: {why}")
        asked.append(tables[name.lower()])
    return asked


def _about(line: str, tables: set[str]) -> bool:
    """Whether a note is about one of these tables: each begins with the name of what it is about."""
    return any(re.match(rf"{re.escape(name)}(?:[.: ])", line, re.IGNORECASE) for name in tables)


def _existing(out: Path) -> Iterator[tuple[Path, Place]]:
    """The resources that files in `out` describe already."""
    from tidegate.schema import resource  # noqa: PLC0415
    from tidegate.store.introspect.schemas import Place  # noqa: PLC0415

    for path in sorted(out.glob("*.json")):
        name = path.name.removesuffix(".json").removesuffix(".schema")
        try:
            schema = json.loads(path.read_text(encoding="utf-8"))
            read = resource.read_resource(name, schema, {})
        except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
            raise ConfigError(f"introspect: {path} cannot be read: {error}; `tidegate check` says more") from None
        single = [names[0] for names in (read.key, *read.unique) if len(names) == 1]
        yield path, Place(name, read.title, read.table, frozenset(single))


def _write(out: Path, files: Iterable[tuple[Path, File]]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, file in files:
            path.write_text(json.dumps(file.schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            print(path)
    except OSError as error:
        raise ConfigError(f"introspect: cannot write {error.filename}: {error.strerror}") from None


def _report(left: list[str], kept: list[Path], new: list[File]) -> None:
    secrets = [
        f"{file.table}.{name}"
        for file in new
        for name, prop in file.schema["properties"].items()
        if prop.get("writeOnly")
    ]
    for path in kept:
        _say(f"{path} is there already and was left as it is; --force writes it anew")
    if left:
        _say("not in the files, or otherwise than one might expect:")
        for line in left:
            _say(f"  {line}")
    if secrets:
        _say(
            f"taken for secrets by their names, so that clients may set them and never read them: {', '.join(secrets)}"
        )


def _next(out: Path, database: str, wrote: bool, access: dict[str, str]) -> None:
    missing = [action for action in ACTIONS if action not in access]
    if wrote and missing:
        how = "" if access else ", or begin anew with --force --access read=authenticated"
        what = " or ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
        _say(f"nobody may {what} yet: set x-access in the files{how}")
    schema = out.parent if out.name == "resources" else out
    folder = "" if schema == Path("schema") else f" --schema {shlex.quote(str(schema))}"
    same = database_option(database)
    with_database = ("migrate --plan", "migrate", "serve --dev")
    commands = [f"generate{folder}", *(f"{name}{folder}{same}" for name in with_database)]
    _say("next: " + " && ".join(f"tidegate {command}" for command in commands))


def _say(line: str) -> None:
    print(line, file=sys.stderr)
