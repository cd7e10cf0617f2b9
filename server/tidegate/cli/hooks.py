"""`tidegate hooks`: what waits for the receivers of webhooks, and what they did not take.

It parses options and prints; `store.hook_outbox` has the events.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tidegate import config
from tidegate.config import ConfigError, Settings
from tidegate.schema.suggestions import suggestion

if TYPE_CHECKING:
    from tidegate.store.hook_outbox import HookOutbox

EPILOG = """\
examples:
  tidegate hooks list                    each webhook, what waits for it, and its messages that were given up
  tidegate hooks retry 17 18             send these messages again
  tidegate hooks retry --hook crm        send all messages of the webhook again, and go on with one that answered 410
  tidegate hooks drop --hook crm         forget its messages that were given up; of a webhook that the settings have no
                                         more, all messages

A message is given up after about three days of tries. The gateway sends again what `retry` names within a second.
"""

NONE = "the settings have no webhooks"
LOOKED_AT = 100
"""Messages that wait, of which one may tell why."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "hooks",
        help="list and repeat messages of webhooks",
        description="List the messages of webhooks that were given up, send them again, or forget them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=("list", "retry", "drop"), help="what to do")
    parser.add_argument("messages", nargs="*", type=int, metavar="ID", help="messages, by the number that `list` shows")
    parser.add_argument("--hook", metavar="NAME", help="all messages of this webhook that were given up")
    config.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tidegate.store import StoreError, Unmigrated  # noqa: PLC0415  # the other commands do not load it
    from tidegate.store.hook_outbox import HookOutbox  # noqa: PLC0415

    settings = config.load(args)
    if args.action != "list" and bool(args.messages) == (args.hook is not None):
        raise ConfigError(f"hooks {args.action}: name messages by their numbers, or --hook NAME for all of a webhook")
    known = {hook.name for hook in settings.hooks}
    outbox = HookOutbox(settings.database)
    try:
        try:
            outbox.check()
        except Unmigrated:
            if settings.hooks:
                raise
            if args.action != "list":
                raise ConfigError(NONE) from None
            print(NONE, file=sys.stderr)
            return 0
        if args.hook is not None and args.hook not in known:
            return _of_former(outbox, args.action, args.hook, known)
        if args.action == "list":
            _list(settings, outbox, args.hook)
            return 0
        chosen = args.messages or [each.id for each in outbox.dead(args.hook)]
        if args.action == "drop":
            number = outbox.drop(chosen)
        else:
            number = outbox.retry(chosen, int(time.time() * 1000))
            if args.hook is not None:
                outbox.enable(args.hook)
    except StoreError as error:
        raise ConfigError(str(error)) from None
    finally:
        outbox.close()
    print(f"{number} messages {'are forgotten' if args.action == 'drop' else 'are sent again'}")
    return 0 if number or args.hook is not None else 1


def _of_former(outbox: HookOutbox, action: str, name: str, known: Collection[str]) -> int:
    """Forget a webhook that the settings have no more: nothing sends its messages."""
    if name not in outbox.names():
        raise ConfigError(f"--hook: the settings have no webhook {name!r}{suggestion(name, known)}")
    if action != "drop":
        raise ConfigError(f"--hook: the settings have no webhook {name!r} any more: `drop` forgets its messages")
    print(f"{outbox.forget(name)} messages are forgotten")
    return 0


def _list(settings: Settings, outbox: HookOutbox, only: str | None) -> None:
    disabled = outbox.disabled()
    names: Sequence[str] = [hook.name for hook in settings.hooks if only in {None, hook.name}]
    if not names:
        print(NONE, file=sys.stderr)
    for name in names:
        state = f"  not sent to: {disabled[name]}" if name in disabled else _problem(outbox, name)
        dead = outbox.dead(name)
        print(f"{name}: {outbox.count(name)} waiting, {len(dead)} given up{state}")
        for each in dead:
            print(f"  {each.id}  {_time(each.time)}  {each.type}  {each.key}  {each.tries} tries  {each.problem}")
    for name in outbox.names() if only is None else ():
        number = outbox.count(name) + len(outbox.dead(name))
        if name not in names and number:
            print(f"{name}: {number} messages that nothing sends, because the settings have no webhook of this name")


def _problem(outbox: HookOutbox, name: str) -> str:
    """Why the oldest message that waits was not taken, and when it is sent again."""
    tried = [each for each in outbox.waiting([name], LOOKED_AT) if each.problem is not None]
    if not tried:
        return ""
    return f"  not taken: {tried[0].problem}; sent again at {_time(tried[0].due)}"


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
