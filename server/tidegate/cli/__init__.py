"""The `tidegate` command: a module for each subcommand, with `register(subparsers)` and `run(args) -> exit code`.

The modules read arguments and settings, and print errors that say what to type next; other packages do the work. Only
the module of the given command is imported, and it imports other packages when it runs: `tidegate token` loads no code
generator, `tidegate --version` loads no command.
Invariant: a user's mistake ends in one line on stderr and exit code 1 or 2, never in a traceback.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from tidegate import __version__
from tidegate.config import ConfigError

COMMANDS = (
    "init",
    "dev",
    "introspect",
    "serve",
    "health",
    "top",
    "tail",
    "revoke",
    "generate",
    "migrate",
    "database",
    "token",
    "check",
    "config",
    "replay",
    "hooks",
)
"""The commands in the order of `tidegate --help`. Each is a module of this package."""

EPILOG = """\
examples:
  tidegate init shop              write a small application as a start
  tidegate dev                    generate, migrate, serve, and follow your editor
  tidegate introspect             write schema files for the tables of an existing database
  tidegate migrate --seed         create the tables and insert sample rows
  tidegate serve --dev            serve ./schema on http://127.0.0.1:8787
  tidegate health                 ask a running gateway whether it is ready
  tidegate top                    show who costs a running gateway what, live
  tidegate revoke --user ID       refuse the tokens of a user at every gateway
  tidegate generate               write typed models and the TypeScript contract
  tidegate check                  list the problems in ./schema
  tidegate config check           show the settings, and what is risky about them in production
  tidegate replay FILE            send a recording of the console to a gateway again
  tidegate token --user 1 --dev   print a token for development

`tidegate COMMAND --help` describes a command. Settings also come from tidegate.toml and TIDEGATE_* variables.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog="tidegate",
        description="A schema-first real-time gateway.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tidegate {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in _typed(arguments):
        import_module(f"tidegate.cli.{name}").register(commands)
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        _refuse(commands.choices[args.command], unknown)
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


def _refuse(command: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """End with the usage of the command, and the option that was probably meant."""
    from tidegate.schema.suggestions import suggestion  # noqa: PLC0415  # loads the validators; for a mistake only

    options = re.findall(r"--[a-z][a-z-]*", command.format_usage())
    meant = suggestion(unknown[0].partition("=")[0], options)
    command.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")


def _typed(arguments: Sequence[str]) -> Sequence[str]:
    """The commands to register: only the given one, or all of them for `--help` and for an unknown command."""
    first = next(iter(arguments), "")
    if first == "--version":
        return ()
    return (first,) if first in COMMANDS else COMMANDS
