"""`tidegate database`: tells a database what it cannot know. Its one action says that a backup was restored.

It changes nothing in the tables of resources.
"""

from __future__ import annotations

import argparse

from tidegate import config
from tidegate.config import ConfigError

EPILOG = """\
examples:
  tidegate database new-epoch
  tidegate database new-epoch --database postgresql://ada@localhost/app
"""
NEW_EPOCH = """\
Say that the database is not the one in which clients got their positions: a backup was restored, or a disk was put
back. Clients that reconnect then start from snapshots. `tidegate serve` notices most of these cases by itself;
docs/reference/databases.md says which it cannot notice. Stop the gateways first, or restart them afterwards.
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "database",
        help="say that the database was restored from a backup",
        description="Tell a database what it cannot know.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new_epoch = actions.add_parser(
        "new-epoch",
        help="begin a new epoch, so that clients start from snapshots",
        description=NEW_EPOCH,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    config.add_arguments(new_epoch)
    new_epoch.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tidegate.store import StoreError, backends  # noqa: PLC0415  # the other commands do not load it

    url = config.load(args).database
    try:
        old, new = backends.new_epoch(url)
        print(f"{backends.shown(url)}: epoch {old} -> {new}")
    except StoreError as error:
        raise ConfigError(str(error)) from None
    print("Clients start from snapshots. Restart the gateways that serve this database: they still have the old epoch.")
    return 0
