"""docs/reference/cli.md has every command with its options, as `--help` describes them.

`python -m tests.test_cli_reference` writes the page.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from importlib import import_module

from tests.support.gateway import ROOT
from tidegate.cli import COMMANDS

PAGE = ROOT / "docs" / "reference" / "cli.md"
HEAD = """\
# Commands

`tidegate COMMAND --help` prints the same, with examples. `python -m tests.test_cli_reference` writes this page;
a test compares the two. Every setting can also stand in `tidegate.toml` or in the environment
([settings](settings.md)). A command exits with 0, with 1 where it found or met a problem, and with 2 where its
arguments or settings are wrong.
"""


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    formatter = parser._get_formatter()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction) or action.help == argparse.SUPPRESS:
            continue
        names = ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.metavar or action.dest}`"
        value = f" `{action.metavar or action.dest.upper()}`" if action.option_strings and action.nargs != 0 else ""
        text = " ".join(formatter._expand_help(action).split()) if action.help else ""
        yield f"| {names}{value} | {text.replace('|', chr(92) + '|')} |"


def _command(parser: argparse.ArgumentParser, about: str) -> Iterator[str]:
    yield f"## `{parser.prog}`\n"
    yield f"{about[:1].upper()}{about[1:]}.\n"
    options = [*_options(parser)]
    if options:
        yield "| option | meaning |\n|---|---|"
        yield from options
        yield ""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, sub in action.choices.items():
                yield from _command(sub, helps.get(name, ""))


def page() -> str:
    """What docs/reference/cli.md should be."""
    parser = argparse.ArgumentParser(prog="tidegate")
    commands = parser.add_subparsers(dest="command")
    for name in COMMANDS:
        import_module(f"tidegate.cli.{name}").register(commands)
    lines = [*_command(parser, "")][2:]
    return HEAD + "\n" + "\n".join(lines)


def test_the_page_has_every_command_and_option() -> None:
    assert PAGE.read_text() == page(), "type: python -m tests.test_cli_reference"


def test_the_page_has_each_command_that_help_lists() -> None:
    assert set(COMMANDS) <= {name.split()[1] for name in re.findall(r"^## `(tidegate \w.*)`$", PAGE.read_text(), re.M)}


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.exit(0)
