"""`tidegate dev`: one command for working on an application: generate, migrate, serve, and follow the editor.

It parses options; `tidegate.cli.development` does the work.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from tidegate import config
from tidegate.cli import access_option

DESCRIPTION = """\
Serve the application in this folder in development mode, and follow your editor.

It writes ./generated, migrates the database, and serves on http://127.0.0.1:8787. After each save of a schema
file, a Python file or tidegate.toml it does so again; clients reconnect by themselves. After a save that cannot be
served the gateway goes on as before.

It asks before it runs a manual migration and before it adds anything to a database with tables of other programs.
Sample rows (schema/seed.json) go only into a database that it has just created.
"""
EPILOG = """\
examples:
  tidegate init shop && cd shop && tidegate dev
  tidegate dev --port 9000
  tidegate dev --database sqlite:///chinook.db              in an empty folder: schema files for its tables first
  tidegate dev --database postgresql://ada@localhost/shop --yes --access read=authenticated
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "dev",
        help="generate, migrate, serve, and follow your editor",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", help="loopback address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on; 0 takes a free one (default: 8787)")
    parser.add_argument("--handlers", metavar="MODULE:NAME", help="the handlers of your own messages")
    parser.add_argument("--log-level", dest="log_level", help="debug, info, warning or error (default: info)")
    parser.add_argument(
        "--out", type=Path, default=Path("generated"), metavar="DIR", help="generated code (default: ./generated)"
    )
    parser.add_argument(
        "--yes", action="store_true", help="answer yes to every question, except whether to set a database aside"
    )
    access_option.add_argument(parser)
    config.add_arguments(parser)
    parser.set_defaults(run=run, dev=True)


def run(args: argparse.Namespace) -> int:
    from tidegate.cli.development.run import DevelopmentRun  # noqa: PLC0415  # the other commands do not need it
    from tidegate.cli.development.terminal import Terminal  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.dont_write_bytecode = True  # two saves of a migration within a second must not look like one
    terminal = Terminal(args.yes)
    try:
        DevelopmentRun(args, terminal).run()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the gateway has ended, and another Ctrl-C has nothing to stop
        terminal.say("\nstopped")
    return 0
