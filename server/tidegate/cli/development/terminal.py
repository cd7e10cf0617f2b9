"""Asks questions on a terminal.

A caller can give a question up while it waits, so that a user may save a file instead of answering.
Invariant: without a terminal and without --yes, no question is answered yes.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from dataclasses import dataclass

LOOK_S = 0.3


class GivenUp(Exception):
    """The caller gave the question up before the user answered."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Standard input and output. `yes`: the user said yes in advance, with --yes."""

    yes: bool = False

    @property
    def interactive(self) -> bool:
        """Whether a user can answer: both ends are terminals, and the command is not in the background."""
        if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
            return False
        try:
            return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
        except OSError:
            return False

    def say(self, text: str) -> None:
        """Print lines at once."""
        print(text, flush=True)

    def confirm(self, question: str, give_up: Callable[[], bool] = lambda: False) -> bool:
        """Ask a question whose answer is yes or no; Enter is no. Raises GivenUp once `give_up` is true."""
        return self.ask(f"{question} [y/N] ", give_up).lower() in {"y", "yes"}

    def ask(self, question: str, give_up: Callable[[], bool] = lambda: False) -> str:
        """Ask for a line; "" at the end of the input. Raises GivenUp once `give_up` is true."""
        print(question, end="", flush=True)
        while not select.select([sys.stdin], [], [], LOOK_S)[0]:
            if give_up():
                print(flush=True)
                raise GivenUp
        return sys.stdin.readline().strip()
