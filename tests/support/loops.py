"""Every event loop of the tests checks that only its own thread gives it work.

asyncio checks that in its debug mode, which also keeps where each future, task and callback was made: a third of the
processor time of tests that do their work in a loop. This plugin has the check alone; `pytest --asyncio-debug` has all.
With `pytest --loop uvloop` the loops of the tests and of the gateways that they start are uvloop's, which have no such
check, and a test that hangs there ends its process: pytest-timeout has no other way.
It knows nothing of what the tests try.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest

from tests.support import chosen_loop

SCHEDULING = ("call_soon", "call_at")
"""Futures, tasks, timers and transports schedule their callbacks with these."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tidegate")
    group.addoption("--loop", choices=["asyncio", "uvloop"], help="the event loop of tests and gateways (asyncio)")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.option.loop is not None:
        os.environ[chosen_loop.VARIABLE] = config.option.loop
    if chosen_loop.name() == "uvloop":
        # A handler of a signal cannot end what uvloop waits for: a test that hangs would hang for ever.
        config.option.timeout_method = "thread"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.14 on, where it still works
            asyncio.set_event_loop_policy(importlib.import_module("uvloop").EventLoopPolicy())
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
