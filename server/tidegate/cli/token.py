"""`tidegate token`: signs a JWT for a user and prints only the token on stdout."""

from __future__ import annotations

import argparse
import sys
import time

from tidegate import config
from tidegate.cli.claim_option import add_claim_option, claims_of
from tidegate.config import DEVELOPMENT_SECRET, ConfigError

EPILOG = """\
examples:
  tidegate token --user 1 --name John --dev
  TIDEGATE_SECRET=$(cat secret) tidegate token --user 1 --name John --role admin --ttl 3600
  tidegate token --user 1 --claim team=7 --claim 'shops=["harbour", "pier"]' --dev
  TOKEN=$(tidegate token --user 1 --dev 2>/dev/null)

A client sends it in `authenticate`, in the Authorization header, or as the WebSocket subprotocol `bearer.TOKEN`.
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "token",
        help="sign a token for a user",
        description="Sign a JWT (HS256) for a user and print it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--user", required=True, metavar="ID", help="the user's id (the token's `sub`)")
    parser.add_argument("--name", metavar="NAME", help="the user's name (default: the id)")
    parser.add_argument(
        "--role", action="append", default=[], metavar="ROLE", help="a role; repeat the option for several roles"
    )
    add_claim_option(parser, "another claim")
    parser.add_argument(
        "--ttl", type=float, default=86400.0, metavar="SECONDS", help="how long the token is valid (default: a day)"
    )
    parser.add_argument(
        "--dev",
        action="store_true",
        default=None,
        help="sign with the public development secret, which only `serve --dev` accepts",
    )
    config.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tidegate.auth.texts import proper_id  # noqa: PLC0415  # as above
    from tidegate.auth.tokens import ANONYMOUS_PREFIX, ID_LIMIT, sign  # noqa: PLC0415  # loads PyJWT
    from tidegate.identities import signing_secret  # noqa: PLC0415  # as above

    settings = config.load(args)
    secret = signing_secret(settings)
    if secret is None:
        raise ConfigError("no secret to sign with: set TIDEGATE_SECRET, or use --dev for development")
    if not proper_id(args.user) or args.user.startswith(ANONYMOUS_PREFIX):
        text = f"1 to {ID_LIMIT} characters, none of them invisible, and must not begin with {ANONYMOUS_PREFIX}"
        raise ConfigError(f"--user must have {text}")
    if args.ttl <= 0:
        raise ConfigError("--ttl must be more than 0 seconds")
    if args.ttl > settings.token_life:
        raise ConfigError(f"--ttl must be {settings.token_life:,.0f} seconds at most (setting token_life)")
    if secret == DEVELOPMENT_SECRET:
        print(
            "WARNING: signed with the DEVELOPMENT secret, which is public; only `serve --dev` accepts the token",
            file=sys.stderr,
        )
    claims = claims_of(args.claim, "use --user, --name, --role or --ttl")
    if settings.issuers:
        claims["iss"] = settings.issuers[0]
    if settings.audiences:
        claims["aud"] = settings.audiences[0]
    print(sign(secret, args.user, args.name or args.user, args.role, time.time(), args.ttl, claims))
    return 0
