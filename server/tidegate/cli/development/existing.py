"""What `tidegate dev` does in a folder without schema files: it offers to write them for an existing database.

It asks and writes files; it changes no database.
Invariant: it writes no file without a yes, and x-access stays empty unless the user names a rule.
"""

from __future__ import annotations

from pathlib import Path

from tidegate.cli.access_option import access_rules, is_rule
from tidegate.cli.development.terminal import Terminal
from tidegate.cli.init import meta_files
from tidegate.cli.introspect import write_schemas
from tidegate.cli.suggested_commands import database_option
from tidegate.config import ConfigError, Settings
from tidegate.store import StoreError, backends, development, introspect

RESOURCES = Path("schema", "resources")
SHOWN = 8
NEW_APPLICATION = "type: tidegate init shop && cd shop && tidegate dev"


def describe_database(settings: Settings, terminal: Terminal, access: list[str]) -> None:
    """Write ./schema for the database of `settings`, after asking.

    Raises ConfigError where that is not possible, or where the user says no.
    """
    url = settings.database
    rules = access_rules(access, settings)
    tables = _tables(url)
    terminal.say(f"There is no folder ./schema here. {backends.shown(url)} has {tables}.")
    if not terminal.yes:
        _ask(terminal, url)
    if not rules and terminal.interactive and not terminal.yes:
        rules = _ask_for_access(terminal)
    write_schemas(url, RESOURCES, rules)
    try:
        for name, text in meta_files().items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from None


def _tables(url: str) -> str:
    """The number of tables and their names, in words. Raises ConfigError for a database without tables."""
    try:
        if not development.exists(url):
            what = "there is no application in this folder (no ./schema)"
            if url != Settings().database:
                what = f"there is no database {backends.shown(url)}, and {what}"
            raise ConfigError(
                f"{what}; for a new one {NEW_APPLICATION}; for the tables of a database: tidegate dev --database URL"
            )
        found = introspect.read(url)
    except StoreError as error:
        raise ConfigError(str(error)) from None
    names = [table.name for table in found.tables]
    if not names:
        why = f" ({'; '.join(found.left_out)})" if found.left_out else ""
        raise ConfigError(
            f"{backends.shown(url)} has no tables that can be shared{why}; for a new application {NEW_APPLICATION}"
        )
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} table{'s' * (len(names) > 1)}: {', '.join(names[:SHOWN])}{more}"


def _ask(terminal: Terminal, url: str) -> None:
    database = database_option(url)
    if not terminal.interactive:
        raise ConfigError(
            "there is no folder ./schema, and without a terminal dev does not ask. Type:\n"
            f"  tidegate introspect{database} --access read=authenticated\n"
            f"  tidegate migrate{database}\n"
            f"  tidegate dev{database}\n"
            f"or say yes in advance: tidegate dev{database} --yes --access read=authenticated"
        )
    if not terminal.confirm(f"Write a schema file for each of them into {RESOURCES}?"):
        raise ConfigError(f"no file was written; {NEW_APPLICATION} makes a new application and its database")


def _ask_for_access(terminal: Terminal) -> dict[str, str]:
    """The rules for x-access that the user types; no rule for an empty answer."""
    terminal.say(
        "Which clients may read the rows? anyone, authenticated (those with a token), role:NAME, or Enter for none yet."
    )
    while (answer := terminal.ask("Read: ")) and not is_rule(answer):
        terminal.say(f"{answer!r} is none of anyone, authenticated, role:NAME")
    return {"read": answer} if answer else {}
