"""Commands as a user can type them again, for messages.

Invariant: no message holds a password.
"""

from __future__ import annotations

import argparse
import re
import shlex

_PASSWORD = re.compile(r"//[^/@]*:[^/@]*@|password=").search


def database_option(url: str) -> str:
    """` --database ...` with this URL; with `URL` in its place if there is a password in it."""
    return " --database " + ("URL" if _PASSWORD(url) else shlex.quote(url))


def command(name: str, args: argparse.Namespace) -> str:
    """`tidegate NAME` with the database, schema and settings options that `args` has."""
    options = "" if args.database is None else database_option(args.database)
    for option, value in (("--schema", args.schema), ("--config", args.config)):
        options += "" if value is None else f" {option} {shlex.quote(str(value))}"
    return f"tidegate {name}{options}"
