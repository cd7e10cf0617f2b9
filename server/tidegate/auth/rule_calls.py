"""Calls the rules that an application wrote in Python, as the boundary to code that may do anything.

Invariant: a rule that fails, or takes too long, admits no user; the client gets `internal`, and the log the reason.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tidegate.application_threads import ApplicationThreads
from tidegate.core.errors import Refused
from tidegate.handlers.rules import asked
from tidegate.reports import report, report_failure

SLOW_S = 0.1
"""A rule that takes longer is named in the log: the gateway's loop waits for rules."""
LIMIT_S = 1.0
"""A rule that takes longer has failed."""

T = TypeVar("T")
V = TypeVar("V")


def called(threads: ApplicationThreads, name: str, about: str, ask: Callable[[], T], read: Callable[[T], V]) -> V:
    """What the rule `name` says, asked in a thread and made use of by `read`. Raises Refused(internal)."""
    begun = time.monotonic()
    try:
        return read(threads.result(ask, LIMIT_S))
    except BaseException as error:  # the boundary to the application's code: whatever it raises, it is refused
        report_failure(f"the rule {name} failed for {about!r}; the client gets `internal`", error)
        raise Refused("internal", "a rule of the application failed; the gateway's log says why") from None
    finally:
        if (took := time.monotonic() - begun) > SLOW_S:
            text = f"the rule {name} took {took:.1f} s, for which all clients waited"
            report(text, level=logging.WARNING)


def said_by(rule: Callable[..., Any], *given: Any) -> Any:
    """What a rule says, called in its thread. Raises TypeError for an `async` function, and what the rule raises."""
    asked.set(True)
    said = rule(*given)
    if inspect.iscoroutine(said):
        said.close()
        raise TypeError("a rule is a plain function, and not an `async` one")
    return said
