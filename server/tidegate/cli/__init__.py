"""The `tidegate` command: one module a subcommand, each with `register(subparsers)` and `run(args) -> exit code`.

It turns arguments into settings and failures into sentences that say what to type next; what the commands do lives
elsewhere. Modules are imported only when their command runs, so that `tidegate token` does not load a code generator.
Invariant: a user's mistake ends in one line on stderr and exit code 1 or 2, never in a traceback.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tidegate import __version__
from tidegate.cli import check, database, generate, init, introspect, migrate, serve, token
from tidegate.config import ConfigError

EPILOG = """\
examples:
  tidegate init shop              write a small application to start from
  tidegate introspect             write schema files for the tables of an existing database
  tidegate migrate --seed         create the tables and put sample rows in
  tidegate serve --dev            serve ./schema on http://127.0.0.1:8787
  tidegate generate               write typed models and the TypeScript contract
  tidegate check                  say what is wrong with ./schema
  tidegate token --user 1 --dev   print a token for development

`tidegate COMMAND --help` says more. Settings also come from tidegate.toml and TIDEGATE_* variables.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="tidegate",
        description="A schema-first real-time gateway.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tidegate {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (init, introspect, serve, generate, migrate, database, token, check):
        module.register(commands)
    args = parser.parse_args(argv)
    try:
        code: int = args.run(args)
    except ConfigError as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    return code
