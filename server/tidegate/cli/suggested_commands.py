"""Command lines that messages suggest to the user.

Invariant: no suggested command contains a password.
"""

from __future__ import annotations

import argparse
import re
import shlex

_PASSWORD = re.compile(r"//[^/@]*:[^/@]*@|password=").search


def database_option(url: str) -> str:
    """` --database ...` with this URL. The word `URL` replaces it if it contains a password."""
    return " --database " + ("URL" if _PASSWORD(url) else shlex.quote(url))


def command(name: str, args: argparse.Namespace) -> str:
    """`tidegate NAME` with the database, schema and settings options of `args`."""
    options = "" if args.database is None else database_option(args.database)
    for option, value in (("--schema", args.schema), ("--config", args.config)):
        options += "" if value is None else f" {option} {shlex.quote(str(value))}"
    return f"tidegate {name}{options}"
