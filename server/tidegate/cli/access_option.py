"""The option `--access ACTION=RULE`, with which `tidegate introspect` and `tidegate dev` fill x-access of new files.

It parses and checks the option; it writes no file.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable

from tidegate import config
from tidegate.config import ConfigError, Settings

ACTIONS = ("read", "create", "update", "delete")
is_rule = re.compile(r"(?:anyone|authenticated|role:.+)").fullmatch


def add_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--access",
        action="extend",
        nargs="+",
        default=[],
        metavar="ACTION=RULE",
        help="x-access of the files that are written: which clients may read, create, update or delete rows: anyone, "
        "authenticated or role:NAME, as in read=anyone (default: none)",
    )


def access_rules(texts: Iterable[str], settings: Settings) -> dict[str, str]:
    """The rules of the option by action, in the order of ACTIONS. Raises ConfigError."""
    access = {}
    for text in texts:
        action, _, rule = text.partition("=")
        if action not in ACTIONS or not is_rule(rule):
            raise ConfigError(
                f"--access: {text!r} is not ACTION=RULE, where ACTION is one of {', '.join(ACTIONS)} and RULE is "
                "anyone, authenticated or role:NAME"
            )
        if rule == "anyone" and settings.host not in config.LOOPBACK:
            raise ConfigError(
                f"--access {text}: these settings serve {settings.host}, where other computers connect, and `anyone` "
                f"lets all of them {action} every row; type {action}=authenticated or {action}=role:NAME, or write "
                "x-access into the files yourself"
            )
        access[action] = rule
    return {action: access[action] for action in ACTIONS if action in access}
