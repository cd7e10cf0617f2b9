"""The options of commands that ask a gateway's address for operators."""

from __future__ import annotations

import argparse

from tidegate import config
from tidegate.admin.asking import Address
from tidegate.config import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--admin",
        metavar="ADDRESS",
        help="the gateway's address for operators: 127.0.0.1:8788 or unix:/path (default: from the settings)",
    )
    parser.add_argument(
        "--config", metavar="FILE", help=f"settings file (default: ./{config.CONFIG_FILE} if it exists)"
    )


def address(args: argparse.Namespace) -> Address:
    """The address of the arguments and the settings. Raises ConfigError."""
    chosen, args.admin = args.admin, None
    settings = config.load(args, operates=True)
    try:
        found = chosen or settings.admin
        if found is None:
            raise ConfigError("no address for operators: give --admin, or set `admin` as for the gateway")
        return Address(found, settings.operators_secret)
    except ValueError as error:
        raise ConfigError(f"admin: {error}") from None
