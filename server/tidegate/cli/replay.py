"""`tidegate replay`: sends a recording of the console to a gateway and compares the answers, for example in CI.

Invariant: the exit code is 0 exactly when each recorded answer came again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidegate.cli import health
from tidegate.config import CONFIG_FILE, DEVELOPMENT_SECRET, ConfigError

TIMEOUT_S = 10.0
VARIABLE = "TIDEGATE_TOKEN"
EPILOG = """\
examples:
  tidegate replay first-order.recording.json
  tidegate replay first-order.recording.json --url https://staging.example.com --token "$TOKEN"
  tidegate replay two-users.recording.json --dev
  tidegate replay two-users.recording.json --token 1=$TOKEN_OF_1 --token 7=$TOKEN_OF_7

"Save recording" on the page at `/` writes such a file. Answers and pushes must be the recorded ones, apart from
positions, times, ids of this run and presence. The exit code is 0 if they are, and 1 with the differences if not.
A recording has no tokens. They come from --token, from the environment variable TIDEGATE_TOKEN, or with --dev from
the development secret. Start the gateway on a database in the state that it had when the recording began.
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "replay",
        help="send a recording of the console to a gateway again and compare the answers",
        description="Send a recording of the console to a gateway again and compare the answers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the recording")
    parser.add_argument("--url", metavar="URL", help="address of the gateway (default: from the settings)")
    parser.add_argument(
        "--token",
        action="append",
        default=[],
        metavar="[USER=]TOKEN",
        help="token to sign in with, for the user with this id or for all; repeat the option for several users",
    )
    parser.add_argument(
        "--dev", action="store_true", help="sign tokens with the public development secret, for `serve --dev`"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_S,
        metavar="SECONDS",
        help="how long to wait for an answer (default: %(default)s)",
    )
    parser.add_argument("--config", metavar="FILE", help=f"settings file (default: ./{CONFIG_FILE} if it exists)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tidegate.replay import BadRecording, NotReached, play, read, report  # noqa: PLC0415  # loads websockets

    if args.timeout <= 0:
        raise ConfigError("--timeout: must be more than 0 seconds")
    address = health.address(args)
    try:
        recording = read(args.file)
        socket = f"ws{address.removeprefix('http')}/ws"
        outcome = asyncio.run(play(recording, socket, _tokens(args), patience=args.timeout))
    except BadRecording as error:
        raise ConfigError(f"replay: {error}") from None
    except NotReached as error:
        print(f"tidegate: replay: {address}: {error}", file=sys.stderr)
        return 1
    print(report(recording, outcome))
    return 1 if outcome.findings else 0


def _tokens(args: argparse.Namespace) -> Callable[[dict[str, Any]], str]:
    by_user = dict(given.rpartition("=")[::2] for given in args.token)  # a token has no `=`
    for_all = by_user.get("") or os.environ.get(VARIABLE)

    def token(user: dict[str, Any]) -> str:
        from tidegate.auth.tokens import sign  # noqa: PLC0415  # loads PyJWT
        from tidegate.replay import BadRecording  # noqa: PLC0415

        known = str(user.get("id"))
        if known in by_user:
            return str(by_user[known])
        if args.dev:
            roles = [str(role) for role in user.get("roles") or ()]
            return sign(DEVELOPMENT_SECRET, known, str(user.get("name") or known), roles, time.time(), 3600.0)
        if for_all:
            return str(for_all)
        raise BadRecording(
            f"the recording signs in as the user {known}: give --token, or --dev for a gateway in development mode"
        )

    return token
