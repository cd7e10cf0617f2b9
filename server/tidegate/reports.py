"""Log lines about the application's code, which may have broken anything that a log line needs.

Exceptions whose text raises, a log handler that raises, standard error that is closed: none of it may reach the caller.
Invariant: no function here raises, and no line is longer than `LINE_LIMIT` characters.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from typing import Any

log = logging.getLogger("tidegate.handlers")

LINE_LIMIT = 20_000
"""Characters of one log line, with its traceback."""
SHOWN_LIMIT = 200
"""Characters of a value of the application in a log line."""
STACK_LINES = 4
"""Frames of a thread in a log line."""


def report(text: str, *, level: int = logging.ERROR) -> None:
    """Log `text`."""
    with contextlib.suppress(BaseException):
        log.log(level, "%s", _middle_left_out(text))


def report_failure(text: str, error: BaseException) -> None:
    """Log `text` with the traceback of `error`."""
    report(f"{text}\n{_traceback(error)}")


def shown(value: Any) -> str:
    """`value` for a log line."""
    try:
        text = value if isinstance(value, str) else repr(value)
        return repr(text[:SHOWN_LIMIT]) if isinstance(value, str) else text[:SHOWN_LIMIT]
    except BaseException:  # the application's code
        return f"a value of {type(value).__name__}"


def stack(thread: int | None) -> str:
    """Where the code of a thread is now, after a line break; "" if it has ended."""
    try:
        frame = sys._current_frames().get(thread or 0)
        return "" if frame is None else "\n" + "".join(traceback.format_stack(frame)[-STACK_LINES:]).rstrip()
    except Exception:  # the sources that it reads may change under it
        return ""


def waiting(coroutine: Any) -> str:
    """Where a coroutine waits, after a line break: its own line, and those of the coroutines that it awaits."""
    try:
        frames = []
        while (frame := getattr(coroutine, "cr_frame", None)) is not None:
            frames.append((frame, frame.f_lineno))
            coroutine = coroutine.cr_await
        lines = traceback.StackSummary.extract(iter(frames)).format()
        return "\n" + "".join(lines[-STACK_LINES:]).rstrip() if lines else ""
    except Exception:  # it goes on in another thread
        return ""


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error)).rstrip()
    except BaseException:  # the application's code: `__str__`, `__notes__`, `__cause__` ...
        return type(error).__name__


def _middle_left_out(text: str) -> str:
    if len(text) <= LINE_LIMIT:
        return text
    half = LINE_LIMIT // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
