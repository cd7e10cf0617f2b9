"""`tidegate tail`: the frames of one user or one connection of a running gateway, as they pass."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tidegate.admin.asking import NotAnswered
from tidegate.cli import operators_address

EPILOG = """\
examples:
  tidegate tail --user 7
  tidegate tail --connection 8Gb2mZ1fQx0A --json
  tidegate tail --user 7 --payload               in development mode only

Each line says when, which way (> from the client, < to it), the type, the code of an error, and the size in bytes. No
payload is shown outside development mode, and no token anywhere. New connections of the user are followed, too.
An id that begins with - is written --connection=ID.
"""
ARROWS = {"in": ">", "out": "<"}
SHOWN = ("code", "ref", "room", "resource", "subscription", "count")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "tail",
        help="follow the frames of one user of a running gateway",
        description="Follow the frames of one user or one connection of a running gateway.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    operators_address.add_arguments(parser)
    followed = parser.add_mutually_exclusive_group(required=True)
    followed.add_argument("--user", metavar="ID", help="the connections of this user")
    followed.add_argument("--connection", metavar="ID", help="this connection")
    parser.add_argument(
        "--payload", action="store_true", help="show payloads, without tokens; in development mode only"
    )
    parser.add_argument("--json", action="store_true", help="print each event as a JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    address = operators_address.address(args)
    asked = {"user": args.user, "connection": args.connection, "payload": 1 if args.payload else None}
    try:
        for event in address.follow("/tail", asked):
            print(json.dumps(event) if args.json else line(event), flush=True)
    except NotAnswered as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return 1
    return 0


def line(event: Mapping[str, Any]) -> str:
    """One event as text."""
    when = datetime.fromtimestamp(event.get("time", 0.0)).strftime("%H:%M:%S.%f")[:-3]
    what = event.get("type") or event.get("event", "")
    about = [f"{name}={event[name]}" for name in SHOWN if name in event]
    about += [f"{event['bytes']} B"] if "bytes" in event else []
    about += [json.dumps(event["payload"])] if "payload" in event else []
    text = " ".join([when, event.get("connection", ""), ARROWS.get(event.get("direction", ""), "-"), what, *about])
    return "".join(character if character.isprintable() else "?" for character in text)
