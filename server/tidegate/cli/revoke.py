"""`tidegate revoke`: refuses tokens that have not ended, and closes the connections that came with them."""

from __future__ import annotations

import argparse
import sys

from tidegate.admin.asking import NotAnswered
from tidegate.admin.moments import moment
from tidegate.cli import operators_address
from tidegate.config import ConfigError

EPILOG = """\
examples:
  tidegate revoke --user ada                     every token that ada has by now
  tidegate revoke --user ada --until 2030-12-31T18:00:00Z
  tidegate revoke --jti onrtac:6f                one token, by the id in its claim `jti`
  TIDEGATE_ADMIN_SECRET=... tidegate revoke --user ada --admin 10.0.0.7:8788

Every gateway that shares the engine or the database refuses the tokens and closes their connections with 4001. Lock the
user out at your login server first: a token that it issues later is good. `--until` is the time of issue (`iat`) up to
which tokens are refused. A time that is past spares newer tokens; a time to come also refuses tokens that the user gets
until then. An id that begins with - is written --user=ID.
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "revoke",
        help="refuse the tokens of a user, or one token, at every gateway",
        description="Refuse the tokens of a user, or one token, at every gateway, and close their connections.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    operators_address.add_arguments(parser)
    revoked = parser.add_mutually_exclusive_group(required=True)
    revoked.add_argument("--user", metavar="ID", help="the tokens of this user")
    revoked.add_argument("--jti", metavar="ID", help="the token with this id (claim `jti`)")
    parser.add_argument(
        "--until", metavar="TIME", help="with --user: tokens that were issued until then (default: until now)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    asked = {name: value for name in ("user", "jti", "until") if (value := getattr(args, name)) is not None}
    if args.until is not None:
        if args.user is None:
            raise ConfigError("--until: goes with --user; one token is refused until it ends")
        try:
            moment(args.until)
        except ValueError as error:
            raise ConfigError(f"--until: {error}") from None
    address = operators_address.address(args)
    try:
        address.post("/revoke", asked)
    except NotAnswered as error:
        print(f"tidegate: not revoked: {error}", file=sys.stderr)
        return 1
    if args.user is None:
        print(f"revoked the token {_shown(args.jti)}; its connections are closed with 4001")
    else:
        print(
            f"revoked the tokens of {_shown(args.user)} that were issued until {args.until or 'now'}; "
            "their connections are closed with 4001"
        )
    return 0


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
