"""`tidegate top`: who is connected to a running gateway and what each connection costs, live like htop; or which
gateways there are."""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tidegate.admin.asking import Address, NotAnswered
from tidegate.cli import operators_address, top_nodes, top_table

KEYS = {
    "c": "cost", "l": "loop", "r": "reads", "i": "frames_in", "o": "bytes_out", "u": "unsent", "h": "held", "a": "age",
}  # fmt: skip
"""The keys that choose an order."""
EPILOG = """\
examples:
  tidegate top                                   live; keys choose the order, q ends it
  tidegate top --sort held --admin unix:/run/tidegate/admin
  tidegate top --nodes                           the gateways, on other machines too
  tidegate top --once --json | jq '.items[0]'    the costliest connection of one second
  TIDEGATE_ADMIN_SECRET=... tidegate top --admin 10.0.0.7:8788

Costs and numbers are those of the last second (--seconds). `cost` is the time of the event loop and of the threads that
read the database. End a connection with: curl -d '{"connection": "ID"}' .../disconnect
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "top",
        help="show who costs a running gateway what, live",
        description="Show the connections of a running gateway and what each of them costs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    operators_address.add_arguments(parser)
    parser.add_argument("--sort", default="cost", choices=top_table.SORTS, help="the order (default: cost)")
    parser.add_argument("--user", metavar="ID", help="the connections of one user only")
    parser.add_argument(
        "--seconds", type=float, default=1.0, metavar="SECONDS", help="the period to show (default: %(default)s)"
    )
    parser.add_argument("--limit", type=int, default=20, metavar="NUMBER", help="connections (default: %(default)s)")
    parser.add_argument("--nodes", action="store_true", help="the gateways of the engine in place of connections")
    parser.add_argument("--once", action="store_true", help="print one period and end")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a period")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    address = operators_address.address(args)
    live = not args.once and not args.json and sys.stdout.isatty()
    asked = {"sort": args.sort, "user": args.user, "seconds": args.seconds, "limit": args.limit}
    try:
        with _keys(live) as pressed:
            while True:
                found = address.get("/nodes") if args.nodes else _look(address, asked)
                if args.json:
                    print(json.dumps(found), flush=True)
                else:
                    _show(_node_lines(found) if args.nodes else _lines(found, asked), live=live)
                if args.once:
                    return 0
                for key in pressed():
                    if key == "q":
                        return 0
                    args.nodes = (key == "n") != args.nodes
                    asked["sort"] = KEYS.get(key, asked["sort"])
                if not args.seconds or args.nodes:
                    time.sleep(1.0)
    except NotAnswered as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return 1


def _look(address: Address, asked: dict[str, Any]) -> dict[str, Any]:
    connections = address.get("/connections", asked)
    return {**connections, "nodes": address.get("/nodes", {"elsewhere": 0})["items"]}


def _lines(found: dict[str, Any], asked: dict[str, Any]) -> Callable[[int], list[str]]:
    return lambda width: top_table.lines(found, str(asked["sort"]), width)


def _node_lines(found: dict[str, Any]) -> Callable[[int], list[str]]:
    return lambda width: top_nodes.lines(found, time.time(), width)


def _show(lines_of: Callable[[int], list[str]], *, live: bool) -> None:
    """`lines_of`: the lines for a width of the terminal."""
    width, height = os.get_terminal_size() if live else (160, 1000)
    lines = lines_of(width)[: height - 1]
    if live:
        keys = "  ".join(f"{key} {name}" for key, name in KEYS.items())
        print("\x1b[H\x1b[2J", end="")
        lines = [*lines[: height - 2], f"\x1b[2m{keys}  n nodes  q end\x1b[0m"]
    print("\n".join(lines), flush=True)


@contextmanager
def _keys(live: bool) -> Iterator[Any]:
    """What returns the keys that were pressed, without waiting. The terminal is as before afterwards."""
    if not live or not sys.stdin.isatty():
        yield list
        return
    import termios  # noqa: PLC0415  # not on every system
    import tty  # noqa: PLC0415  # as above

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)

        def pressed() -> str:
            ready = select.select([sys.stdin], [], [], 0)[0]
            return os.read(sys.stdin.fileno(), 64).decode("ascii", "ignore") if ready else ""

        yield pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
