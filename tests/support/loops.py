"""Every event loop of the tests checks that only its own thread gives it work.

asyncio checks that in its debug mode, which also keeps where each future, task and callback was made: a third of the
processor time of tests that do their work in a loop. This plugin has the check alone; `pytest --asyncio-debug` has all.
It knows nothing of what the tests try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any

SCHEDULING = ("call_soon", "call_at")
"""Futures, tasks, timers and transports schedule their callbacks with these."""


def pytest_configure() -> None:
    for name in SCHEDULING:
        method = getattr(asyncio.BaseEventLoop, name)
        if not hasattr(method, "__wrapped__"):
            setattr(asyncio.BaseEventLoop, name, _checked(method))


def _checked(method: Callable[..., asyncio.Handle]) -> Callable[..., asyncio.Handle]:
    @wraps(method)
    def checked(loop: Any, *args: Any, **options: Any) -> asyncio.Handle:
        loop._check_thread()
        return method(loop, *args, **options)

    return checked
